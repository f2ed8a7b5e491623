/**
 * What formats read and write: tables of rows, in batches, by column. A format knows bytes and rows; files,
 * pipes, gzip and stores are others' concern. Threads: no state.
 */
import type { DistanceMetric, IdType } from '../types.js';

/** Bytes to read, already unzipped. */
export interface Source {
  /** For messages: the path as given, or '-'. */
  readonly name: string;
  /** How many there are; undefined where that isn't known before the end. */
  readonly size: number | undefined;
  /**
   * The first bytes; they are read again by `bytes`.
   *
   * @param length - how many, up to 64 KiB
   * @returns so many, or all where there are fewer
   */
  peek(length: number): Promise<Buffer>;
  /**
   * All of them from the start, once.
   *
   * @returns pieces of any size, none empty
   */
  bytes(): AsyncIterable<Buffer>;
  /**
   * Bytes from anywhere; undefined for a pipe, and for what is zipped.
   *
   * @param position - of the first
   * @param length - how many
   * @returns so many, fewer at the end
   */
  readonly readAt: ((position: number, length: number) => Promise<Buffer>) | undefined;
}

/** A row that could not be read; others can. */
export interface InvalidRecord {
  /** Which of the table's, from 1. */
  record: number;
  /** Its line in a text, from 1. */
  line?: number | undefined;
  /** Where in the line, from 1, as far as that is known. */
  column?: number | undefined;
  /** What is wrong with it, with the values. */
  reason: string;
  /** It as it was found, where it is text. */
  text?: string | undefined;
}

/** Some rows of a table, one after the other. */
export interface Batch {
  /** How many are whole; may be 0. */
  count: number;
  /** `count` ids; undefined where the format has none. */
  ids: (number | bigint | string)[] | undefined;
  /** `count` × dimension values. */
  vectors: Float32Array;
  /** JSON text of objects, undefined for none; undefined as a whole where no row has any. */
  metadata: (string | undefined)[] | undefined;
}

/** Rows as they were read. */
export interface InBatch extends Batch {
  /** For each whole row which record of the table it is, from 1; undefined where they follow one by one. */
  records: number[] | undefined;
  /** Records of the table up to the end of this batch, invalid ones too. */
  position: number;
  /** Those that are invalid, since the batch before. */
  invalid: InvalidRecord[];
}

/** Vectors of one kind, as they were found. All of `rows` is read before the next table is asked for. */
export interface InTable {
  /** Its name; undefined where it has none. */
  readonly name: string | undefined;
  /** What it says of itself; undefined for nothing. */
  readonly dimension: number | undefined;
  /** Likewise. */
  readonly distanceMetric: DistanceMetric | undefined;
  /** Likewise. */
  readonly idType: IdType | undefined;
  /** Likewise: values that are no finite numbers belong to it. */
  readonly allowNonFinite?: boolean | undefined;
  /** How many rows it says it has; undefined for nothing. For progress only. */
  readonly count: number | undefined;
  /**
   * Its rows, once. All vectors have the dimension of the first whole row, or the one that is asked for: others
   * are invalid.
   *
   * @param allowNonFinite - goes before the option, for tables with a name
   * @returns batches in order; memory is a few batches at most
   */
  rows(allowNonFinite?: boolean): AsyncIterable<InBatch>;
}

/** Vectors of one kind, to be written. */
export interface OutTable {
  /** Its name. */
  readonly name: string;
  /** Values of each vector. */
  readonly dimension: number;
  /** How searches measure likeness. */
  readonly distanceMetric: DistanceMetric;
  /** The type of all ids. */
  readonly idType: IdType;
  /** Values may be NaN or infinite. */
  readonly allowNonFinite?: boolean | undefined;
  /** How many rows there are, exactly. */
  readonly count: number;
  /** Its rows, once. Every batch has ids. */
  rows(): AsyncIterable<Batch>;
}

/** How to read. */
export interface ReadOptions {
  /** Values of each vector; undefined: as the first whole row has. */
  dimension: number | undefined;
  /**
   * What ids are to be: 'int64' reads digits in a text as a number, 'string' numbers as their digits; undefined:
   * as they are found, in a text of no types by the first one.
   */
  idType: IdType | undefined;
  /** Values of a vector that are no finite numbers are read, not invalid. */
  allowNonFinite: boolean;
  /** About how many bytes of vectors make a batch. */
  batchBytes: number;
}

/** A way to keep vectors in bytes. */
export interface Format {
  /** As in options and on the command line. */
  readonly name: string;
  /** Ends of file names, with the dot. */
  readonly extensions: readonly string[];
  /** Whether it keeps ids and metadata; else rows are numbered. */
  readonly keepsIds: boolean;
  /**
   * Whether bytes begin as this format does; never true by chance alone.
   *
   * @param head - the first 64 KiB, or all where there are fewer
   * @returns undefined where that can't be told
   */
  recognises(head: Buffer): boolean | undefined;
  /**
   * Reads.
   *
   * @param source - the bytes
   * @param options - see `ReadOptions`
   * @returns the tables in it: one, but for documents of several
   * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it is not of this format, or ends too early: what was read
   *   before has been given
   */
  read(source: Source, options: ReadOptions): AsyncIterable<InTable>;
  /**
   * Writes; undefined where it is only read.
   *
   * @param tables - what to write; a format of one table throws `JVDB_INVALID_ARGUMENT` at a second one
   * @returns the bytes, in pieces of up to some MiB
   */
  readonly write: ((tables: AsyncIterable<OutTable>) => AsyncIterable<Uint8Array>) | undefined;
}
