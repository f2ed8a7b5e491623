import { canonicalId, changesOptions, checkedIds, toIdColumn } from './arguments.js';
import { fromJson } from './metadata.js';
import { changesOf, recordsOf } from './columns.js';
import { guard, guardAsync, native, type ChangeColumns, type Cursor, type EntryColumns } from './native.js';
import { HANDLE } from './store-handle.js';
import { StoreSearcher } from './store-searcher.js';
import type { Change, ChangesOptions, VectorId, VectorRecord } from './types.js';

/** Names what gives a store's records by column. */
export const COLUMNS: unique symbol = Symbol('columns');
/** Names what gives a store's changes by column. */
export const CHANGES: unique symbol = Symbol('changes');

/** A snapshot by column. */
interface Columns<T> {
  /** Some rows; none at the end. */
  next: () => Promise<T>;
  /** Gives it back. */
  end: () => void;
}

/**
 * What a store can be asked: by likeness, by id, one after the other.
 *
 * @template M - the metadata stored with a vector
 * @template I - the ids
 */
export abstract class StoreReader<M extends object, I extends VectorId> extends StoreSearcher<M, I> {
  readonly #times = new Float64Array(2);

  /**
   * Whether an id exists.
   *
   * @param id - of the store's idType
   * @returns true if it does
   */
  has(id: I): boolean {
    return guard(() => native.has(this[HANDLE], id));
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
      const json = native.get(this[HANDLE], id, vector, times);
      if (json === undefined) return undefined;
      return {
        id: canonicalId(id),
        vector,
        metadata: fromJson(json, id) as M | undefined,
        createdAt: times[0] ?? 0,
        updatedAt: times[1] ?? 0,
      };
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
    return guard(() => native.read(this[HANDLE], id, out));
  }

  /**
   * A vector in the mapped file itself, without a copy: for large vectors that are read once, in place.
   * It shows the vector as it is now, whatever becomes of the id, and outlives the store: the mapping
   * goes when the last view of its part of the file was collected, or, where a worker ended before that,
   * with the process. What is written into it reaches neither the file nor what other calls answer; later
   * views of the same page may show it.
   *
   * It is a copy where the vector's page is not completely written yet, where what was written may still
   * be lost (a reader beside a writer that has not flushed), and where the runtime has no array buffers
   * over memory of others.
   *
   * @param id - of the store's idType
   * @returns the vector with an ArrayBuffer of its own, undefined where the id is absent
   */
  viewVector(id: I): Float32Array | undefined {
    return guard(() => {
      const buffer = native.view(this[HANDLE], id);
      return buffer === undefined ? undefined : new Float32Array(buffer);
    });
  }

  /**
   * `retrieveVector` for many ids.
   *
   * @param ids - of the store's idType
   * @returns their records in the same order, undefined for absent ids
   */
  batchRetrieve(ids: readonly I[] | BigInt64Array | Float64Array): (VectorRecord<M, I> | undefined)[] {
    return guard(() => Array.from(checkedIds(ids) as ArrayLike<I>, (id) => this.retrieveVector(id)));
  }

  /**
   * `readVector` for many ids.
   *
   * @param ids - of the store's idType
   * @param out - at least ids.length × `dimension` long: a row for each id, NaN for absent ones
   * @returns how many were found
   */
  readVectors(ids: readonly I[] | BigInt64Array | Float64Array, out: Float32Array): number {
    return guard(() => native.readMany(this[HANDLE], toIdColumn(ids), out));
  }

  /**
   * All ids, in the order of their last write, as of this call.
   *
   * @returns an iterator
   */
  ids(): IterableIterator<I> {
    const ids = this.#ids(guard(() => native.cursor(this[HANDLE])));
    ids.next(); // into the `try`, so that leaving the iterator unused ends the cursor too
    return ids;
  }

  *#ids(cursor: Cursor): IterableIterator<I> {
    try {
      yield undefined as never;
      for (;;) {
        const some = guard(() => native.cursorIds(cursor)) as I[];
        if (some.length === 0) return;
        yield* some;
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
    const entries = this.#entries(this[COLUMNS]());
    void entries.next(); // as in ids()
    return entries;
  }

  async *#entries(cursor: Columns<EntryColumns>): AsyncIterableIterator<VectorRecord<M, I>> {
    try {
      yield undefined as never;
      for (;;) {
        const columns = await cursor.next();
        if (columns[0].length === 0) return;
        yield* recordsOf<M, I>(columns, this.dimension);
      }
    } finally {
      cursor.end();
    }
  }

  /**
   * @internal
   * @returns all records as of this call by column, some at a time, and how many there are; end it
   */
  [COLUMNS](): Columns<EntryColumns> & { count: () => number } {
    const cursor = guard(() => native.cursor(this[HANDLE]));
    return {
      count: () => guard(() => native.cursorCount(cursor)),
      next: () => guardAsync(() => native.cursorEntries(cursor)),
      end: () => {
        native.cursorEnd(cursor);
      },
    };
  }

  /**
   * The journal: every change from an LSN on, in order, up to the last whole batch as of this call. The
   * file is read off the event loop. To keep a copy up to date, apply what comes, remember the highest
   * `lsn` of a change that `endsGroup` and is not above `durableLsn`, and ask for what followed it the
   * next time: what is not durable yet, power loss may replace by other changes. To apply a change twice
   * does no harm. A reader in another process calls `refresh` first.
   *
   * What was replaced is told as it was then, until a compaction drops it.
   *
   * @param options - see `ChangesOptions`
   * @returns an iterator
   * @throws JvdbError `JVDB_NOT_FOUND` where a compaction dropped some of them, `JVDB_CONFLICT` where the
   *   store has not come to `sinceLsn`: it is another, or was not refreshed. The copy must be made anew,
   *   with `sinceLsn: 0`
   */
  changes(options: ChangesOptions = {}): AsyncIterableIterator<Change<M, I>> {
    const { sinceLsn, signal } = guard(() => changesOptions(options));
    signal?.throwIfAborted();
    const changes = this.#changes(this[CHANGES](sinceLsn), signal);
    void changes.next(); // as in ids()
    return changes;
  }

  /**
   * @internal
   * @param sinceLsn - as for changes()
   * @returns the same changes by column, some at a time, none at the end; end it
   */
  [CHANGES](sinceLsn: number): Columns<ChangeColumns> {
    const cursor = guard(() => native.changeCursor(this[HANDLE], sinceLsn));
    return {
      next: () => guardAsync(() => native.cursorChanges(cursor)),
      end: () => {
        native.changeCursorEnd(cursor);
      },
    };
  }

  async *#changes(
    cursor: Columns<ChangeColumns>,
    signal: AbortSignal | undefined,
  ): AsyncIterableIterator<Change<M, I>> {
    try {
      yield undefined as never;
      for (;;) {
        signal?.throwIfAborted();
        const columns = await cursor.next();
        if (columns[0].length === 0) return;
        for (const change of changesOf<M, I>(columns, this.dimension)) {
          signal?.throwIfAborted();
          yield change;
        }
      }
    } finally {
      cursor.end();
    }
  }
}
