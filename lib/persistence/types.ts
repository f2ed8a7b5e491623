/** What databases by name are made of, told and counted. */
import type { JvdbError } from '../errors.js';
import type { DistanceMetric, IdType } from '../types.js';
import type { AutoCompactOptions } from '../upkeep-types.js';

/** What a new database is to be. All of it is kept in the database itself. */
export interface DatabaseSchema {
  /** Values of each vector, 1 to 65,536. */
  dimension: number;
  /** How searches measure likeness. Default 'cosine'. */
  distanceMetric?: DistanceMetric | undefined;
  /** 'FLAT': exact search. 'HNSW' is refused by this release, which has no such index. Default 'FLAT'. */
  indexType?: 'FLAT' | 'HNSW' | undefined;
  /** The type of all ids. Default 'int64'. */
  idType?: IdType | undefined;
  /** Keep an int8 copy of each vector, a quarter of its size, for faster exact search. Default 'int8'. */
  scanColumn?: 'int8' | 'none' | undefined;
  /** Accept NaN and infinities; such vectors are never search results. Default false. */
  allowNonFinite?: boolean | undefined;
  /** Vectors that there is room for at first; it grows by itself. Default: the persistence's own. */
  initialCapacity?: number | undefined;
}

/** What a database is. */
export interface DatabaseInfo {
  /** Its name. */
  name: string;
  /** Values of each vector. */
  dimension: number;
  /** How searches measure likeness. */
  distanceMetric: DistanceMetric;
  /** How searches find: 'FLAT' is exact. */
  indexType: 'FLAT';
  /** The type of all ids. */
  idType: IdType;
  /** Whether each vector has an int8 copy for searches. */
  scanColumn: 'int8' | 'none';
  /** Whether NaN and infinities are accepted. */
  allowNonFinite: boolean;
  /** When it was created. */
  createdAt: Date;
  /** Vectors in it: now where it is open here, else as of its last flush. */
  vectorCount: number;
  /** Replaced and deleted vectors whose space is still taken, likewise. */
  deletedCount: number;
  /** Size of the file, or of the memory. */
  fileBytes: number;
  /** Disk space behind it. */
  allocatedBytes: number;
  /** Whether it is open here. */
  isOpen: boolean;
  /** The file; undefined in memory. */
  filePath: string | undefined;
}

/** A database that could not be read. */
export interface UnreadableDatabase {
  /** Its name. */
  name: string;
  /** Why. */
  error: JvdbError;
}

/** Figures of all databases of a persistence, and of what was done to keep them open and flushed. */
export interface StorageStats {
  /** Databases that exist. */
  totalDatabases: number;
  /** Vectors in them: now in those that are open here, else as of their last flush. */
  totalVectors: number;
  /** Replaced and deleted vectors whose space is still taken, likewise. */
  deletedVectors: number;
  /** Disk space, or memory, behind all of them. */
  totalBytes: number;
  /** Files that are open here; 0 in memory. */
  openFiles: number;
  /** How many may be; 0 in memory. */
  maxOpenFiles: number;
  /** Calls that found their database open. */
  lruHits: number;
  /** Calls that had to open it. */
  lruMisses: number;
  /** Databases closed to make room for others. */
  lruEvictions: number;
  /** As many in the last 60 seconds. */
  evictionsPerMinute: number;
  /** How often a file was opened above the limit, since all that were open were in use. */
  limitExceeded: number;
  /** Flushes that had something to do. */
  flushes: number;
  /** Milliseconds that the last one took; 0 before the first. */
  lastFlushMs: number;
  /** Milliseconds that 95 % of the last 256 took at most. */
  p95FlushMs: number;
  /** Databases that were compacted by themselves. */
  compactions: number;
  /** Flushes, closings and compactions that failed. */
  errors: number;
  /** The last of these failures. */
  lastError: JvdbError | undefined;
  /** Databases whose figures are missing in the totals. */
  unreadable: UnreadableDatabase[];
}

/** What `healthCheck` found. */
export interface HealthReport {
  /** Whether the databases could be listed, and all open ones flushed. */
  healthy: boolean;
  /** Databases that exist; 0 where they can't be listed. */
  totalDatabases: number;
  /** Milliseconds that the check took. */
  durationMs: number;
  /** What went wrong. */
  error: JvdbError | undefined;
}

/** What happens in a persistence, for monitoring; an event comes after what it tells of. */
export interface PersistenceEvents {
  /** A database's file was opened. */
  open: [{ name: string; durationMs: number }];
  /** It was closed to make room for another; a flush of what had changed comes with an event of its own. */
  evict: [{ name: string; durationMs: number }];
  /** A database's changes up to this LSN were made durable. */
  flush: [{ name: string; durationMs: number; lsn: number }];
  /** A database was compacted by itself. */
  compact: [{ name: string; durationMs: number; bytesBefore: number; bytesAfter: number }];
  /** A flush, closing or compaction failed that nobody waits for. Without a listener, it is a process warning. */
  error: [JvdbError, { name: string }];
}

/** Options of a PersistentDatabasePersistence. */
export interface PersistenceOptions {
  /** Files that may be open at a time, 5 to 1000. Default 100. */
  maxOpenFiles?: number | undefined;
  /** Seconds between flushes of what is open and has changed, 0 to 3600; 0: only when asked. Default 300. */
  flushIntervalSeconds?: number | undefined;
  /**
   * Where a new database is put: 'flat' in `<name>.jvdb`, 'folder' in `<name>/vectors.jvdb`. Databases of
   * both are found. Default 'flat'.
   */
  layout?: 'flat' | 'folder' | undefined;
  /** Vectors that a new database has room for at first; it grows by itself. Default 1000. */
  initialCapacity?: number | undefined;
  /**
   * 'periodic': a change is safe against the end of the process when the call returns, and against
   * power loss after the next flush. 'commit': against both when the call returns. Default 'periodic'.
   */
  durability?: 'periodic' | 'commit' | undefined;
  /** As of `StoreOptions`, for each database; of all of them one is compacted at a time. Default true. */
  autoCompact?: boolean | AutoCompactOptions | undefined;
}
