import { AutoCompaction } from './auto-compaction.js';
import { toFlat, toFloat32, toIdColumn } from './arguments.js';
import { toJson, toMetadataColumn } from './metadata.js';
import { guard, guardAsync, native } from './native.js';
import { HANDLE, openOffLoop, openSync, POLICY, type Opened } from './store-handle.js';
import { StoreReader } from './store-reader.js';
import type { OptionsFor, StoreOptions, VectorId, VectorInput } from './types.js';
import { restore, salvage, verifyFile } from './upkeep.js';
import type { JobOptions, RestoreOptions, RestoreReport, SalvageReport, VerifyReport } from './upkeep-types.js';

// No name that a class made of ours could use for its own, and none that a proxy could not read.
const AUTO_COMPACTION: unique symbol = Symbol('auto compaction');

/** Names what tells a store by what to compact itself. */
export const COMPACT_THROUGH: unique symbol = Symbol('compact through');

/**
 * A store of vectors in one memory-mapped file.
 *
 * Every change is in the operating system's hands when its call returns: it survives the end of the
 * process, however that comes. Power loss takes at most what came after the last flush, and leaves
 * what was before it whole.
 *
 * One process writes to a file at a time; all workers (`node:worker_threads`) of that process may
 * open it and share it. Each worker opens the file by its path: a store can't be posted to another.
 * Ending a worker waits for the searches and batches it has asked for.
 *
 * Every method throws, or rejects with, a `JvdbError`; after `close()` that is `JVDB_CLOSED`.
 *
 * @template M - the metadata stored with a vector
 * @template I - the ids: `string` for idType 'string', else `number | bigint`, or `number` where all are
 *   below 2^53
 */
export class MemoryMappedVectorStore<
  M extends object = Record<string, unknown>,
  I extends VectorId = VectorId,
