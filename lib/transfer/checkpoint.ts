/**
 * How far an import has come, in a file: what was interrupted goes on there. What it says is stored is
 * durable. Threads: one import at a time for each file.
 */
import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { describe, JvdbError } from '../errors.js';
import type { Source } from '../formats/types.js';

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
  readonly #path: string;
  readonly #source: string;

  /**
   * @param path - of the file
   * @param source - see `identityOf`
   */
  constructor(path: string, source: string) {
    this.#path = path;
    this.#source = source;
  }

  /**
   * Where to go on.
   *
   * @returns a promise of the records that are stored, 0 where there is no such file
   * @throws JvdbError `JVDB_CONFLICT` where it is of another import
   */
  async load(): Promise<number> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw new JvdbError('JVDB_IO', `cannot read ${this.#path}: ${describe(thrown)}`, { cause: thrown });
    }
    const { version, source, records } = parsed(text);
    if (version === VERSION && source === this.#source && Number.isSafeInteger(records)) return records;
    throw new JvdbError(
      'JVDB_CONFLICT',
      `${this.#path} is how far the import of another file came, or of this one before it was changed; ` +
        'to begin anew remove it',
    );
  }

  /**
   * Keeps it; on the disk when the promise is fulfilled.
   *
   * @param records - that are stored and durable
   */
  async save(records: number): Promise<void> {
    const temporary = `${this.#path}.tmp-${process.pid}`;
    const state: State = { version: VERSION, source: this.#source, records };
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(state));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    } catch (thrown) {
      await rm(temporary, { force: true });
      throw new JvdbError('JVDB_IO', `cannot write ${this.#path}: ${describe(thrown)}`, { cause: thrown });
    }
  }

  /** The import is whole. */
  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function parsed(text: string): Partial<State> & { records: number } {
  try {
    return { records: -1, ...(JSON.parse(text) as Partial<State>) };
  } catch {
    return { records: -1 };
  }
}
