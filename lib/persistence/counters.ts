import { JvdbError, toJvdbError } from '../errors.js';
import type { StorageStats } from './types.js';

const FLUSHES_KEPT = 256;
const MINUTE = 60_000;

/** What a persistence counts. */
export class Counters {
  lruHits = 0;
  lruMisses = 0;
  limitExceeded = 0;
  flushes = 0;
  compactions = 0;
  errors = 0;
  lastError: JvdbError | undefined;
  #evictions = 0;
  #lastFlushMs = 0;
  readonly #flushMs: number[] = []; // the last ones, in a ring
  // Evictions of the seconds of the last minute, at second modulo 60.
  readonly #perSecond = Array.from({ length: 60 }, () => ({ second: -1, evictions: 0 }));

  /** Counts a database closed to make room. */
  evicted(): void {
    this.#evictions++;
    const second = Math.floor(performance.now() / 1000);
    const place = this.#perSecond[second % 60];
    if (place === undefined) return;
    if (place.second !== second) Object.assign(place, { second, evictions: 0 });
    place.evictions++;
  }

  /**
   * Counts a flush that had something to do.
   *
   * @param durationMs - how long it took
   */
  flushed(durationMs: number): void {
    this.#flushMs[this.flushes++ % FLUSHES_KEPT] = durationMs;
    this.#lastFlushMs = durationMs;
  }

  /**
   * Counts a failure.
   *
   * @param thrown - what was thrown
   * @returns the same as a JvdbError
   */
  failed(thrown: unknown): JvdbError {
    this.errors++;
    return (this.lastError = toJvdbError(thrown));
  }

  /**
   * The figures.
   *
   * @returns those that are counted here
   */
  stats(): Pick<
    StorageStats,
    | 'lruHits'
    | 'lruMisses'
    | 'lruEvictions'
    | 'evictionsPerMinute'
    | 'limitExceeded'
    | 'flushes'
    | 'lastFlushMs'
    | 'p95FlushMs'
    | 'compactions'
    | 'errors'
    | 'lastError'
  > {
    const { lruHits, lruMisses, limitExceeded, flushes, compactions, errors, lastError } = this;
    const sorted = [...this.#flushMs].sort((a, b) => a - b);
    const since = (performance.now() - MINUTE) / 1000;
    const recent = this.#perSecond.filter(({ second }) => second > since);
    return {
      lruHits,
      lruMisses,
      lruEvictions: this.#evictions,
      evictionsPerMinute: recent.reduce((sum, { evictions }) => sum + evictions, 0),
      limitExceeded,
      flushes,
      compactions,
      lastFlushMs: this.#lastFlushMs,
      p95FlushMs: sorted[Math.max(0, Math.ceil(sorted.length * 0.95) - 1)] ?? 0,
      errors,
      lastError,
    };
  }
}
