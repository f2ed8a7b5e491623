/** What looking after a file takes and gives: verifying, compacting, backing up, restoring, salvaging. */

/** How far long work has come. */
export interface Progress {
  /** Bytes done. */
  doneBytes: number;
  /** Of about so many; 0 while that isn't known. At the end both are equal. */
  totalBytes: number;
}

/** Options of long work, which runs off the event loop. */
export interface JobOptions {
  /** Gives the work up; the promise rejects with the signal's reason once it has stopped. */
  signal?: AbortSignal | undefined;
  /**
   * Called at the beginning, about ten times a second, and at the end. What it throws gives the work up, and is thrown; once the work
   * is done, it is a process warning.
   */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of `verify`. */
export interface VerifyOptions extends JobOptions {
  /**
   * Compare all vectors, codes, ids and metadata with their checksums; else only headers, superblocks,
   * extents, records and the way to each id. Default true.
   */
  deep?: boolean | undefined;
}

/** Something that is wrong with a file. */
export interface VerifyError {
  /** Where: bytes from the file's start. */
  offset: number;
  /** LSN of the operation it is about; 0 where it is about none. */
  lsn: number;
  /** What is wrong. */
  message: string;
}

/** What `verify` found. */
export interface VerifyReport {
  /** Whether nothing is wrong. */
  ok: boolean;
  /** Vectors in the store. */
  vectorCount: number;
  /** Operations that were compared with their checksums. */
  recordCount: number;
  /** Bytes that were. */
  bytes: number;
  /** LSN of the last operation. */
  lastLsn: number;
  /** How much is wrong. */
  errorCount: number;
  /** The first hundred. */
  errors: VerifyError[];
  /** How long it took, in milliseconds. */
  durationMs: number;
}

/** What `compact` did. */
export interface CompactReport {
  /** False: nothing was dead, and nothing was done. */
  compacted: boolean;
  /** Vectors in the store. */
  vectorCount: number;
  /** Replaced and deleted vectors whose space came back. */
  deadCount: number;
  /** Disk space of the file before. */
  bytesBefore: number;
  /** And after. */
  bytesAfter: number;
  /** How long it took, in milliseconds. */
  durationMs: number;
}

/** When a store compacts itself: as soon as both are met. */
export interface AutoCompactOptions {
  /** Dead vectors ÷ all that take space, 0 to 1. Default 0.3. */
  deadShare?: number | undefined;
  /** Bytes of the dead. Default 10 MiB. */
  deadBytes?: number | undefined;
}

/** Options of `backup`. */
export interface BackupOptions extends JobOptions {
  /**
   * Only what followed this LSN: the `lastLsn` of the backup that this one is to follow. Default: a whole
   * copy.
   */
  sinceLsn?: number | undefined;
}

/** What `backup` wrote. */
export interface BackupReport {
  /** The file. */
  path: string;
  /** 'full': a database of its own. 'incremental': what followed another backup. */
  kind: 'full' | 'incremental';
  /** Which database it is of, in hexadecimal digits: restoring makes another one. */
  databaseId: string;
  /** An increment follows this LSN; of a whole copy: states above it can be restored one by one. */
  sinceLsn: number;
  /** When that was. */
  sinceTime: Date;
  /** LSN of the last change in it. */
  lastLsn: number;
  /** When that was made. */
  lastTime: Date;
  /** Vectors in the copy, or put by the increment and not removed again. */
  vectorCount: number;
  /** Size of the file. */
  bytes: number;
  /** CRC32C of all of them, in hexadecimal digits. */
  crc32c: string;
  /** How long it took, in milliseconds. */
  durationMs: number;
}

/** Options of `restore`; without `lsn` and `time` everything is restored. */
export interface RestoreOptions extends JobOptions {
  /** The state after this LSN; inside a batch, before the batch. */
  lsn?: number | undefined;
  /** The state at this time. */
  time?: Date | undefined;
}

/** What `restore` made. */
export interface RestoreReport {
  /** LSN of the last change in it. */
  lastLsn: number;
  /** When that was made. */
  lastTime: Date;
  /** Vectors in the database. */
  vectorCount: number;
  /** Size of the file. */
  bytes: number;
  /** How long it took, in milliseconds. */
  durationMs: number;
}

/** What `salvage` copied, and what it could not. */
export interface SalvageReport {
  /** Whether everything was whole. */
  ok: boolean;
  /** Vectors that were copied. */
  vectorCount: number;
  /** Ids whose vector or metadata are damaged. */
  lostCount: number;
  /** The first hundred, as text. */
  lostIds: string[];
  /**
   * Operations of which nothing can be read: what they replaced or deleted is back as it was before, what
   * they added is missing.
   */
  unreadableCount: number;
  /** How much is wrong with the file. */
  errorCount: number;
  /** The first hundred. */
  errors: VerifyError[];
  /** LSN of the last change that was read. */
  lastLsn: number;
  /** Size of the new file. */
  bytes: number;
  /** How long it took, in milliseconds. */
  durationMs: number;
}
