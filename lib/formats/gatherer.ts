/** Gathers records into batches. Threads: one call at a time. */
import { MAX_DIMENSION } from './flat-rows.js';
import type { InBatch, InvalidRecord } from './types.js';
import { Rejection } from './values.js';

// What an invalid record takes besides its texts.
const OVERHEAD = 200;

/** Records on their way into a batch. */
export class Gatherer {
  /** Records so far, of the batches before too, invalid ones too. */
  position = 0;
  /** How many bytes those of this batch take. */
  bytes = 0;
  /** Those of this batch, one after the other, and room for more; undefined before the first. */
  vectors: Float32Array | undefined;
  #ids: (number | bigint | string)[] = [];
  #metadata: (string | undefined)[] | undefined;
  #records: number[] = [];
  #invalid: InvalidRecord[] = [];

  /** Whole records of this batch. */
  get count(): number {
    return this.#records.length;
  }

  /**
   * Takes a whole record whose vector is in `vectors` already.
   *
   * @param id - undefined for none
   * @param metadata - JSON text, undefined for none
   * @param dimension - of the vector
   */
  add(id: number | bigint | string | undefined, metadata: string | undefined, dimension: number): void {
    if (id !== undefined) this.#ids.push(id);
    if (metadata !== undefined) this.#metadata ??= new Array<undefined>(this.count).fill(undefined);
    this.#metadata?.push(metadata);
    this.#records.push(++this.position);
    this.bytes += 4 * dimension + (metadata?.length ?? 0) + (typeof id === 'string' ? id.length : 0);
  }

  /**
   * Counts a record as invalid.
   *
   * @param why - and where it is, and what
   */
  reject(why: Omit<InvalidRecord, 'record'>): void {
    this.#invalid.push({ record: ++this.position, ...why });
    this.bytes += OVERHEAD + why.reason.length + (why.text?.length ?? 0);
  }

  /**
   * Ends the batch.
   *
   * @param dimension - of its vectors
   * @param hasIds - whether its records have any
   * @returns it; nothing where there is nothing in it
   */
  batch(dimension: number | undefined, hasIds: boolean): InBatch[] {
    const count = this.count;
    if (count === 0 && this.#invalid.length === 0) return [];
    const batch: InBatch = {
      count,
      ids: hasIds ? this.#ids : undefined,
      vectors: this.vectors?.subarray(0, count * (dimension ?? 0)) ?? new Float32Array(0),
      metadata: this.#metadata,
      records: this.#invalid.length === 0 ? undefined : this.#records,
      position: this.position,
      invalid: this.#invalid,
    };
    this.bytes = 0;
    this.vectors = undefined;
    this.#ids = [];
    this.#metadata = undefined;
    this.#records = [];
    this.#invalid = [];
    return [batch];
  }
}

/**
 * Checks how many values a vector has.
 *
 * @param length - so many
 * @param dimension - as those before have; undefined for the first
 * @throws Rejection if that can't be
 */
export function checkLength(length: number, dimension: number | undefined): void {
  if (length === 0) throw new Rejection('the vector has no values');
  if (length !== (dimension ?? length)) {
    throw new Rejection(`the vector has ${length} values, not ${dimension ?? length}`);
  }
  if (length > MAX_DIMENSION) throw new Rejection(`the vector has ${length} values, more than ${MAX_DIMENSION}`);
}
