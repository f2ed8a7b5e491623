import { onAbort, unlessAborted } from './abort.js';
import { lengthOf } from './arguments.js';
import { toJvdbError } from './errors.js';
import { fromJson } from './metadata.js';
import { guard, native, type HitColumns, type Job } from './native.js';
import { rawSearchOptions, searchOptions, toQueries, toQuery, type CheckedSearchOptions } from './search-arguments.js';
import { HANDLE } from './store-handle.js';
import { StoreUpkeep } from './store-upkeep.js';
import type { RawSearchOptions, RawSearchResult, SearchHit, SearchOptions, VectorId, VectorInput } from './types.js';

/**
 * Searches of a store. All of them are exact: scores are computed in float64 from the stored values, and
 * equal scores come by id, the lower first. Each is that of one moment, whatever is written meanwhile.
 *
 * @template M - the metadata stored with a vector
 * @template I - the ids
 */
export abstract class StoreSearcher<M extends object, I extends VectorId> extends StoreUpkeep {
  /**
   * The vectors most like a query, off the event loop.
   *
   * @param query - `dimension` finite values
   * @param options - see `SearchOptions`
   * @returns a promise of the hits, best first
   */
  async search(query: VectorInput, options: SearchOptions<I> = {}): Promise<SearchHit<M, I>[]> {
    const checked = guard(() => searchOptions(options));
    const columns = await this.#run(checked, (job) =>
      native.searchAsync(this[HANDLE], ...checked.withQueries(toQuery(query, this.dimension)), job),
    );
    return this.#hits(columns, checked, 0, columns[0].length);
  }

  /**
   * `search` on this thread: for scripts and small stores.
   *
   * @param query - `dimension` finite values
   * @param options - see `SearchOptions`; a signal is of no use here
   * @returns the hits, best first
   */
  searchSync(query: VectorInput, options: SearchOptions<I> = {}): SearchHit<M, I>[] {
    const checked = guard(() => searchOptions(options));
    checked.signal?.throwIfAborted();
    const columns = guard(() => native.search(this[HANDLE], ...checked.withQueries(toQuery(query, this.dimension))));
    return this.#hits(columns, checked, 0, columns[0].length);
  }

  /**
   * `search` for many queries at once: the stored vectors are read once for up to 64 of them, several times
   * as fast as one query after the other. All see the same moment.
   *
   * @param queries - n × `dimension` finite values one after the other, or n queries
   * @param options - see `SearchOptions`; they hold for each query
   * @returns a promise of the hits of each query, in their order
   */
  async searchBatch(
    queries: Float32Array | readonly VectorInput[],
    options: SearchOptions<I> = {},
  ): Promise<SearchHit<M, I>[][]> {
    const checked = guard(() => searchOptions(options));
    const flat = guard(() => toQueries(queries, this.dimension));
    checked.signal?.throwIfAborted();
    if (lengthOf(flat) === 0) {
      guard(() => native.vectorCount(this[HANDLE])); // throws where the store is closed
      return [];
    }
    const columns = await this.#run(checked, (job) =>
      native.searchAsync(this[HANDLE], ...checked.withQueries(flat), job),
    );
    let end = 0;
    return columns[5].map((count) => this.#hits(columns, checked, end, (end += count)));
  }

  /**
   * `search` without an object for each hit: ids and scores as columns.
   *
   * @param query - `dimension` finite values
   * @param options - see `RawSearchOptions`
   * @returns a promise of the columns, best first
   */
  async searchRaw(query: VectorInput, options: RawSearchOptions<I> = {}): Promise<RawSearchResult<I>> {
    const checked = guard(() => rawSearchOptions(options));
    const [ids, scores] = await this.#run(checked, (job) =>
      native.searchRaw(this[HANDLE], ...checked.withQueries(toQuery(query, this.dimension)), job),
    );
    const columns = { ids: Array.isArray(ids) ? ids : new BigInt64Array(ids), scores: new Float64Array(scores) };
    return { ...columns, count: columns.scores.length } as unknown as RawSearchResult<I>;
  }

  async #run<T>({ signal }: CheckedSearchOptions, search: (job: Job | undefined) => Promise<T>): Promise<T> {
    try {
      return await (signal === undefined ? search(undefined) : untilAborted(signal, search));
    } catch (thrown) {
      throw signal?.aborted === true && Object.is(thrown, signal.reason) ? thrown : toJvdbError(thrown);
    }
  }

  #hits(
    [ids, scores, distances, metadata, vectors]: HitColumns,
    { includeMetadata, includeVectors }: CheckedSearchOptions,
    begin: number,
    end: number,
  ): SearchHit<M, I>[] {
    return guard(() =>
      ids.slice(begin, end).map((id, place) => {
        const i = begin + place;
        const hit: SearchHit<M, I> = { id: id as I, distance: distances[i] ?? NaN, score: scores[i] ?? NaN };
        if (includeMetadata) hit.metadata = fromJson(metadata?.[i], id) as M | undefined;
        if (includeVectors && vectors !== undefined) {
          hit.vector = new Float32Array(vectors, i * this.dimension * 4, this.dimension).slice();
        }
        return hit;
      }),
    );
  }
}

// An abort rejects at once, also while the search waits for its turn.
async function untilAborted<T>(signal: AbortSignal, search: (job: Job) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const job = native.job();
  const forget = onAbort(signal, () => {
    native.cancelJob(job);
  });
  try {
    return await unlessAborted(signal, search(job));
  } finally {
    forget();
  }
}
