import type { AutoCompactOptions } from './upkeep-types.js';

/** The id of a vector: number or bigint (0 … 2^63-1) in a store of idType 'int64', else string. */
export type VectorId = number | bigint | string;

/** A vector: `dimension` finite float32 values. */
export type VectorInput = Float32Array | readonly number[];

/** How likeness is measured. */
export type DistanceMetric = 'cosine' | 'dot' | 'euclidean';

/** The type of all ids of a store. */
export type IdType = 'int64' | 'string';

/**
 * Options of a store. `metric`, `idType`, `scanColumn` and `allowNonFinite` belong to the file: for
 * one that exists, leave them out or give what it was created with. The others are this handle's.
 */
export interface StoreOptions {
  /** Vectors that a new file has room for at first; it grows by itself. Default 1000. */
  initialCapacity?: number | undefined;
  /** How `search` measures likeness. Default 'cosine'. */
  metric?: DistanceMetric | undefined;
  /** The type of all ids. Default 'int64'. */
  idType?: IdType | undefined;
  /**
   * Every change throws `JVDB_READ_ONLY`. The store needs no lock and works beside a writer in another
   * process: it shows the file as it was when it was opened, or when `refresh` was called last; the
   * readers of one process move together. Where this process has it open for writing, it shares that:
   * all that is written, and the lock until it is closed too. Default false.
   */
  readOnly?: boolean | undefined;
  /**
   * 'periodic': a change is safe against the end of the process when the call returns, and against
   * power loss after the next flush. 'commit': against both when the call returns. Default 'periodic'.
   */
  durability?: 'periodic' | 'commit' | undefined;
  /** Keep an int8 copy of each vector, a quarter of its size, for faster exact search. Default 'int8'. */
  scanColumn?: 'int8' | 'none' | undefined;
  /** How the file will be read, for the operating system; the first handle to a file decides. Default 'normal'. */
  access?: 'normal' | 'random' | 'sequential' | undefined;
  /** Accept NaN and infinities; such vectors are never search results. Default false. */
  allowNonFinite?: boolean | undefined;
  /**
   * Flush when the process ends in any way that runs its 'exit' listeners. What a listener changes
   * that was added after the first store was opened is not flushed. Default true.
   */
  flushOnExit?: boolean | undefined;
  /**
   * Compact the file, off the event loop, when so much of it is dead: `true` for the defaults, 30 % of the
   * vectors and 10 MiB; `false` for never. What fails is a process warning. Default true.
   */
  autoCompact?: boolean | AutoCompactOptions | undefined;
}

/** The options of a new store whose ids are of type `I`: an id type other than the default is named. */
export type OptionsFor<I extends VectorId> = [I] extends [string]
  ? [options: StoreOptions & { idType: 'string' }]
  : [options?: StoreOptions];

/** A stored vector. */
export interface VectorRecord<M extends object = Record<string, unknown>, I extends VectorId = VectorId> {
  /** An integer id is a number up to 2^53-1, else a bigint. */
  id: I;
  /** A copy of the `dimension` values. */
  vector: Float32Array;
  /** undefined if it was stored with none. */
  metadata: M | undefined;
  /** When the id was first stored since it was last absent: milliseconds since 1970. */
  createdAt: number;
  /** When it was last written: milliseconds since 1970. */
  updatedAt: number;
}

/** A vector that was stored or replaced. */
export interface PutChange<
  M extends object = Record<string, unknown>,
  I extends VectorId = VectorId,
> extends VectorRecord<M, I> {
  type: 'put';
  /** LSN of the change. */
  lsn: number;
  /** Whether it is the last of its group: of a batch, or alone. */
  endsGroup: boolean;
}

/** A vector that was deleted. */
export interface DeleteChange<I extends VectorId = VectorId> {
  type: 'delete';
  /** LSN of the change. */
  lsn: number;
  /** Whether it is the last of its group: of a batch, or alone. */
  endsGroup: boolean;
  /** An integer id is a number up to 2^53-1, else a bigint. */
  id: I;
  /** When it was deleted: milliseconds since 1970. */
  deletedAt: number;
}

/** One change to a store. */
export type Change<M extends object = Record<string, unknown>, I extends VectorId = VectorId> =
  PutChange<M, I> | DeleteChange<I>;

