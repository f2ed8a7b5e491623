/** When a store compacts itself. */
import { between, checkKeys, integer, invalid, shown } from './arguments.js';
import { JvdbError, toJvdbError } from './errors.js';
import type { StoreStats } from './types.js';
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
type Space = Pick<StoreStats, 'vectorCount' | 'deadCount' | 'capacity' | 'allocatedBytes'>;

// Changes between two looks.
const FEWEST_CHANGES = 16;
const MOST_CHANGES = 256;

/** Decides after changes whether it is time, and begins. Threads: the store's. */
export class AutoCompaction {
  readonly #policy: NonNullable<Policy>;
  readonly #space: () => Space;
  #compact: () => Promise<unknown>;
  #tell: (error: JvdbError) => void = (error) => {
    process.emitWarning(error);
  };
  #between = MOST_CHANGES;
  #changes = MOST_CHANGES;
  #patience = 1;
  #running = false;

  /**
   * Looks at the first change: the file may have been left like that.
   *
   * @param policy - when
   * @param space - tells how much is dead
   * @param compact - compacts
   */
  constructor(policy: NonNullable<Policy>, space: () => Space, compact: () => Promise<unknown>) {
    this.#policy = policy;
    this.#space = space;
    this.#compact = compact;
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
    if (this.#changes < this.#between * this.#patience || this.#running) return;
    this.#changes = 0;
    if (this.#due()) void this.#begin();
  }

  #due(): boolean {
    const { deadShare, deadBytes } = this.#policy;
    try {
      const { vectorCount, deadCount, capacity, allocatedBytes } = this.#space();
      const slots = vectorCount + deadCount;
      // With its id and metadata; deletions are few, or make few slots of many.
      const bytesEach = allocatedBytes / Math.max(capacity, slots, 1);
      this.#between = Math.min(MOST_CHANGES, Math.max(FEWEST_CHANGES, deadBytes / bytesEach / 8));
      return deadCount > 0 && deadCount * bytesEach >= deadBytes && deadCount >= slots * deadShare;
    } catch {
      return false; // closed, or deleted
    }
  }

  async #begin(): Promise<void> {
    this.#running = true;
    try {
      await this.#compact();
      this.#patience = 1;
    } catch (thrown) {
      const error = toJvdbError(thrown);
      // Closed meanwhile, deleted, or compacted by another handle: nothing to tell.
      if (['JVDB_CLOSED', 'JVDB_NOT_FOUND', 'JVDB_CONFLICT'].includes(error.code)) return;
      this.#patience *= 2; // a full disk stays full for a while
      const text = `compacting failed, and will be tried again after more changes: ${error.message}`;
      this.#tell(new JvdbError(error.code, text, { cause: error }));
    } finally {
      this.#running = false;
    }
  }
}
