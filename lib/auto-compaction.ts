/** When a store compacts itself. */
import { between, checkKeys, integer, invalid, shown } from './arguments.js';
import { JvdbError, toJvdbError } from './errors.js';
import type { AutoCompactOptions } from './upkeep-types.js';

/** Checked ones; undefined: never. */
export type Policy = Readonly<{ deadShare: number; deadBytes: number }> | undefined;

/**
 * The option `autoCompact`.
 *
 * @param option - as given by the caller
 * @returns the policy
 */
export function policyOf(option: boolean | AutoCompactOptions | undefined): Policy {
  if (option === false) return undefined;
  if (option !== undefined && option !== true && (typeof option !== 'object' || (option as unknown) === null)) {
    throw invalid(`autoCompact must be true, false or an object, not ${shown(option)}`);
  }
  const given = typeof option === 'object' ? option : {};
  checkKeys(given, ['deadShare', 'deadBytes'] satisfies (keyof AutoCompactOptions)[], 'options of autoCompact');
  return {
    deadShare: between(given.deadShare ?? 0.3, 0, 1, 'deadShare'),
    deadBytes: integer(given.deadBytes ?? 10 * 2 ** 20, 0, Number.MAX_SAFE_INTEGER, 'deadBytes'),
  };
}

/** What compaction is decided by. */
interface Space {
  vectorCount: number;
  deadCount: number;
}

const FEWEST_CHANGES = 16; // between two looks

/** Decides after changes whether it is time, and begins. Threads: the store's. */
export class AutoCompaction {
  readonly #policy: NonNullable<Policy>;
  readonly #rowBytes: number;
  readonly #space: () => Space;
  #compact: () => Promise<unknown>;
  #tell: (error: JvdbError) => void = (error) => {
    process.emitWarning(error);
  };
  #between: number;
  #changes: number;
  #running = false;

  /**
   * Looks at the first change: the file may have been left like that.
   *
   * @param policy - when
   * @param dimension - of the vectors
   * @param space - tells how much is dead
   * @param compact - compacts
   */
  constructor(policy: NonNullable<Policy>, dimension: number, space: () => Space, compact: () => Promise<unknown>) {
    this.#policy = policy;
    this.#space = space;
    this.#compact = compact;
    const record = 96;
    this.#rowBytes = Math.ceil((dimension * 4) / 64) * 64 + Math.ceil(dimension / 64) * 64 + record;
    this.#between = Math.max(FEWEST_CHANGES, Math.floor(policy.deadBytes / this.#rowBytes / 8));
    this.#changes = this.#between;
  }

  /**
   * Compacts through something else: a queue.
   *
   * @param compact - compacts
   * @param tell - is told what failed
   */
  through(compact: () => Promise<unknown>, tell: (error: JvdbError) => void): void {
    this.#compact = compact;
    this.#tell = tell;
  }

  /**
   * Something was stored, replaced or deleted.
   *
   * @param count - so many times
   */
  changed(count: number): void {
    this.#changes += count;
    if (this.#changes < this.#between || this.#running) return;
    this.#changes = 0;
    if (this.#due()) void this.#begin();
  }

  #due(): boolean {
    const { deadShare, deadBytes } = this.#policy;
    try {
      const { vectorCount, deadCount } = this.#space();
      const enough = deadCount * this.#rowBytes >= deadBytes;
      return enough && deadCount > 0 && deadCount >= (vectorCount + deadCount) * deadShare;
    } catch {
      return false; // closed, or deleted
    }
  }

  async #begin(): Promise<void> {
    this.#running = true;
    try {
      await this.#compact();
    } catch (thrown) {
      const error = toJvdbError(thrown);
      // Closed meanwhile, deleted, or compacted by another handle: nothing to tell.
      if (['JVDB_CLOSED', 'JVDB_NOT_FOUND', 'JVDB_CONFLICT'].includes(error.code)) return;
      this.#between *= 2; // a full disk stays full for a while
      const text = `compacting failed, and will be tried again after more changes: ${error.message}`;
      this.#tell(new JvdbError(error.code, text, { cause: error }));
    } finally {
      this.#running = false;
    }
  }
}
