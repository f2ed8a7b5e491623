/** A database of this package, to migrate from by its journal. Threads: the one that opened it. */
import { JvdbError } from '../errors.js';
import type { Batch } from '../formats/types.js';
import { FileBytes } from '../inspect/bytes.js';
import { headerOf, readSuperblocks } from '../inspect/heads.js';
import type { ChangeColumns } from '../native.js';
import { CHANGES } from '../store-reader.js';
import { MemoryMappedVectorStore } from '../store.js';
import type { DistanceMetric, IdType, VectorId } from '../types.js';
import type { Contents, NewStore, OldDatabase, PassResult } from './old-database.js';
import { StoreTable } from './tables.js';
import { validate } from './validate.js';

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
  // Whether each id was there before the changes that are left for the next pass: power loss may take these back.
  readonly #beforePending = new Map<VectorId, boolean>();

  constructor(store: NewStore, onlyDurable: boolean) {
    this.#store = store;
    this.#onlyDurable = onlyDurable;
    const header = headerOf(store.filePath);
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
    const { lastLsn, durableLsn } = this.#store;
    const limit = this.#onlyDurable ? durableLsn : lastLsn;
    const { changes, isAnew } = await this.#changesSince(position);
    if (isAnew && limit < lastLsn) await this.#notePending(limit);
    const result = { position, taken: 0, skipped: 0, deleted: 0, withoutId: 0, invalid: 0, pending: lastLsn - limit };
    try {
      for (;;) {
        const columns = await changes.next();
        const [ids, , , , , lsns, puts, ends] = columns;
        const most = lsns.findIndex((lsn) => lsn > limit);
        const count = most === -1 ? ids.length : most;
        if (count === 0) {
          // A deletion that a compaction dropped isn't told, but counts.
          if (parseInt(result.position, 10) !== limit) result.position = this.#floorMark(limit) ?? String(limit);
          return { ...result, expected: undefined, needsReconciling: isAnew };
        }
        const { stored, deleted } = await apply(into, columns, count);
        for (const [i, id] of ids.slice(0, count).entries()) {
          if (this.#beforePending.has(id)) this.#beforePending.set(id, puts[i] === true);
        }
        result.taken += stored;
        result.deleted += deleted;
        const last = ends.lastIndexOf(true, count - 1);
        if (last >= 0) result.position = markOf(columns, last);
        // Until all is told anew, what was deleted isn't.
        await step(result.taken + result.deleted, isAnew ? position : result.position);
      }
    } finally {
      changes.end();
    }
  }

  async #notePending(limit: number): Promise<void> {
    const changes = this.#store[CHANGES](limit);
    try {
      for (;;) {
        const [ids] = await changes.next();
        if (ids.length === 0) return;
        for (const id of ids) this.#beforePending.set(id, false);
      }
    } finally {
      changes.end();
    }
  }

  // What follows a position; all, where a compaction dropped some of it, or another change is in its place: then the
  // file was put back, and went on from there.
  async #changesSince(position: string): Promise<{ changes: Changes; isAnew: boolean }> {
    const lsn = parseInt(position, 10);
    if (lsn > 0 && (await this.#stillHas(lsn, position))) {
      const changes = this.#openAt(lsn);
      if (changes !== undefined) return { changes, isAnew: false };
    }
    return { changes: this.#store[CHANGES](0), isAnew: lsn > 0 };
  }

  // Whether the last change that was taken is the one of that LSN here: a compaction that dropped it has left what it
  // wrote, if nothing came after.
  async #stillHas(lsn: number, position: string): Promise<boolean> {
    const [, updated = '', id = ''] = /^\d+ (\d+)(?: ([^]+))?$/.exec(position) ?? [];
    const changes = this.#openAt(lsn - 1);
    if (changes !== undefined) {
      const mark = await firstMark(changes);
      return mark === position || (id === '' && mark?.startsWith(`${lsn} ${updated} `) === true);
    }
    if (id === '') return this.#floorMark(lsn) === position;
    if (this.idType === 'int64' && !/^\d+$/.test(id)) return false;
    const record = this.#store.retrieveVector(this.idType === 'int64' ? BigInt(id) : id);
    return record !== undefined && String(record.updatedAt) === updated;
  }

  // Tells the last change that a compaction saw, of which no record may be left: its LSN and time. Undefined where that
  // is another one.
  #floorMark(lsn: number): string | undefined {
    using bytes = new FileBytes(this.#store.filePath);
    const { superblock } = readSuperblocks(bytes, () => undefined);
    return superblock?.floorLsn === lsn ? `${lsn} ${BigInt(superblock.floorUs) / 1000n}` : undefined;
  }

  #openAt(lsn: number): Changes | undefined {
    try {
      return this.#store[CHANGES](lsn);
    } catch (thrown) {
      const isGone = thrown instanceof JvdbError && ['JVDB_NOT_FOUND', 'JVDB_CONFLICT'].includes(thrown.code);
      if (!isGone) throw thrown;
      return undefined;
    }
  }

  async isUnchanged(position: string, made: NewStore): Promise<boolean> {
    const { changes, isAnew } = await this.#changesSince(position);
    try {
      if (!isAnew) return (await changes.next())[0].length === 0;
    } finally {
      changes.end();
    }
    return (await validate(this.rows(), made, async () => Promise.resolve())).ok;
  }

  async contents(): Promise<Contents> {
    return Promise.resolve({ has: (id) => this.#beforePending.get(id) ?? this.#store.has(id), metadataOf: undefined });
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

type Changes = ReturnType<NewStore[typeof CHANGES]>;

// A change, such that no other one has the same: LSN, time in milliseconds, id.
function markOf([ids, , , updated, , lsns]: ChangeColumns, i: number): string {
  return `${lsns[i] ?? 0} ${updated[i] ?? 0} ${String(ids[i])}`;
}

// The first of those that follow, which end.
async function firstMark(changes: Changes): Promise<string | undefined> {
  try {
    const columns = await changes.next();
    return columns[0].length > 0 ? markOf(columns, 0) : undefined;
  } finally {
    changes.end();
  }
}

// Of each id its last change is applied: one batch of all that are there, one of those that are not.
async function apply(
  into: NewStore,
  columns: ChangeColumns,
  count: number,
): Promise<{ stored: number; deleted: number }> {
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
  return { stored: stored.ids.length, deleted: deleted.length };
}

function gathered(values: Float32Array, rows: readonly number[], count: number, dimension: number): Float32Array {
  if (rows.length === count) return values.subarray(0, count * dimension);
  const flat = new Float32Array(rows.length * dimension);
  for (const [i, row] of rows.entries()) {
    flat.set(values.subarray(row * dimension, (row + 1) * dimension), i * dimension);
  }
  return flat;
}
