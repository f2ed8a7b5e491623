/** Numbers about all entries of the old server's file, as short as they can be. Threads: no state. */
import type { LegacyEntry, LegacyHeader } from './header.js';
import type { Hash64 } from './hash.js';

/** A list of float64 values or of hashes, not of both. */
export class Column {
  #values = new Float64Array(64);
  #halves = new Uint32Array(this.#values.buffer);
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a number.
   *
   * @param value - the number
   */
  push(value: number): void {
    this.#grow();
    this.#values[this.#length++] = value;
  }

  /**
   * Adds a hash.
   *
   * @param hash - the hash
   */
  pushHash(hash: Hash64): void {
    this.#grow();
    this.#halves[this.#length * 2] = hash.low;
    this.#halves[this.#length * 2 + 1] = hash.high;
    this.#length++;
  }

  #grow(): void {
    if (this.#length < this.#values.length) return;
    const larger = new Float64Array(this.#length * 2);
    larger.set(this.#values);
    this.#values = larger;
    this.#halves = new Uint32Array(larger.buffer);
  }

  /**
   * Sorts the numbers.
   *
   * @returns they, in place
   */
  sorted(): Float64Array {
    return this.#values.subarray(0, this.#length).sort();
  }

  /**
   * Sorts the hashes.
   *
   * @returns they, in place
   */
  sortedHashes(): BigUint64Array {
    return new BigUint64Array(this.#values.buffer, 0, this.#length).sort();
  }

  /**
   * Sorts the hashes.
   *
   * @returns those that are there more than once, each once, in place
   */
  repeatedHashes(): BigUint64Array {
    const hashes = this.sortedHashes();
    const low = (i: number): number => this.#halves[i * 2] ?? 0;
    const high = (i: number): number => this.#halves[i * 2 + 1] ?? 0;
    const same = (a: number, b: number): boolean => low(a) === low(b) && high(a) === high(b);
    let count = 0;
    for (let i = 1; i < this.#length; i++) {
      if (!same(i, i - 1) || (count > 0 && same(count - 1, i))) continue;
      hashes.copyWithin(count++, i, i + 1);
    }
    return hashes.subarray(0, count);
  }
}

/**
 * Looks up a value.
 *
 * @param sorted - the values
 * @param wanted - which
 * @returns whether it is among them
 */
export function has(sorted: Float64Array | BigUint64Array, wanted: number | bigint): boolean {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const value = sorted[middle] ?? 0;
    if (value === wanted) return true;
    if (value < wanted) from = middle + 1;
    else to = middle;
  }
  return false;
}

/**
 * Where vectors may be. No checksum tells that the offset of one is damaged, but much else does: they are packed,
 * so each is a multiple of their size away from the first, and none lies behind as many as were ever stored. The
 * old server's files did not always keep to that after they grew: both count only where most entries agree.
 */
export class Places {
  /** Bytes of each vector. */
  readonly vectorBytes: number;
  readonly #header: LegacyHeader;
  #aligned = 0;
  #unaligned = 0;
  #usedEnd: number;

  /**
   * Knows the header only, at first.
   *
   * @param header - of the file
   */
  constructor(header: LegacyHeader) {
    this.#header = header;
    this.#usedEnd = header.dataEnd;
    this.vectorBytes = header.vectorBytes;
  }

  /**
   * Takes note of an entry.
   *
   * @param entry - one that is in use
   * @returns whether it is inside
   */
  add(entry: LegacyEntry): boolean {
    if (!this.isInside(entry)) return false;
    if (this.#isAligned(entry.dataOffset)) this.#aligned++;
    else this.#unaligned++;
    return true;
  }

  /**
   * Draws the conclusions, once all are known.
   *
   * @param active - how many are in use
   */
  conclude(active: number): void {
    const { activeCount, vectorCount, dataOffset, dataEnd } = this.#header;
    if (active !== activeCount || vectorCount < active) return;
    this.#usedEnd = Math.min(dataEnd, dataOffset + vectorCount * this.vectorBytes);
  }

  /**
   * Whether a vector has its size and lies where vectors are.
   *
   * @param entry - whose
   * @returns whether it does
   */
  isInside(entry: LegacyEntry): boolean {
    const { size, dataOffset } = entry;
    const { vectorBytes, dataOffset: from, dataEnd, textOffset, textEnd } = this.#header;
    if (size !== vectorBytes || dataOffset < from || dataOffset + size > dataEnd) return false;
    return dataOffset >= textEnd || dataOffset + size <= textOffset;
  }

  /**
   * Whether a vector that lies inside is where the others lead one to expect it.
   *
   * @param offset - where it is
   * @returns whether it is
   */
  isPlausible(offset: number): boolean {
    return offset + this.vectorBytes <= this.#usedEnd && (this.#isAligned(offset) || this.#aligned < this.#unaligned);
  }

  /**
   * What is wrong with the place of a vector.
   *
   * @param entry - whose
   * @returns the reason; undefined for nothing
   */
  misplaced(entry: LegacyEntry): string | undefined {
    const { vectorBytes, dimension, dataOffset, dataEnd, textOffset, textEnd, vectorCount } = this.#header;
    const { size, dataOffset: offset } = entry;
    if (size !== vectorBytes) return `its vector has ${size} bytes, not the ${vectorBytes} of ${dimension} values`;
    const where = `its vector is at byte ${offset}`;
    if (offset < dataOffset || offset + size > dataEnd) return `${where}, not within ${dataOffset} … ${dataEnd}`;
    if (!this.isInside(entry)) return `${where}, among the texts of ids at ${textOffset} … ${textEnd}`;
    if (offset + size > this.#usedEnd) return `${where}, behind all ${vectorCount} that were ever stored`;
    if (!this.isPlausible(offset))
      return `${where}, no multiple of ${vectorBytes} bytes from the first at ${dataOffset}`;
    return undefined;
  }

  #isAligned(offset: number): boolean {
    return (offset - this.#header.dataOffset) % this.vectorBytes === 0;
  }
}