/** Options of `changes`. */
export interface ChangesOptions {
  /** The changes above this LSN; 0 for all that the file has. Default 0. */
  sinceLsn?: number | undefined;
  /** Ends the iteration; it throws the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Options of `searchRaw`. */
export interface RawSearchOptions<I extends VectorId = VectorId> {
  /** Results at most. Default 10. */
  topK?: number | undefined;
  /** So many of the best are left out: the next page. Default 0. */
  offset?: number | undefined;
  /** Only results with at least this score. */
  minScore?: number | undefined;
  /** Only results with at most this distance. */
  maxDistance?: number | undefined;
  /** Only these ids, as far as they exist. */
  filterIds?: Iterable<I> | undefined;
  /** Not these ids. */
  excludeIds?: Iterable<I> | undefined;
  /** Threads at most, 1 to 1024; more than the machine has are not used. Default: as many as it has. */
  threads?: number | undefined;
  /** Ends the search early; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Options of a search. */
export interface SearchOptions<I extends VectorId = VectorId> extends RawSearchOptions<I> {
  /** Give each hit its metadata. Default true. */
  includeMetadata?: boolean | undefined;
  /** Give each hit a copy of its vector. Default false. */
  includeVectors?: boolean | undefined;
}

/** What `searchRaw` finds, by column, best first. */
export interface RawSearchResult<I extends VectorId = VectorId> {
  /** Strings in a store of idType 'string', else a BigInt64Array. */
  ids: [I] extends [string] ? I[] : [I] extends [number | bigint] ? BigInt64Array : I[] | BigInt64Array;
  /** As `SearchHit.score`. */
  scores: Float64Array;
  /** How many there are: the length of both. */
  count: number;
}

/** A search result. */
export interface SearchHit<M extends object = Record<string, unknown>, I extends VectorId = VectorId> {
  /** An integer id is a number up to 2^53-1, else a bigint. */
  id: I;
  /** Falls with likeness: 1 − cosine, −dot product, or L2 distance. */
  distance: number;
  /** Grows with likeness: cosine similarity (−1 … 1), dot product, or −L2 distance. */
  score: number;
  /** With `includeMetadata`; undefined if it was stored with none. */
  metadata?: M | undefined;
  /** With `includeVectors`. */
  vector?: Float32Array;
}

/** Figures of a store. */
export interface StoreStats {
  /** Vectors in the store. */
  vectorCount: number;
  /** Replaced and deleted vectors whose space is still taken. */
  deadCount: number;
  /** Vectors the file has room for before it grows, dead ones included. */
  capacity: number;
  /** Parts the file has grown by. */
  extentCount: number;
  /** Size of the file. */
  fileBytes: number;
  /** Disk space behind it. */
  allocatedBytes: number;
  /** Memory of the tables derived from the file, without the mapped file itself. */
  memoryBytes: number;
  /** LSN of the last change. */
  lastLsn: number;
  /** Changes up to this LSN survive power loss. */
  durableLsn: number;
  /** When that became so: a date. */
  durableAt: Date;
  /** Flushes by this process that had something to do. */
  flushCount: number;
  /** What opening the file found. */
  recovery: {
    /** Whether it had been closed in order. */
    clean: boolean;
    /** What the last flush before had made durable. */
    durableLsn: number;
    /** What was found: at least that. */
    recoveredLsn: number;
    /** Operations of an unfinished batch, which were dropped. */
    droppedRecords: number;
    /** How long it took, in milliseconds. */
    durationMs: number;
  };
}

/**
 * The arithmetic of vectors at the speed of this processor, for arrays or a matrix in memory.
 *
 * Vectors are Float32Arrays, or arrays of numbers, which are converted first. Up to 65,536 values, sums are float32
 * in an order of the level's own: a cosine similarity of n values is off by at most n·2⁻²³, as a rule far less, and
 * its last bits may differ from one level to another. Longer vectors, and those whose sums would over- or underflow,
 * are summed in float64, as the scores of searches always are. A value that is not finite makes a result that is not.
 *
 * Calls are synchronous, on any thread; `const { norm } = simd` works. They throw
 * `JVDB_DIMENSION_MISMATCH` for lengths that don't fit, and `JVDB_INVALID_VECTOR` for anything that is no vector or
 * has no values. An array over a SharedArrayBuffer is read as it is, while others write to it too. What results are
 * written to may be the very array that `normalize` reads; it may not overlap what is read in any other way.
 */
export interface Simd {
  /** The instruction set in use, also for searches: the best one, or what the environment variable JVDB_SIMD names. */
  readonly level: string;
  /** The instruction sets that this processor has and JVDB_SIMD may name, from the plainest to the best. */
  readonly supported: readonly string[];
  /** Cosine similarity, from −1 to 1; 0 where either vector is zero. */
  readonly cosineSimilarity: (a: VectorInput, b: VectorInput) => number;
  /** Dot product: the sum of the products. */
  readonly dotProduct: (a: VectorInput, b: VectorInput) => number;
  /** Euclidean (L2) distance: the root of the sum of the squared differences. */
  readonly euclideanDistance: (a: VectorInput, b: VectorInput) => number;
  /** Euclidean (L2) norm. */
  readonly norm: (a: VectorInput) => number;
  /**
   * Scales a vector to a norm of 1; zeros stay zeros. The result goes to `out`, which may be `a` itself, or to a new
   * array, and is returned.
   */
  readonly normalize: (a: VectorInput, out?: Float32Array) => Float32Array;
  /**
   * Cosine similarities of a query of n values with each row of a matrix, rows of n values one after the other. The
   * result, a value for each row, goes to `out`, or to a new array, and is returned.
   */
  readonly cosineSimilarities: (query: VectorInput, matrix: VectorInput, out?: Float32Array) => Float32Array;
}
