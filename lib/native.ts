/**
 * The only importer of the addon: its functions with their types. They check what they are given
 * and throw errors with a code; `guard` makes these JvdbErrors.
 */
import { toJvdbError } from './errors.js';
import { loadAddon } from './load-addon.js';
import type { DistanceMetric, IdType, StoreStats } from './types.js';
import type { BackupReport, CompactReport, RestoreReport, SalvageReport, VerifyReport } from './upkeep-types.js';

declare const handle: unique symbol;
/** An open store. */
export type Handle = number & { readonly [handle]: true };
declare const cursor: unique symbol;
/** An iteration over a snapshot. */
export interface Cursor {
  readonly [cursor]: true;
}
declare const changeCursor: unique symbol;
/** An iteration over the journal. */
export interface ChangeCursor {
  readonly [changeCursor]: true;
}

declare const job: unique symbol;
/** Watches work on another thread, and gives it up. */
export interface Job {
  readonly [job]: true;
}

type Id = number | bigint | string;

/** As `VerifyReport`, which adds what follows from it. */
export type NativeVerifyReport = Omit<VerifyReport, 'ok'>;
/** Of a file that isn't open. */
export type NativeFileReport = NativeVerifyReport & { fileBytes: number; crc32c: number };
/** As `BackupReport`; times in milliseconds since 1970. */
export type NativeBackupReport = Omit<BackupReport, 'path' | 'kind' | 'sinceTime' | 'lastTime' | 'crc32c'> & {
  increment: boolean;
  sinceTime: number;
  lastTime: number;
  crc32c: number;
};
/** As `RestoreReport`; the time in milliseconds since 1970. */
export type NativeRestoreReport = Omit<RestoreReport, 'lastTime'> & { lastTime: number };

/** The arguments of open(); metric, id type and access are positions in their lists of names. */
export type OpenArguments = [
  path: string,
  create: boolean,
  readOnly: boolean,
  dimension: number | undefined,
  metric: number | undefined,
  idType: number | undefined,
  codes: boolean | undefined,
  allowNonFinite: boolean | undefined,
  initialCapacity: number,
  access: number,
  flushOnExit: boolean,
  commit: boolean,
  followLinks: boolean,
];

/** What a search asks for: one or more queries one after the other. */
export type SearchArguments = [
  queries: Float32Array,
  topK: number,
  offset: number,
  minScore: number,
  maxDistance: number,
  filterIds: IdColumn | undefined,
  excludeIds: IdColumn | undefined,
  threads: number,
  metadata: boolean,
  vectors: boolean,
];

/** Search results by column, best first, those of each query behind those of the one before; vectors one after the other. */
export type HitColumns = [
  ids: Id[],
  scores: number[],
  distances: number[],
  metadata: (string | undefined)[] | undefined,
  vectors: ArrayBuffer | undefined,
  counts: number[],
];

/** Entries by column; vectors one after the other, times in milliseconds. */
export type EntryColumns = [
  ids: Id[],
  metadata: (string | undefined)[],
  created: number[],
  updated: number[],
  vectors: ArrayBuffer,
];

/** Changes by column: those of entries, without vectors for deletes, and what kind each is. */
export type ChangeColumns = [...EntryColumns, lsns: number[], puts: boolean[], endsGroup: boolean[]];

/** Figures of a store; times in milliseconds since 1970. */
export type NativeStats = Omit<StoreStats, 'durableAt'> & { durableAt: number };

/** What a file says of itself; counts as of its last flush, times in milliseconds since 1970. */
export type Inspection = [
  dimension: number,
  metric: DistanceMetric,
  idType: IdType,
  codes: boolean,
  allowNonFinite: boolean,
  createdAt: number,
  vectorCount: number,
  deadCount: number,
  fileBytes: number,
  allocatedBytes: number,
  durableLsn: number,
  durableAt: number,
];

/** Compares two arrays; undefined: they are empty, or of different lengths. */
export type Compare = (a: Float32Array, b: Float32Array) => number | undefined;

