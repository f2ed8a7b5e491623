/// <reference lib="esnext.disposable" preserve="true" />
import type {
  Change,
  ChangesOptions,
  RawSearchOptions,
  RawSearchResult,
  SearchHit,
  SearchOptions,
  StoreStats,
  VectorId,
  VectorInput,
  VectorRecord,
} from '../types.js';
import type {
  BackupOptions,
  BackupReport,
  CompactReport,
  JobOptions,
  VerifyOptions,
  VerifyReport,
} from '../upkeep-types.js';
import type { DatabaseInfo, DatabaseSchema, HealthReport, PersistenceEvents, StorageStats } from './types.js';

/** Ids of a batch. */
export type IdBatch<I extends VectorId> = readonly I[] | BigInt64Array | Float64Array;

/**
 * Databases by name. `PersistentDatabasePersistence` keeps them in files, `InMemoryDatabasePersistence` in
 * memory; either can stand in for the other.
 *
 * A name has 1 to 128 letters, digits, `.`, `_` and `-`, begins with a letter or digit, has no `..`, does not
 * end in `.`, and is no name of a Windows device. Calls throw `JVDB_INVALID_ARGUMENT` for any other,
 * `JVDB_NOT_FOUND` where there is no such database, `JVDB_CLOSED` once the persistence was closed, and what
 * the store's method of the same name throws. A database may be deleted while calls use it: each of them
 * finishes, or throws `JVDB_NOT_FOUND`.
 *
 * An object belongs to the thread that made it. Other workers make their own for the same directory: they
 * share one engine for each file.
 *
 * @template M - the metadata stored with a vector
 * @template I - the ids; with databases of both id types, leave it out
 */
