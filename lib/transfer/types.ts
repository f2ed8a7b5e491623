/** What importing and exporting take and give. */
import type { FormatName } from '../formats/recognise.js';
import type { InvalidRecord } from '../formats/types.js';
import type { DistanceMetric, IdType } from '../types.js';

/** How far an import or export has come. */
export interface TransferProgress {
  /** Bytes read or written, of what is in the file: zipped ones where it is zipped. */
  doneBytes: number;
  /** Of so many; 0 where that isn't known. */
  totalBytes: number;
  /** Records read or written. */
  records: number;
  /** Of so many; 0 where that isn't known. */
  totalRecords: number;
}

/** Options of both ways. */
export interface TransferOptions {
  /** Default: as the content or the name says. */
  format?: FormatName | undefined;
  /**
   * Gives the work up; the promise rejects with the signal's reason once it has stopped. A stream whose bytes are
   * being waited for is destroyed.
   */
  signal?: AbortSignal | undefined;
  /** Called at the beginning, about ten times a second, and at the end. What it throws gives the work up, and is thrown. */
  onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** How records are taken in. */
export interface RecordOptions extends TransferOptions {
  /** Records that make a change at most, 1 to 1,000,000. Default: as many as have 4 MiB of vectors. */
  batchSize?: number | undefined;
  /** The id of the first record in formats without ids; the others count on. Default 0. */
  firstId?: number | undefined;
  /** Pass over records that can't be read, and count them; else the first one ends the import. Default false. */
  skipInvalid?: boolean | undefined;
  /** Told of each such record. */
  onInvalid?: ((record: InvalidRecord) => void) | undefined;
}

/** Options of `importVectors`. */
export interface ImportOptions extends RecordOptions {
  /** Which database of a document that holds several. */
  table?: string | undefined;
  /**
   * A file to keep in how far the import has come; it goes when the import is whole. An import with the same file
   * goes on there, where the source is as it was. Every 5 s the store is flushed for it.
   */
  checkpoint?: string | undefined;
}

/** Options of `importDatabases`. */
export interface ImportDatabasesOptions extends RecordOptions {
  /** What the one database is to be called. Default: as the document says. */
  database?: string | undefined;
  /** Of databases that are created. Default: as what is read says, else 'cosine'. */
  distanceMetric?: DistanceMetric | undefined;
  /** Likewise. Default: as what is read says, or its first id is. */
  idType?: IdType | undefined;
}

/** What `importVectors` did. */
export interface ImportReport {
  /** The format that was read. */
  format: FormatName;
  /** Records that were read now; those before a checkpoint not among them. */
  records: number;
  /** Vectors that were stored. */
  stored: number;
  /** Records that were passed over as invalid. */
  invalid: number;
  /** Records that an earlier import had read. */
  resumedAt: number;
  /** Bytes read. */
  bytes: number;
  /** How long it took, in milliseconds. */
  durationMs: number;
}

/** One database that was imported. */
export interface ImportedDatabase {
  /** Its name. */
  database: string;
  /** Whether it was not there before. */
  created: boolean;
  /** Records that were read. */
  records: number;
  /** Vectors that were stored. */
  stored: number;
  /** Records that were passed over as invalid. */
  invalid: number;
}

/** What `importDatabases` did. */
export interface ImportDatabasesReport {
  /** The format that was read. */
  format: FormatName;
  /** In order. */
  databases: ImportedDatabase[];
  /** Bytes read. */
  bytes: number;
  /** How long it took, in milliseconds. */
  durationMs: number;
}

/** How to write. */
export interface SinkOptions extends TransferOptions {
  /** Zip it. Default: whether the path ends in `.gz`. */
  gzip?: boolean | undefined;
  /** Replace a file that has the name. Default false. */
  overwrite?: boolean | undefined;
}

/** Options of `exportVectors`. */
export interface ExportOptions extends SinkOptions {
  /** What a format that names its tables calls it. Default 'vectors'. */
  name?: string | undefined;
}

/** Options of `exportDatabases`. */
export interface ExportDatabasesOptions extends SinkOptions {
  /** Which ones, in this order. Default: all, by name. */
  databases?: readonly string[] | undefined;
}

/** What an export did. */
export interface ExportReport {
  /** The format that was written. */
  format: FormatName;
  /** Vectors that were written. */
  records: number;
  /** Bytes written. */
  bytes: number;
  /** How long it took, in milliseconds. */
  durationMs: number;
}
