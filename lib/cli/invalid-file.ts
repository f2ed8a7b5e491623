/** The file of records that an import passed over: a JSON line each. Threads: one. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { system } from '../directories.js';
import { databaseIn } from '../formats/databases.js';
import type { InvalidRecord } from '../formats/types.js';
import { UsageError } from './output.js';

const PIECE = 1 << 16;
const NEWLINE = 10;

/** The file, open. */
export class InvalidFile implements Disposable {
  readonly #name: string;
  readonly #file: number;
  #hasOlder: boolean;
  // Behind the lines that are kept; a pipe or a device has no places.
  #end: number | null = null;

  /**
   * @param name - of the file
   * @param input - what is imported
   * @param goesOn - an import that was interrupted has written to it
   * @throws UsageError where it is what is imported, or a database
   */
  constructor(name: string, input: string, goesOn: boolean) {
    this.#name = name;
    const [to, from] = [name, input].map((one) =>
      system(`use ${one}`, () => statSync(one, { throwIfNoEntry: false, bigint: true })),
    );
    const isFile = to?.isFile() === true;
    if (isFile && to.ino === from?.ino && to.dev === from.dev) {
      throw new UsageError(`${name} is what is to be imported; give another file for invalid records`);
    }
    const database = isFile ? system(`read ${name}`, () => databaseIn(name)) : undefined;
    if (database !== undefined) {
      throw new UsageError(`${name} is ${database}; give another file for invalid records`);
    }
    this.#hasOlder = goesOn && isFile;
    // Windows cuts no file that is open for appending.
    this.#file = system(`write ${name}`, () => openSync(name, this.#hasOlder ? 'r+' : 'w'));
  }

  /**
   * Adds a record.
   *
   * @param record - what is wrong with it
   * @param from - which of several files has it
   */
  write(record: InvalidRecord, from?: string): void {
    system(`write ${this.#name}`, () => {
      // What was found after the checkpoint is found again.
      if (this.#hasOlder) this.#end = this.#cut(record.record);
      this.#hasOlder = false;
      const written = writeSync(this.#file, `${JSON.stringify({ from, ...record })}\n`, this.#end);
      if (this.#end !== null) this.#end += written;
    });
  }

  // Lines have their records in order: keeps those before this one. Returns where they end.
  #cut(record: number): number {
    const size = fstatSync(this.#file).size;
    let [held, start]: [Buffer, number] = [Buffer.alloc(0), 0];
    for (let at = 0; at < size;) {
      const piece = Buffer.alloc(PIECE);
      const count = readSync(this.#file, piece, 0, PIECE, at);
      if (count === 0) break;
      at += count;
      held = Buffer.concat([held, piece.subarray(0, count)]);
      let from = 0;
      for (let end = held.indexOf(NEWLINE); end >= 0; end = held.indexOf(NEWLINE, from)) {
        if (!isBefore(held.toString('utf8', from, end), record)) {
          ftruncateSync(this.#file, start);
          return start;
        }
        start += end + 1 - from;
        from = end + 1;
      }
      held = held.subarray(from);
    }
    ftruncateSync(this.#file, start); // a line that was cut short
    return start;
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

function isBefore(line: string, record: number): boolean {
  try {
    const { record: found } = JSON.parse(line) as { record?: unknown };
    return typeof found === 'number' && found < record;
  } catch {
    return false;
  }
}
