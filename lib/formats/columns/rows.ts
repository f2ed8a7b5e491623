/** Gathers rows of columnar formats into batches. Threads: one call at a time. */
import { canonicalId, shown } from '../../arguments.js';
import { areFinite, firstUnfit, floatsFor, rowsPerBatch } from '../flat-rows.js';
import { checkLength, Gatherer } from '../gatherer.js';
import { IdReader, Rejection } from '../values.js';
import type { InBatch, ReadOptions } from '../types.js';

const MAX_ID = 2n ** 63n - 1n;

type Id = number | bigint | string;

/** Numbers of a column. */
export type Numbers = ArrayLike<number> | ArrayLike<bigint>;

/** Rows on their way into a batch. */
export class TableRows {
  readonly #options: ReadOptions;
  readonly #texts: IdReader;
  readonly #hasIds: boolean;
  readonly #gathered = new Gatherer();
  #dimension: number | undefined;

  /**
   * Makes one for a table.
   *
   * @param options - how to read
   * @param hasIds - whether there is a column of ids
   */
  constructor(options: ReadOptions, hasIds: boolean) {
    this.#options = options;
    this.#dimension = options.dimension;
    this.#hasIds = hasIds;
    this.#texts = new IdReader(options.idType ?? 'string');
  }

  /** Records so far. */
  get position(): number {
    return this.#gathered.position;
  }

  /**
   * Takes the next record.
   *
   * @param id - as it was found; null for none; anything where there is no column of them
   * @param values - in which the vector is
   * @param start - of the vector
   * @param end - of the vector
   * @param metadata - JSON text, undefined for none
   * @throws Rejection if it is invalid; to be handed to `reject`
   */
  add(id: unknown, values: Numbers, start: number, end: number, metadata: string | undefined): void {
    const known = this.#hasIds ? this.#idOf(id) : undefined;
    checkLength(end - start, this.#dimension);
    this.#store(values, start, end);
    this.#gathered.add(known, metadata, end - start);
  }

  #idOf(id: unknown): Id {
    if (typeof id === 'string') return this.#texts.fromText(id);
    if (typeof id !== 'number' && typeof id !== 'bigint') {
      throw new Rejection(id === null || id === undefined ? 'there is no id' : `the id is ${shown(id)}`);
    }
    if (id < 0 || id > MAX_ID) throw new Rejection(`the id ${id} is not from 0 to 2^63-1`);
    return this.#options.idType === 'string' ? String(id) : canonicalId(id);
  }

  #store(values: Numbers, start: number, end: number): void {
    const dimension = end - start;
    // Before a whole row says it, each may have another dimension.
    if (this.#gathered.vectors === undefined || this.#dimension === undefined) {
      this.#gathered.vectors = floatsFor(rowsPerBatch(this.#options, dimension) * dimension);
    }
    const { vectors, count } = this.#gathered;
    const to = count * dimension;
    if (values instanceof Float32Array || values instanceof Float64Array) {
      vectors.set(values.subarray(start, end), to);
    } else for (let i = 0; i < dimension; i++) vectors[to + i] = Number(values[start + i]);
    if (!areFinite(vectors, to, to + dimension)) {
      const unfit = firstUnfit(vectors.subarray(to, to + dimension), values, start, this.#options.allowNonFinite);
      if (unfit !== undefined) throw new Rejection(`value ${unfit[0]} of the vector is ${unfit[1]}`);
    }
    this.#dimension ??= dimension;
  }

  /**
   * Counts the next record as invalid.
   *
   * @param thrown - a Rejection; anything else is thrown again
   */
  reject(thrown: unknown): void {
    if (!(thrown instanceof Rejection)) throw thrown;
    this.#gathered.reject({ reason: thrown.message });
  }

  /** Whether the batch is due. */
  get isFull(): boolean {
    const { bytes, count } = this.#gathered;
    return (
      bytes >= this.#options.batchBytes || (count > 0 && count >= rowsPerBatch(this.#options, this.#dimension ?? 1))
    );
  }

  /**
   * Ends the batch.
   *
   * @returns it; nothing where there is nothing in it
   */
  batch(): InBatch[] {
    return this.#gathered.batch(this.#dimension, this.#hasIds);
  }
}

/**
 * An integer as JSON holds it: as text where a number would not be exact.
 *
 * @param value - the integer
 * @returns a number or its digits
 */
export function jsonInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/**
 * A moment as text: to the millisecond, or finer where it is.
 *
 * @param value - since 1970
 * @param perSecond - how many of its units make a second: 1, or a power of 1000
 * @returns ISO 8601; the number itself where no year has four digits
 */
export function isoTime(value: bigint, perSecond: bigint): string {
  const seconds = value / perSecond - (value % perSecond < 0n ? 1n : 0n);
  const date = new Date(Number(seconds) * 1000);
  const text = Number.isNaN(date.getTime()) ? '' : date.toISOString();
  if (text.length !== 24) return value.toString();
  const fraction = (value - seconds * perSecond).toString().padStart(perSecond.toString().length - 1, '0');
  const digits =
    perSecond <= 1000n ? fraction.padEnd(3, '0').slice(0, 3) : fraction.replace(/(?:000)+$/, '').padEnd(3, '0');
  return `${text.slice(0, 20)}${digits}Z`;
}
