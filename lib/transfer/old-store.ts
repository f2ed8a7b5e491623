/** A database of this package, to migrate from by its journal. Threads: the one that opened it. */
import { JvdbError } from '../errors.js';
import type { Batch } from '../formats/types.js';
import { FileBytes } from '../inspect/bytes.js';
import { readHeaders } from '../inspect/heads.js';
import type { ChangeColumns } from '../native.js';
import { CHANGES } from '../store-reader.js';
import { MemoryMappedVectorStore } from '../store.js';
import type { DistanceMetric, IdType, VectorId } from '../types.js';
import type { Contents, NewStore, OldDatabase, PassResult } from './old-database.js';
import { StoreTable } from './tables.js';

/**
 * Opens a database of this package to be read.
 *
 * @param path - of the file
 * @param onlyDurable - whether it is written to, and power loss may yet replace its last changes: they are for
 *   the next pass
 * @returns a promise of it
 * @throws JvdbError as opening a store does
 */
export async function openStore(path: string, onlyDurable: boolean): Promise<OldDatabase> {
  const store: NewStore = await MemoryMappedVectorStore.openAsync(path, { readOnly: true });
  try {
    return new OldStore(store, onlyDurable);
  } catch (thrown) {
    store.close();
    throw thrown;
  }
}

/** A store that others may write to meanwhile. */
class OldStore implements OldDatabase {
  readonly kind = 'jvdb';
  readonly start = '0';
  readonly identity: string;
  readonly scanColumn: 'int8' | 'none' | undefined;
  readonly #store: NewStore;
  readonly #onlyDurable: boolean;

  constructor(store: NewStore, onlyDurable: boolean) {
    this.#store = store;
    this.#onlyDurable = onlyDurable;
    using bytes = new FileBytes(store.filePath);
    const { parts } = readHeaders(bytes, () => undefined); // opening it has refused what is wrong
    const [header] = parts.filter(({ status }) => status === 'whole');
    this.identity = header?.databaseId ?? '';
    this.scanColumn = header?.scanColumn;
  }

  get dimension(): number {
    return this.#store.dimension;
  }

  get distanceMetric(): DistanceMetric {
    return this.#store.metric;
  }

  get idType(): IdType {
    return this.#store.idType;
  }

  get allowNonFinite(): boolean {
    return this.#store.allowNonFinite;
  }

  get count(): number {
    return this.#store.vectorCount;
  }

  async pass(
    into: NewStore,
    position: string,
    step: (done: number, position: string) => Promise<void>,
  ): Promise<PassResult> {
    this.#store.refresh();
    const [changes, isAnew] = this.#changesSince(Number(position));
    const limit = this.#onlyDurable ? this.#store.durableLsn : this.#store.lastLsn;
    const result = { position, taken: 0, skipped: 0, deleted: 0, withoutId: 0, invalid: 0, needsReconciling: isAnew };
    try {
      for (;;) {
        const columns = await changes.next();
        const [ids, , , , , lsns, puts, ends] = columns;
        const most = lsns.findIndex((lsn) => lsn > limit);
        const count = most === -1 ? ids.length : most;
        if (count === 0) return result;
        await apply(into, columns, count);
        const stored = puts.slice(0, count).filter(Boolean).length;
        result.taken += stored;
        result.deleted += count - stored;
        const last = ends.lastIndexOf(true, count - 1);
        if (last >= 0) result.position = String(lsns[last]);
        // Until all is told anew, what was deleted isn't.
        await step(result.taken + result.deleted, isAnew ? position : result.position);
      }
    } finally {
      changes.end();
    }
  }

  // What follows a position; all, where a compaction dropped some of it, or the file lost it.
  #changesSince(lsn: number): [ReturnType<NewStore[typeof CHANGES]>, isAnew: boolean] {
    try {
      return [this.#store[CHANGES](lsn), false];
    } catch (thrown) {
      const isGone = thrown instanceof JvdbError && ['JVDB_NOT_FOUND', 'JVDB_CONFLICT'].includes(thrown.code);
      if (!isGone || lsn === 0) throw thrown;
      return [this.#store[CHANGES](0), true];
    }
  }

  async contents(): Promise<Contents> {
    return Promise.resolve({ has: (id) => this.#store.has(id), metadataOf: undefined });
  }

  async *rows(): AsyncIterable<Batch> {
    const table = new StoreTable(this.#store, '');
    try {
      yield* table.rows();
    } finally {
      table.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.closeAsync();
  }
}

// Of each id its last change is applied: one batch of all that are there, one of those that are not.
async function apply(into: NewStore, columns: ChangeColumns, count: number): Promise<void> {
  const [all, metadata, , , vectors, , puts] = columns;
  const ids = all.slice(0, count);
  const { dimension } = into;
  const last = new Map<VectorId, number>();
  for (const [i, id] of ids.entries()) last.set(id, i);
  const stored: { ids: VectorId[]; metadata: (string | undefined)[]; rows: number[] } = {
    ids: [],
    metadata: [],
    rows: [],
  };
  const deleted: VectorId[] = [];
  let row = 0;
  for (const [i, id] of ids.entries()) {
    const isLast = last.get(id) === i;
    if (puts[i] === true) {
      if (isLast) {
        stored.ids.push(id);
        stored.metadata.push(metadata[i]);
        stored.rows.push(row);
      }
      row++;
    } else if (isLast) deleted.push(id);
  }
  if (stored.ids.length > 0) {
    const flat = gathered(new Float32Array(vectors), stored.rows, row, dimension);
    await into.batchStoreAsync(stored.ids, flat, stored.metadata);
  }
  if (deleted.length > 0) into.batchDelete(deleted);
}

function gathered(values: Float32Array, rows: readonly number[], count: number, dimension: number): Float32Array {
  if (rows.length === count) return values.subarray(0, count * dimension);
  const flat = new Float32Array(rows.length * dimension);
  for (const [i, row] of rows.entries()) {
    flat.set(values.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  }
  return flat;
}
