/** What a migration needs of the database that it comes from. */
import type { Batch } from '../formats/types.js';
import type { MemoryMappedVectorStore } from '../store.js';
import type { DistanceMetric, IdType, VectorId } from '../types.js';
import type { PassCounts } from './migrate-types.js';
import type { RecordOptions } from './types.js';

/** The store that is filled: what its ids are shows at run time. */
export type NewStore = MemoryMappedVectorStore<object>;

/** How old databases are read. */
export interface OldOptions extends RecordOptions {
  /** What ids are to be; undefined: as they are. */
  idType: IdType | undefined;
  /** Values that are no finite numbers are taken too. */
  allowNonFinite: boolean;
}

/** What one pass did. */
export interface PassResult extends PassCounts {
  /** Where the next one goes on. */
  position: string;
  /** How many vectors the new database should have then; undefined where that isn't known. */
  expected: number | undefined;
  /** Whether what was deleted can't be told from this pass alone. */
  needsReconciling: boolean;
}

/** What the old database has, as far as vectors tell nothing of it. */
export interface Contents {
  /** Whether it has an id. */
  has: (id: VectorId) => boolean;
  /** The metadata of an id as JSON text, undefined for none; undefined as a whole where a pass tells all of it. */
  metadataOf: ((id: VectorId) => string | undefined) | undefined;
}

/** A database to migrate from. It is only read. */
export interface OldDatabase extends AsyncDisposable {
  /** 'legacy': of the old server; 'jvdb': of this package. */
  readonly kind: 'legacy' | 'jvdb';
  /** What tells it from another one at the same path. */
  readonly identity: string;
  readonly dimension: number;
  readonly distanceMetric: DistanceMetric | undefined;
  readonly idType: IdType;
  readonly scanColumn: 'int8' | 'none' | undefined;
  readonly allowNonFinite: boolean;
  /** About how many vectors it has. */
  readonly count: number;
  /** Where the first pass begins. */
  readonly start: string;
  /**
   * Stores what is new, and deletes what was deleted as far as that can be told.
   *
   * @param into - the new database
   * @param position - of the pass before
   * @param step - called between batches with how much was seen, of about `count`
   */
  pass(into: NewStore, position: string, step: (done: number) => Promise<void>): Promise<PassResult>;
  /**
   * Whether it is as it was when a migration ended.
   *
   * @param position - of its last pass
   * @param made - the database that it made
   */
  isUnchanged(position: string, made: NewStore): Promise<boolean>;
  /** What it has now. */
  contents(): Promise<Contents>;
  /** All its rows as of now, with ids. */
  rows(): AsyncIterable<Batch>;
}
