/**
 * How far an import has come, in a file: what was interrupted goes on there. What it says is stored is
 * durable. Threads: one import at a time for each file.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { JvdbError } from '../errors.js';
import type { Source } from '../formats/types.js';
import { KeptFile } from './kept-file.js';

const VERSION = 1;

interface State {
  version: number;
  /** What the source was: another one begins anew. */
  source: string;
  records: number;
}

/**
 * What tells a source from others: its size, when it was changed, how it begins, and what is made of it.
 *
 * @param source - it
 * @param how - what else must be the same
 * @returns a promise of a text
 */
export async function identityOf(source: Source, how: readonly unknown[]): Promise<string> {
  const stats =
    source.readAt === undefined && source.size === undefined
      ? undefined
      : await stat(source.name).catch(() => undefined);
  const hash = createHash('sha256').update(await source.peek(1 << 16));
  return hash.update(JSON.stringify([stats?.size, stats?.mtimeMs, ...how])).digest('hex');
}

/** The file that keeps it. */
export class Checkpoint {
  readonly #file: KeptFile;
  readonly #source: string;

  /**
   * @param path - of the file
   * @param source - see `identityOf`
   */
  constructor(path: string, source: string) {
    this.#file = new KeptFile(path);
    this.#source = source;
  }

  /**
   * Where to go on.
   *
   * @returns a promise of the records that are stored, 0 where there is no such file
   * @throws JvdbError `JVDB_CONFLICT` where it is of another import
   */
  async load(): Promise<number> {
    const kept: Partial<State> | undefined = await this.#file.load();
    if (kept === undefined) return 0;
    const { version, source, records = -1 } = kept;
    if (version === VERSION && source === this.#source && Number.isSafeInteger(records)) return records;
    throw new JvdbError(
      'JVDB_CONFLICT',
      `${this.#file.path} is how far the import of another file came, or of this one before it was changed, or into another database; ` +
        'to begin anew remove it',
    );
  }

  /**
   * Keeps it; on the disk when the promise is fulfilled.
   *
   * @param records - that are stored and durable
   */
  async save(records: number): Promise<void> {
    const state: State = { version: VERSION, source: this.#source, records };
    await this.#file.save(state);
  }

  /** The import is whole. */
  async remove(): Promise<void> {
    await this.#file.remove();
  }
}
