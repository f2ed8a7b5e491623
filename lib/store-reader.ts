import { canonicalId, searchOptions, toFloat32, toIdColumn, type CheckedSearchOptions } from './arguments.js';
import { guard, guardAsync, native, type Cursor, type HitColumns } from './native.js';
import { StoreHandle } from './store-handle.js';
import type { SearchHit, SearchOptions, VectorId, VectorInput, VectorRecord } from './types.js';

const IDS_AT_ONCE = 1024;
const ENTRY_BYTES_AT_ONCE = 1 << 20;

/**
 * What a store can be asked: by id, one after the other, by likeness.
 *
 * @template M - the metadata stored with a vector
 * @template I - the ids
 */
export abstract class StoreReader<M extends object, I extends VectorId> extends StoreHandle {
  readonly #times = new Float64Array(2);

  /**
   * Whether an id exists.
   *
   * @param id - of the store's idType
   * @returns true if it does
   */
  has(id: I): boolean {
    return guard(() => native.has(this.handle, id));
  }

  /**
   * A copy of a stored vector, with all that is known of it.
   *
   * @param id - of the store's idType
   * @returns the record, undefined where the id is absent
   */
  retrieveVector(id: I): VectorRecord<M, I> | undefined {
    return guard(() => {
      const vector = new Float32Array(this.dimension);
      const times = this.#times;
      const json = native.get(this.handle, id, vector, times);
      if (json === undefined) return undefined;
      const metadata = json === null ? undefined : (JSON.parse(json) as M);
      return { id: canonicalId(id), vector, metadata, createdAt: times[0] ?? 0, updatedAt: times[1] ?? 0 };
    });
  }

  /**
   * Copies a vector into an array of the caller's: the fastest way to read one.
   *
   * @param id - of the store's idType
   * @param out - at least `dimension` long; its first `dimension` values are overwritten
   * @returns false where the id is absent; then `out` is untouched
   */
  readVector(id: I, out: Float32Array): boolean {
    return guard(() => native.read(this.handle, id, out));
  }

  /**
   * `retrieveVector` for many ids.
   *
   * @param ids - of the store's idType
   * @returns their records in the same order, undefined for absent ids
   */
  batchRetrieve(ids: readonly I[]): (VectorRecord<M, I> | undefined)[] {
    return ids.map((id) => this.retrieveVector(id));
  }

  /**
   * `readVector` for many ids.
   *
   * @param ids - of the store's idType
   * @param out - at least ids.length × `dimension` long: a row for each id, NaN for absent ones
   * @returns how many were found
   */
  readVectors(ids: readonly I[] | BigInt64Array | Float64Array, out: Float32Array): number {
    return guard(() => native.readMany(this.handle, toIdColumn(ids), out));
  }

  /**
   * All ids, in the order of their last write, as of this call.
   *
   * @returns an iterator
   */
  ids(): IterableIterator<I> {
    return this.#ids(guard(() => native.cursor(this.handle)));
  }

  *#ids(cursor: Cursor): IterableIterator<I> {
    try {
      for (;;) {
        const some = guard(() => native.cursorIds(cursor, IDS_AT_ONCE)) as I[];
        yield* some;
        if (some.length < IDS_AT_ONCE) return;
      }
    } finally {
      native.cursorEnd(cursor);
    }
  }

  /**
   * All records, in the order of their last write, as of this call. The file is read off the event
   * loop.
   *
   * @returns an iterator
   */
  entries(): AsyncIterableIterator<VectorRecord<M, I>> {
    return this.#entries(guard(() => native.cursor(this.handle)));
  }

  async *#entries(cursor: Cursor): AsyncIterableIterator<VectorRecord<M, I>> {
    const { dimension } = this;
    const atOnce = Math.min(256, Math.max(1, Math.floor(ENTRY_BYTES_AT_ONCE / (4 * dimension))));
    try {
      for (;;) {
        const columns = await guardAsync(() => native.cursorEntries(cursor, atOnce));
        const [ids, metadata, created, updated, vectors] = columns;
        for (const [i, id] of ids.entries()) {
          const json = metadata[i];
          yield {
            id: id as I,
            vector: new Float32Array(vectors, i * dimension * 4, dimension).slice(),
            metadata: json === undefined ? undefined : (JSON.parse(json) as M),
            createdAt: created[i] ?? 0,
            updatedAt: updated[i] ?? 0,
          };
        }
        if (ids.length < atOnce) return;
      }
    } finally {
      native.cursorEnd(cursor);
    }
  }

  /**
   * The vectors most like a query, off the event loop. The answer is exact: scores are computed in
   * float64 from the stored values, and equal scores come by id, the lower first. It is that of one
   * moment, whatever is written meanwhile.
   *
   * @param query - `dimension` finite values
   * @param options - see `SearchOptions`
   * @returns a promise of the hits, best first
   */
  async search(query: VectorInput, options: SearchOptions = {}): Promise<SearchHit<M, I>[]> {
    const checked = searchOptions(options);
    const { signal, topK, includeMetadata, includeVectors } = checked;
    signal?.throwIfAborted();
    const canceller = signal === undefined ? undefined : native.canceller();
    const cancel = (): void => {
      if (canceller !== undefined) native.cancel(canceller);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      const columns = await guardAsync(() =>
        native.searchAsync(this.handle, toFloat32(query), topK, includeMetadata, includeVectors, canceller),
      );
      signal?.throwIfAborted();
      return this.#hits(columns, checked);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /**
   * `search` on this thread: for scripts and small stores.
   *
   * @param query - `dimension` finite values
   * @param options - see `SearchOptions`; a signal is of no use here
   * @returns the hits, best first
   */
  searchSync(query: VectorInput, options: SearchOptions = {}): SearchHit<M, I>[] {
    return guard(() => {
      const checked = searchOptions(options);
      const { topK, includeMetadata, includeVectors } = checked;
      checked.signal?.throwIfAborted();
      return this.#hits(native.search(this.handle, toFloat32(query), topK, includeMetadata, includeVectors), checked);
    });
  }

  #hits(columns: HitColumns, { includeMetadata, includeVectors }: CheckedSearchOptions): SearchHit<M, I>[] {
    const [ids, scores, distances, metadata, vectors] = columns;
    return ids.map((id, i) => {
      const hit: SearchHit<M, I> = { id: id as I, distance: distances[i] ?? NaN, score: scores[i] ?? NaN };
      const json = metadata?.[i];
      if (includeMetadata) hit.metadata = json === undefined ? undefined : (JSON.parse(json) as M);
      if (includeVectors && vectors !== undefined) {
        hit.vector = new Float32Array(vectors, i * this.dimension * 4, this.dimension).slice();
      }
      return hit;
    });
  }
}