> extends StoreReader<M, I> {
  /** @internal */
  declare readonly [AUTO_COMPACTION]: AutoCompaction | undefined;

  /**
   * Opens a database, or creates it where there is no file.
   *
   * @param filePath - the file, by custom `<name>.jvdb`; its directory must exist
   * @param dimension - values of each vector, 1 to 65,536
   * @param options - see `StoreOptions`; where `I` is string, `idType: 'string'` must be among them
   * @throws JvdbError `JVDB_LOCKED` where another process writes to it, `JVDB_DIMENSION_MISMATCH` or
   *   `JVDB_INVALID_ARGUMENT` where the file was created otherwise, `JVDB_CORRUPT` or `JVDB_VERSION`
   *   where it can't be read, `JVDB_NOT_FOUND` where its directory doesn't exist
   */
  constructor(filePath: string, dimension: number, ...options: OptionsFor<I>) {
    const [given = {}] = options;
    super(filePath, dimension, given);
    const policy = this[POLICY];
    if (policy === undefined) return;
    const value = new AutoCompaction(
      policy,
      () => this.stats(),
      async () => this.compact(),
    );
    Object.defineProperty(this, AUTO_COMPACTION, { value });
  }

  /**
   * @internal
   * @param through - what compacts it when that is due, and who is told what failed
   */
  [COMPACT_THROUGH](...through: Parameters<AutoCompaction['through']>): void {
    this[AUTO_COMPACTION]?.through(...through);
  }

  /**
   * Opens a database that must exist; its dimension is read from the file.
   *
   * @param filePath - the file
   * @param options - see `StoreOptions`
   * @returns the store
   * @throws JvdbError as the constructor does, and `JVDB_NOT_FOUND` where there is no file
   */
  static open<M extends object = Record<string, unknown>, I extends VectorId = VectorId>(
    filePath: string,
    options: StoreOptions = {},
  ): MemoryMappedVectorStore<M, I> {
    return adopt<M, I>(filePath, openSync(filePath, undefined, options));
  }

  /**
   * `open` off the event loop: reading the records of a very large file takes a moment.
   *
   * @param filePath - the file
   * @param options - see `StoreOptions`
   * @returns a promise of the store
   */
  static async openAsync<M extends object = Record<string, unknown>, I extends VectorId = VectorId>(
    filePath: string,
    options: StoreOptions = {},
  ): Promise<MemoryMappedVectorStore<M, I>> {
    return adopt<M, I>(filePath, await openOffLoop(filePath, options));
  }

  /**
   * Makes a new database of a whole copy and the increments that follow it one by one, off the event loop.
   * It is verified before it gets its name; nothing else is written to. It is a database of its own: a
   * backup of it begins with a whole copy.
   *
   * @param from - the path of a whole copy, or of a database that is closed; or the paths of one and of its
   *   increments, in order
   * @param to - the new file; nothing may have the name
   * @param options - see `RestoreOptions`
   * @returns a promise of what was made
   * @throws JvdbError `JVDB_EXISTS`; `JVDB_CORRUPT` where a part is damaged, by name; `JVDB_CONFLICT` where
   *   an increment doesn't follow what is before it; `JVDB_NOT_FOUND` where the LSN or time is outside
   */
  static async restore(
    from: string | readonly string[],
    to: string,
    options: RestoreOptions = {},
  ): Promise<RestoreReport> {
    return restore(from, to, options);
  }

  /**
   * Copies what is whole out of a damaged file, which is only read, to a new one, off the event loop. LSNs
   * and times stay.
   *
   * @param from - the damaged file
   * @param to - the new file; nothing may have the name
   * @param options - see `JobOptions`
   * @returns a promise of what was copied, and what could not be
   * @throws JvdbError `JVDB_EXISTS`; `JVDB_CORRUPT` where neither copy of the file's header is whole
   */
  static async salvage(from: string, to: string, options: JobOptions = {}): Promise<SalvageReport> {
    return salvage(from, to, options);
  }

  /**
   * Verifies a file that need not be open, deeply, off the event loop. A file that can't be opened has one
   * error, which says why.
   *
   * @param filePath - the file
   * @param options - see `JobOptions`
   * @returns a promise of what was found
   */
  static async verifyFile(filePath: string, options: JobOptions = {}): Promise<VerifyReport> {
    return verifyFile(filePath, options);
  }

  /**
   * Inserts a vector, or replaces the one with this id.
   *
   * @param id - of the store's idType; a string has 1 to 1024 bytes of UTF-8
   * @param vector - `dimension` finite values
   * @param metadata - an object that can be written as JSON, or its JSON text, up to 1 MiB and 64
   *   levels deep; without it, or with '', the vector has none
   * @returns the LSN of the change, a positive integer
   */
  storeVector(id: I, vector: VectorInput, metadata?: M | string): number {
    return changed(
      this,
      guard(() =>
        native.put(
          this[HANDLE],
          id,
          toFloat32(vector, this.dimension),
          metadata === undefined ? undefined : toJson(metadata),
        ),
      ),
    );
  }

  /**
   * Replaces the vector of an id that exists.
   *
   * @param id - of the store's idType
   * @param vector - `dimension` finite values
   * @param metadata - replaces the old; without it the old stays, with '' it goes
   * @returns the LSN of the change, 0 where the id is absent
   */
  updateVector(id: I, vector: VectorInput, metadata?: M | string): number {
    const lsn = guard(() => {
      const json = metadata === undefined ? undefined : toJson(metadata);
      return native.update(this[HANDLE], id, toFloat32(vector, this.dimension), json, metadata === undefined);
    });
    return changed(this, lsn);
  }

  /**
   * Replaces the metadata of an id that exists.
   *
   * @param id - of the store's idType
   * @param metadata - the new; '' for none
   * @returns the LSN of the change, 0 where the id is absent
   */
  updateMetadata(id: I, metadata: M | string): number {
    return changed(
      this,
      guard(() => native.update(this[HANDLE], id, undefined, toJson(metadata), false)),
    );
  }

  /**
   * Deletes a vector.
   *
   * @param id - of the store's idType
   * @returns the LSN of the change, 0 where the id is absent
   */
  deleteVector(id: I): number {
    return changed(
      this,
      guard(() => native.remove(this[HANDLE], id)),
    );
  }

  /**
   * Inserts or replaces many vectors as one change: all of them or, with an error, none.
   *
   * A flat Float32Array is written to the file without a copy in between.
   *
   * @param ids - n ids; of equal ones the last wins
   * @param vectors - n × `dimension` values one after the other, or n vectors
   * @param metadata - one for each id, undefined for none
   * @returns how many different ids were stored
   */
  batchStore(
    ids: readonly I[] | BigInt64Array | Float64Array,
    vectors: Float32Array | readonly VectorInput[],
    metadata?: readonly (M | string | undefined)[],
  ): number {
    const count = guard(() => native.putBatch(this[HANDLE], ...this.#batch(ids, vectors, metadata)));
    return changed(this, count, count);
  }

  /**
   * `batchStore` off the event loop. The inputs are copied before the call returns. Calls under way
   * at the same time take effect in their order; other changes may come in between.
   *
   * @param ids - as for batchStore
   * @param vectors - as for batchStore
   * @param metadata - as for batchStore
   * @returns a promise of how many different ids were stored
   */
  async batchStoreAsync(
    ids: readonly I[] | BigInt64Array | Float64Array,
    vectors: Float32Array | readonly VectorInput[],
    metadata?: readonly (M | string | undefined)[],
  ): Promise<number> {
    const count = await guardAsync(() => native.putBatchAsync(this[HANDLE], ...this.#batch(ids, vectors, metadata)));
    return changed(this, count, count);
  }

  #batch(
    ids: readonly I[] | BigInt64Array | Float64Array,
    vectors: Float32Array | readonly VectorInput[],
    metadata: readonly (M | string | undefined)[] | undefined,
  ): [ReturnType<typeof toIdColumn>, Float32Array, ReturnType<typeof toMetadataColumn>] {
    const column = toIdColumn(ids);
    return [column, toFlat(vectors, column.length, this.dimension), toMetadataColumn(metadata)];
  }

  /**
   * Deletes many vectors as one change.
   *
   * @param ids - of the store's idType; absent ones are passed over
   * @returns how many were deleted
   */
  batchDelete(ids: readonly I[] | BigInt64Array | Float64Array): number {
    const count = guard(() => native.removeBatch(this[HANDLE], toIdColumn(ids)));
    return changed(this, count, count);
  }
}

// What every change returns: how much was changed, or the LSN, 0 where nothing was.
function changed(
  store: { readonly [AUTO_COMPACTION]: AutoCompaction | undefined },
  result: number,
  count = result === 0 ? 0 : 1,
): number {
  store[AUTO_COMPACTION]?.changed(count);
  return result;
}

/**
 * The store of what was opened already.
 *
 * @param filePath - what it was opened by
 * @param opened - the open store
 * @returns it
 */
export function adopt<M extends object, I extends VectorId>(
  filePath: string,
  opened: Opened,
): MemoryMappedVectorStore<M, I> {
  return new MemoryMappedVectorStore<M, I>(filePath, 0, ...([opened] as unknown as OptionsFor<I>));
}
