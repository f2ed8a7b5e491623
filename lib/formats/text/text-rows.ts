/** Gathers rows of text formats into batches. */
import { MAX_DIMENSION } from '../flat-rows.js';
import { checkLength, Gatherer } from '../gatherer.js';
import type { InBatch } from '../types.js';
import { Rejection } from '../values.js';

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
  readonly #gathered = new Gatherer();
  #hasIds: boolean | undefined;

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
    const gathered = this.#gathered;
    gathered.vectors ??= new Float32Array(dimension * Math.max(1, Math.ceil(this.#batchBytes / (dimension * 4))));
    gathered.vectors.set(row.values.subarray(0, row.length), gathered.count * dimension);
    gathered.add(row.id, row.metadata, dimension);
  }

  #check({ id, surplus, length: kept }: Row): void {
    checkLength(kept + surplus, this.#dimension);
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
    this.#gathered.reject({ line, column, reason, text });
  }

  /** Whether the batch is due. */
  get isFull(): boolean {
    return this.#gathered.bytes >= this.#batchBytes;
  }

  /**
   * Ends the batch.
   *
   * @returns it; nothing where there is nothing in it
   */
  batch(): InBatch[] {
    return this.#gathered.batch(this.#dimension, this.#hasIds !== false);
  }
}
