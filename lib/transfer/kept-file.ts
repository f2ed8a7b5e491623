/** A JSON value in a file, replaced as a whole. Threads: one at a time for each file. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { replaceFile, systemAsync, unlessMissing } from '../directories.js';

/** Keeps a value across the ends of processes. */
export class KeptFile {
  /** Where it is. */
  readonly path: string;

  /**
   * @param file - its path
   */
  constructor(file: string) {
    this.path = file;
  }

  /**
   * Reads it.
   *
   * @returns a promise of the value, {} for what is no JSON object; undefined where there is no such file
   * @throws JvdbError `JVDB_IO` where it can't be read
   */
  async load(): Promise<Record<string, unknown> | undefined> {
    const text = await systemAsync(`read ${this.path}`, () => unlessMissing(() => readFile(this.path, 'utf8')));
    return text === undefined ? undefined : parsed(text);
  }

  /**
   * Writes it; on the disk when the promise is fulfilled.
   *
   * @param value - as JSON
   * @throws JvdbError `JVDB_IO`, `JVDB_NO_SPACE`; the file is as it was then
   */
  async save(value: object): Promise<void> {
    const temporary = `${this.path}.tmp-${randomUUID()}`;
    await systemAsync(`write ${this.path}`, () => replaceFile(this.path, JSON.stringify(value), temporary));
  }

  /** Removes it, if it is there. */
  async remove(): Promise<void> {
    await systemAsync(`remove ${this.path}`, () => rm(this.path, { force: true }));
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
