/** What migrating takes and gives. */
import type { JvdbError } from '../errors.js';
import type { InvalidRecord } from '../formats/types.js';
import type { DistanceMetric, IdType } from '../types.js';
import type { RecordOptions } from './types.js';
import type { Reconciled } from './reconcile.js';
import type { Validation } from './validate.js';

/** Options of `migrate`. */
export interface MigrateOptions extends Omit<RecordOptions, 'format' | 'firstId' | 'onInvalid'> {
  /** Told of each record that is passed over, and of the file that has it. */
  onInvalid?: ((record: InvalidRecord, from: string) => void) | undefined;
  /**
   * The old database stays in use: this pass takes what is new, the next one goes on there. The last is one without
   * it, once nothing writes to the old one any more; only then the new one has its name. Default false.
   */
  pass?: boolean | undefined;
  /** Compare all values at the end. Default false. */
  validate?: boolean | undefined;
  /** Of databases that are created. Default: as the old one says, else 'cosine'. */
  distanceMetric?: DistanceMetric | undefined;
  /** Of what comes from the old server. Default 'string'. */
  idType?: IdType | undefined;
  /** Of databases that are created. Default: as the old one has, else 'int8'. */
  scanColumn?: 'int8' | 'none' | undefined;
  /** Take values that are no finite numbers, from the old server. Default false. */
  allowNonFinite?: boolean | undefined;
}

/** What was read, and what became of it. */
export interface PassCounts {
  /** Vectors stored in the new database; one that is changed while it is read may count twice. */
  taken: number;
  /** Vectors that were not newer than the pass before. */
  skipped: number;
  /** Entries that the old server had marked as deleted, or deletions in the journal. */
  deleted: number;
  /** Of those taken, such as have no known id but `hash:` and 16 digits. */
  withoutId: number;
  /** Records that were passed over as invalid. */
  invalid: number;
  /** Changes of a database that is in use which are not durable there yet: they are for the next pass. */
  pending: number;
}

/** One database that was migrated. */
export interface MigratedDatabase extends PassCounts, Reconciled {
  /** The old file. */
  from: string;
  /** The new file. */
  to: string;
  /** Whose the old file is: 'legacy' of the old server, 'jvdb' of this package. */
  kind: 'legacy' | 'jvdb';
  /** Vectors that the new database has now. */
  vectorCount: number;
  /** What comparing found, where that was asked for. */
  validation: Validation | undefined;
}

/** A database that could not be migrated. */
export interface FailedMigration {
  /** The old file. */
  from: string;
  /** The new file. */
  to: string;
  /** Why. */
  error: JvdbError;
}

/** What `migrate` did. */
export interface MigrationReport {
  /** Whether all databases were migrated, and those that were compared are the same. */
  ok: boolean;
  /** In the order of their names. */
  databases: MigratedDatabase[];
  /** Those of a directory that were left out. */
  failed: FailedMigration[];
  /** New files of a directory that a pass before had begun, and whose old ones are no longer there. */
  gone: string[];
  /** How long it took, in milliseconds. */
  durationMs: number;
}
