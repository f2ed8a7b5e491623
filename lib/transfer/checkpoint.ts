/**
 * How far an import has come, in a file: what was interrupted goes on there. What it says is stored is
 * durable. Threads: one import at a time for each file.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isUint8Array } from 'node:util/types';
import { invalid } from '../arguments.js';
import { JvdbError } from '../errors.js';
import type { ImportSource } from '../formats/source.js';
import type { Source } from '../formats/types.js';
import { KeptFile } from './kept-file.js';
import type { Target } from './target.js';

const VERSION = 2;

interface State {
  version: number;
  /** What the source was: another one begins anew. */
  source: string;
  records: number;
  /** The last change that had been made durable: a store that hasn't come so far is not the one, or lost some. */
  lsn: number;
}

/**
 * What tells an import from others: of its source the size, when it was changed and how it begins, the database it
 * fills, and what is made of it.
 *
 * @param source - what is read
 * @param given - as the caller gave it: a file's own size and time, also where it is zipped
 * @param target - what is filled
 * @param how - what else must be the same
 * @returns a promise of a text
 */
export async function identityOf(
  source: Source,
  given: ImportSource,
  target: Target,
  how: readonly unknown[],
): Promise<string> {
  const isPath = typeof given === 'string' && given !== '-';
  const stats = isPath ? await stat(given, { bigint: true }).catch(() => undefined) : undefined;
  const file = stats?.isFile() === true ? [String(stats.size), String(stats.mtimeNs)] : [];
  const bytes = isUint8Array(given) ? given.length : undefined;
  const { dimension, idType, createdAt } = target;
  const into = [dimension, idType, createdAt, target.identity()];
  const hash = createHash('sha256').update(await source.peek(1 << 16));
  return hash.update(JSON.stringify([file, bytes, into, how])).digest('hex');
}

/**
 * Refuses what no checkpoint can be kept in.
 *
 * @param file - as given by the caller
 * @throws JvdbError `JVDB_INVALID_ARGUMENT`, `JVDB_NOT_FOUND` where there is no such directory
 */
export async function checkCheckpoint(file: string): Promise<void> {
  if (file === '') throw invalid('checkpoint must be the path of a file to keep it in, not ""');
  const directory = path.dirname(path.resolve(file));
  const stats = await stat(directory).catch(() => undefined);
  if (stats?.isDirectory() === true) return;
  throw new JvdbError('JVDB_NOT_FOUND', `cannot keep a checkpoint in ${file}: there is no directory ${directory}`);
}

/** The file that keeps it. */
export class Checkpoint {
  readonly #file: KeptFile;
  readonly #source: string;
  readonly #target: Target;

  /**
   * @param path - of the file
   * @param source - see `identityOf`
   * @param target - what is filled
   */
  constructor(path: string, source: string, target: Target) {
    this.#file = new KeptFile(path);
    this.#source = source;
    this.#target = target;
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
    const { version, source, records = -1, lsn = Infinity } = kept;
    const isOfThis = version === VERSION && source === this.#source && Number.isSafeInteger(records);
    if (!isOfThis) {
      throw new JvdbError(
        'JVDB_CONFLICT',
        `${this.#file.path} is how far the import of another file came, or of this one before it was changed, or into another database; ` +
          'to begin anew remove it',
      );
    }
    const { lastLsn } = this.#target.state();
    if (lastLsn >= lsn) return records;
    throw new JvdbError(
      'JVDB_CONFLICT',
      `${this.#file.path} says that change ${lsn} of the database was stored, which has come to ${lastLsn} only, as an older copy ` +
        'of it has; to begin anew remove it',
    );
  }

  /**
   * Keeps it; on the disk when the promise is fulfilled.
   *
   * @param records - that are stored and durable
   */
  async save(records: number): Promise<void> {
    const lsn = this.#target.state().durableLsn;
    const state: State = { version: VERSION, source: this.#source, records, lsn };
    await this.#file.save(state);
  }

  /** The import is whole. */
  async remove(): Promise<void> {
    await this.#file.remove();
  }
}
