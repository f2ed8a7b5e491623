/** Gathers rows of text formats into batches. */
import { Rejection } from '../values.js';
import type { InBatch, InvalidRecord } from '../types.js';

const MAX_DIMENSION = 65536;
// What an invalid record takes besides its text.
const OVERHEAD = 200;

/** A row that is being read; one for many. */
export class Row {
  /** undefined for none. */
  id: number | bigint | string | undefined;
  /** Room for its values. */
  values = new Float32Array(1024);
  /** How many of them are in use. */
  length = 0;
  /** How many more there were than any vector may have. */
  surplus = 0;
  /** JSON text, undefined for none. */
  metadata: string | undefined;

  /**
   * Makes room.
   *
   * @param length - for so many values
   */
  reserve(length: number): void {
    if (length > this.values.length) this.values = new Float32Array(length);
  }

  /** Before each record. */
  clear(): void {
    this.id = undefined;
    this.length = 0;
    this.surplus = 0;
    this.metadata = undefined;
  }

  /**
   * Adds a value; more than any vector may have are only counted.
   *
   * @param value - a float32
   */
  push(value: number): void {
    if (this.length === this.values.length) {
      if (this.length >= MAX_DIMENSION) {
        this.surplus++;
        return;
      }
      const wider = new Float32Array(this.length * 2);
      wider.set(this.values);
      this.values = wider;
    }
    this.values[this.length++] = value;
  }
}

/** Rows on their way into a batch. */
export class TextRows {
  readonly #batchBytes: number;
  #dimension: number | undefined;
  #hasIds: boolean | undefined;
  #position = 0;
  #bytes = 0;
  #ids: (number | bigint | string)[] = [];
  #metadata: (string | undefined)[] | undefined;
  #vectors: Float32Array | undefined;
  #records: number[] = [];
  #invalid: InvalidRecord[] = [];

  /**
   * Makes one for a table.
   *
   * @param dimension - values of each vector; undefined: as the first has
   * @param batchBytes - how large batches are
   */
  constructor(dimension: number | undefined, batchBytes: number) {
    this.#dimension = dimension;
    this.#batchBytes = batchBytes;
  }

  /**
   * Takes the next record.
   *
   * @param row - is copied
   * @throws Rejection if it doesn't fit the rows before; to be handed to `reject`
   */
  add(row: Row): void {
    this.#check(row);
    const dimension = (this.#dimension ??= row.length);
    this.#hasIds ??= row.id !== undefined;
    const count = this.#records.length;
    if (row.id !== undefined) this.#ids.push(row.id);
    if (typeof row.id === 'string') this.#bytes += row.id.length;
    this.#vectors ??= new Float32Array(dimension * Math.max(1, Math.ceil(this.#batchBytes / (dimension * 4))));
    this.#vectors.set(row.values.subarray(0, row.length), count * dimension);
    if (row.metadata !== undefined) {
      this.#metadata ??= new Array<undefined>(count).fill(undefined);
      this.#bytes += row.metadata.length;
    }
    this.#metadata?.push(row.metadata);
    this.#records.push(++this.#position);
    this.#bytes += row.length * 4;
  }

  #check({ id, surplus, length: kept }: Row): void {
    const length = kept + surplus;
    if (length === 0) throw new Rejection('the vector has no values');
    if (length !== (this.#dimension ?? length)) {
      throw new Rejection(`the vector has ${length} values, not ${this.#dimension ?? length}`);
    }
    if (length > MAX_DIMENSION) throw new Rejection(`the vector has ${length} values, more than ${MAX_DIMENSION}`);
    if ((this.#hasIds ?? id !== undefined) !== (id !== undefined)) {
      throw new Rejection(id === undefined ? 'there is no id' : 'there is an id, where the first row has none');
    }
  }

  /**
   * Counts the next record as invalid.
   *
   * @param reason - why
   * @param line - of the text, from 1
   * @param column - in the line, from 1
   * @param text - the record
   */
  reject(reason: string, line: number, column: number, text: string): void {
    this.#invalid.push({ record: ++this.#position, line, column, reason, text });
    this.#bytes += OVERHEAD + text.length;
  }

  /** Whether the batch is due. */
  get isFull(): boolean {
    return this.#bytes >= this.#batchBytes;
  }

  /**
   * Ends the batch.
   *
   * @returns it; nothing where there is nothing in it
   */
  batch(): InBatch[] {
    const count = this.#records.length;
    if (count === 0 && this.#invalid.length === 0) return [];
    const batch: InBatch = {
      count,
      ids: this.#hasIds === false ? undefined : this.#ids,
      vectors: this.#vectors?.subarray(0, count * (this.#dimension ?? 0)) ?? new Float32Array(0),
      metadata: this.#metadata,
      records: this.#invalid.length === 0 ? undefined : this.#records,
      position: this.#position,
      invalid: this.#invalid,
    };
    this.#bytes = 0;
    this.#ids = [];
    this.#metadata = undefined;
    this.#vectors = undefined;
    this.#records = [];
    this.#invalid = [];
    return [batch];
  }
}