export interface DatabasePersistence<M extends object = Record<string, unknown>, I extends VectorId = VectorId>
  extends Disposable, AsyncDisposable {
  /** Whether it was closed. */
  readonly closed: boolean;

  /**
   * Creates a database; nothing is opened.
   *
   * @param name - of the new database
   * @param schema - see `DatabaseSchema`
   * @returns false where there is one of this name
   */
  createDatabase(name: string, schema: DatabaseSchema): boolean;
  /**
   * Deletes a database and its file. Another may have its name at once.
   *
   * @param name - of the database
   * @returns false where there is none
   * @throws JvdbError `JVDB_LOCKED` where another process writes to it
   */
  deleteDatabase(name: string): boolean;
  /**
   * The names of all databases; nothing is opened.
   *
   * @returns them sorted by their UTF-16 code units
   */
  listDatabases(): string[];
  /**
   * Whether there is a database; nothing is opened.
   *
   * @param name - of the database
   * @returns true if there is
   */
  hasDatabase(name: string): boolean;
  /**
   * What a database is; nothing is opened.
   *
   * @param name - of the database
   * @returns see `DatabaseInfo`
   */
  getDatabaseInfo(name: string): DatabaseInfo;

  /**
   * As the store's `storeVector`.
   *
   * @param name - of the database
   * @param id - of its id type
   * @param vector - `dimension` finite values
   * @param metadata - an object, or its JSON text; without it, or with '', the vector has none
   * @returns the LSN of the change
   */
  storeVector(name: string, id: I, vector: VectorInput, metadata?: M | string): number;
  /**
   * As the store's `updateVector`.
   *
   * @param name - of the database
   * @param id - of its id type
   * @param vector - `dimension` finite values
   * @param metadata - replaces the old; without it the old stays, with '' it goes
   * @returns the LSN of the change, 0 where the id is absent
   */
  updateVector(name: string, id: I, vector: VectorInput, metadata?: M | string): number;
  /**
   * As the store's `updateMetadata`.
   *
   * @param name - of the database
   * @param id - of its id type
   * @param metadata - the new; '' for none
   * @returns the LSN of the change, 0 where the id is absent
   */
  updateMetadata(name: string, id: I, metadata: M | string): number;
  /**
   * As the store's `deleteVector`.
   *
   * @param name - of the database
   * @param id - of its id type
   * @returns the LSN of the change, 0 where the id is absent
   */
  deleteVector(name: string, id: I): number;
  /**
   * As the store's `batchStore`: all of them or, with an error, none.
   *
   * @param name - of the database
   * @param ids - n ids; of equal ones the last wins
   * @param vectors - n × `dimension` values one after the other, or n vectors
   * @param metadata - one for each id, undefined for none
   * @returns how many different ids were stored
   */
  batchStore(
    name: string,
    ids: IdBatch<I>,
    vectors: Float32Array | readonly VectorInput[],
    metadata?: readonly (M | string | undefined)[],
  ): number;
  /**
   * `batchStore` off the event loop. The inputs are copied before the call returns.
   *
   * @param name - of the database
   * @param ids - as for batchStore
   * @param vectors - as for batchStore
   * @param metadata - as for batchStore
   * @returns a promise of how many different ids were stored
   */
  batchStoreAsync(
    name: string,
    ids: IdBatch<I>,
    vectors: Float32Array | readonly VectorInput[],
    metadata?: readonly (M | string | undefined)[],
  ): Promise<number>;
  /**
   * As the store's `batchDelete`.
   *
   * @param name - of the database
   * @param ids - absent ones are passed over
   * @returns how many were deleted
   */
  batchDelete(name: string, ids: IdBatch<I>): number;

  /**
   * As the store's `has`.
   *
   * @param name - of the database
   * @param id - of its id type
   * @returns whether the id exists
   */
  has(name: string, id: I): boolean;
  /**
   * As the store's `retrieveVector`.
   *
   * @param name - of the database
   * @param id - of its id type
   * @returns a copy of the vector with all that is known of it, undefined where the id is absent
   */
  retrieveVector(name: string, id: I): VectorRecord<M, I> | undefined;
  /**
   * As the store's `readVector`.
   *
   * @param name - of the database
   * @param id - of its id type
   * @param out - at least `dimension` long
   * @returns false where the id is absent; then `out` is untouched
   */
  readVector(name: string, id: I, out: Float32Array): boolean;
  /**
   * As the store's `viewVector`; the view stays valid when the database is closed, evicted or deleted.
   *
   * @param name - of the database
   * @param id - of its id type
   * @returns the vector, undefined where the id is absent
   */
  viewVector(name: string, id: I): Float32Array | undefined;
  /**
   * As the store's `batchRetrieve`.
   *
   * @param name - of the database
   * @param ids - of its id type
   * @returns their records in the same order, undefined for absent ids
   */
  batchRetrieve(name: string, ids: IdBatch<I>): (VectorRecord<M, I> | undefined)[];
  /**
   * As the store's `readVectors`.
   *
   * @param name - of the database
   * @param ids - of its id type
   * @param out - at least ids.length × `dimension` long: a row for each id, NaN for absent ones
   * @returns how many were found
   */
  readVectors(name: string, ids: IdBatch<I>, out: Float32Array): number;
  /**
   * As the store's `ids`: the database stays open until the iterator ends.
   *
   * @param name - of the database
   * @returns an iterator
   */
  ids(name: string): IterableIterator<I>;
  /**
   * As the store's `entries`: the database stays open until the iterator ends.
   *
   * @param name - of the database
   * @returns an iterator
   */
  entries(name: string): AsyncIterableIterator<VectorRecord<M, I>>;
  /**
   * As the store's `changes`: the database stays open until the iterator ends.
   *
   * @param name - of the database
   * @param options - see `ChangesOptions`
   * @returns an iterator
   */
  changes(name: string, options?: ChangesOptions): AsyncIterableIterator<Change<M, I>>;
  /**
   * Vectors in a database.
   *
   * @param name - of the database
   * @returns how many
   */
  vectorCount(name: string): number;
  /**
   * As the store's `stats`.
   *
   * @param name - of the database
   * @returns figures of the database
   */
  stats(name: string): StoreStats;

  /**
   * As the store's `verify`.
   *
   * @param name - of the database
   * @param options - see `VerifyOptions`
   * @returns a promise of what was found
   */
  verify(name: string, options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * As the store's `compact`.
   *
   * @param name - of the database
   * @param options - see `JobOptions`
   * @returns a promise of what was done
   */
  compact(name: string, options?: JobOptions): Promise<CompactReport>;
  /**
   * As the store's `backup`. `BackupDirectory` keeps backups of many databases, and what they follow.
   *
   * @param name - of the database
   * @param path - the new file; nothing may have the name
   * @param options - see `BackupOptions`
   * @returns a promise of what was written
   */
  backup(name: string, path: string, options?: BackupOptions): Promise<BackupReport>;
  /**
   * As the store's `search`.
   *
   * @param name - of the database
   * @param query - `dimension` finite values
   * @param options - see `SearchOptions`
   * @returns a promise of the hits, best first
   */
  search(name: string, query: VectorInput, options?: SearchOptions<I>): Promise<SearchHit<M, I>[]>;
  /**
   * `search` on this thread.
   *
   * @param name - of the database
   * @param query - `dimension` finite values
   * @param options - see `SearchOptions`
   * @returns the hits, best first
   */
  searchSync(name: string, query: VectorInput, options?: SearchOptions<I>): SearchHit<M, I>[];
  /**
   * As the store's `searchBatch`.
   *
   * @param name - of the database
   * @param queries - n × `dimension` values one after the other, or n queries
   * @param options - see `SearchOptions`
   * @returns a promise of the hits of each query
   */
  searchBatch(
    name: string,
    queries: Float32Array | readonly VectorInput[],
    options?: SearchOptions<I>,
  ): Promise<SearchHit<M, I>[][]>;
  /**
   * As the store's `searchRaw`.
   *
   * @param name - of the database
   * @param query - `dimension` finite values
   * @param options - see `RawSearchOptions`
   * @returns a promise of the hits as columns, best first
   */
  searchRaw(name: string, query: VectorInput, options?: RawSearchOptions<I>): Promise<RawSearchResult<I>>;

  /**
   * Makes every change made before the call durable, in all databases, off the event loop.
   *
   * @returns a promise that resolves when they are
   * @throws JvdbError the first failure; the other databases were flushed all the same
   */
  flush(): Promise<void>;
  /** `flush` on this thread. */
  flushSync(): void;
  /**
   * `flush` of one database.
   *
   * @param name - of the database
   * @returns a promise of true; of false where there is none of this name
   */
  flushDatabase(name: string): Promise<boolean>;
  /**
   * Flushes and closes a database's file, off the event loop, once no call uses it; the next call opens it anew,
   * from what the disk has. For a file that is to be copied or moved, or whose sync failed. In memory it does nothing.
   *
   * @param name - of the database
   * @returns a promise that resolves when it is closed, or, where calls use it, when it will be
   * @throws JvdbError what the flush failed with; the file is closed all the same
   */
  closeDatabase(name: string): Promise<void>;
  /**
   * Opens databases ahead of their first use, off the event loop.
   *
   * @param names - of databases; no more than may be open
   * @returns a promise that resolves when they are open
   */
  warmUp(names: readonly string[]): Promise<void>;
  /**
   * Figures of all databases. Those that aren't open stay so: their counts are of their last flush.
   *
   * @returns a promise of them
   */
  getStorageStats(): Promise<StorageStats>;
  /**
   * Lists and flushes, as a monitor may ask every minute.
   *
   * @returns a promise of what it found; it does not reject
   */
  healthCheck(): Promise<HealthReport>;
  /**
   * Calls a listener at each event.
   *
   * @param event - see `PersistenceEvents`
   * @param listener - gets what the event tells
   * @returns this
   */
  on<K extends keyof PersistenceEvents>(event: K, listener: (...args: PersistenceEvents[K]) => void): this;
  /**
   * Calls a listener at the next event.
   *
   * @param event - see `PersistenceEvents`
   * @param listener - gets what the event tells
   * @returns this
   */
  once<K extends keyof PersistenceEvents>(event: K, listener: (...args: PersistenceEvents[K]) => void): this;
  /**
   * Takes a listener off.
   *
   * @param event - that it was given for
   * @param listener - the same
   * @returns this
   */
  off<K extends keyof PersistenceEvents>(event: K, listener: (...args: PersistenceEvents[K]) => void): this;

  /**
   * Flushes and closes all databases; those in memory are gone. Searches under way are rejected with
   * `JVDB_CLOSED`, other work under way is waited for; a file that is being opened off the event loop is closed
   * as soon as it is. The second call does nothing but wait for the first.
   *
   * @throws JvdbError the first failure; everything is closed all the same
   */
  close(): void;
  /**
   * `close` off the event loop. For every other call it is closed at once.
   *
   * @returns a promise that resolves when all is closed
   */
  closeAsync(): Promise<void>;
}