/** The addon's functions. */
export interface Native {
  open(...args: OpenArguments): Handle;
  openAsync(...args: OpenArguments): Promise<Handle>;
  /** A new store that no file holds; the path is its name in messages. */
  openMemory(...args: OpenArguments): Handle;
  /** Makes a file that stays closed: false where something has the name. */
  createFile(...args: OpenArguments): boolean;
  /** Removes a file, open in this process or not: false where there is none. */
  removeFile(path: string): boolean;
  inspect(path: string): Inspection;
  /** For each what inspect() gives, or the error it throws. */
  inspectAll(paths: readonly string[]): Promise<(Inspection | Error)[]>;
  close(store: Handle): void;
  closeAsync(store: Handle): Promise<void>;
  /** Whether its file was deleted; false for a closed one. */
  isRemoved(store: Handle): boolean;
  refresh(store: Handle): boolean;
  flush(store: Handle): void;
  flushAsync(store: Handle): Promise<void>;
  /** Every store of this thread that wants it at its end; failures pass over. */
  flushAll(): void;
  /** Every store that any thread of the process has open for writing. */
  flushProcess(): void;
  flushProcessAsync(): Promise<void>;
  facts(store: Handle): [dimension: number, metric: string, idType: string, allowNonFinite: boolean];
  put(store: Handle, id: Id, vector: Float32Array, metadata: string | undefined): number;
  update(
    store: Handle,
    id: Id,
    vector: Float32Array | undefined,
    metadata: string | undefined,
    keepMetadata: boolean,
  ): number;
  remove(store: Handle, id: Id): number;
  putBatch(store: Handle, ids: IdColumn, vectors: Float32Array, metadata: MetadataColumn): number;
  putBatchAsync(store: Handle, ids: IdColumn, vectors: Float32Array, metadata: MetadataColumn): Promise<number>;
  removeBatch(store: Handle, ids: IdColumn): number;
  has(store: Handle, id: Id): boolean;
  get(store: Handle, id: Id, out: Float32Array, times: Float64Array): string | null | undefined;
  read(store: Handle, id: Id, out: Float32Array): boolean;
  view(store: Handle, id: Id): ArrayBuffer | undefined;
  readMany(store: Handle, ids: IdColumn, out: Float32Array): number;
  search(store: Handle, ...args: SearchArguments): HitColumns;
  searchAsync(store: Handle, ...args: [...SearchArguments, job: Job | undefined]): Promise<HitColumns>;
  /** Scores, 8 bytes each, and ids, numbers likewise and texts as they are. */
  searchRaw(
    store: Handle,
    ...args: [...SearchArguments, job: Job | undefined]
  ): Promise<[ids: ArrayBuffer | string[], scores: ArrayBuffer]>;
  cursor(store: Handle): Cursor;
  /** Entries of its snapshot. */
  cursorCount(cursor: Cursor): number;
  cursorEnd(cursor: Cursor): void;
  cursorIds(cursor: Cursor): Id[];
  cursorEntries(cursor: Cursor): Promise<EntryColumns>;
  changeCursor(store: Handle, sinceLsn: number): ChangeCursor;
  changeCursorEnd(cursor: ChangeCursor): void;
  cursorChanges(cursor: ChangeCursor): Promise<ChangeColumns>;
  job(): Job;
  /** What runs with it rejects with code JVDB_ABORTED soon after. */
  cancelJob(job: Job): void;
  jobProgress(job: Job): [done: number, total: number];
  verify(store: Handle, deep: boolean, job: Job): Promise<NativeVerifyReport>;
  verifyFile(path: string, increment: boolean, job: Job): Promise<NativeFileReport>;
  compact(store: Handle, job: Job): Promise<CompactReport>;
  backup(store: Handle, path: string, sinceLsn: number | undefined, job: Job): Promise<NativeBackupReport>;
  restore(
    from: readonly string[],
    to: string,
    lsn: number | undefined,
    milliseconds: number | undefined,
    job: Job,
  ): Promise<NativeRestoreReport>;
  salvage(from: string, to: string, job: Job): Promise<Omit<SalvageReport, 'ok'>>;
  vectorCount(store: Handle): number;
  capacity(store: Handle): number;
  lastLsn(store: Handle): number;
  durableLsn(store: Handle): number;
  stats(store: Handle): NativeStats;
  // These look at lengths only: the caller makes sure that all are Float32Arrays.
  readonly cosineSimilarity: Compare;
  readonly dotProduct: Compare;
  readonly euclideanDistance: Compare;
  norm(a: Float32Array): number | undefined;
  normalize(a: Float32Array, out: Float32Array): true | undefined;
  cosineSimilarities(query: Float32Array, rows: Float32Array, out: Float32Array): true | undefined;
  simdLevel(): string;
  simdLevels(): string[];
}

/** Ids as the addon takes them: many numbers are fastest as a typed array. */
export type IdColumn = readonly Id[] | Float64Array | BigInt64Array;
/** One text for each id, undefined for none. */
export type MetadataColumn = readonly (string | undefined)[] | undefined;

/** The addon. */
export const native = loadAddon() as Native;

/**
 * Runs a call of the addon.
 *
 * @param call - calls the addon
 * @returns what the call returns
 * @throws JvdbError where the addon throws
 */
export function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw toJvdbError(thrown);
  }
}

/**
 * Waits for a call of the addon.
 *
 * @param call - calls the addon
 * @returns what the promise resolves to
 * @throws JvdbError where the addon throws or rejects
 */
export async function guardAsync<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw toJvdbError(thrown);
  }
}
