/**
 * The hash by which the old server found ids: MurmurHash64A, as its C++ library had it. In halves of 32 bits, which
 * takes no BigInt for each id. Threads: none.
 */

const SEED = 0xc70f6907;
// The multiplier, 0xc6a4a7935bd1e995.
const M_HIGH = 0xc6a4a793;
const M_LOW = 0x5bd1e995;
const M_LOW_1 = 0x5bd1;
const M_LOW_0 = 0xe995;

/** A hash of 64 bits. */
export interface Hash64 {
  /** Bits 0 … 31. */
  readonly low: number;
  /** Bits 32 … 63. */
  readonly high: number;
}

let low = 0;
let high = 0;

// (high, low) × M mod 2^64. No partial sum reaches 2^32: M_LOW_1 and M_LOW_0 leave room for the carries.
function multiply(): void {
  const low0 = low & 0xffff;
  const low1 = low >>> 16;
  const mid = (Math.imul(low0, M_LOW_1) >>> 0) + (Math.imul(low0, M_LOW_0) >>> 16);
  const mid2 = (Math.imul(low1, M_LOW_0) >>> 0) + (mid & 0xffff);
  const carried = Math.imul(low1, M_LOW_1) + (mid >>> 16) + (mid2 >>> 16);
  high = (carried + Math.imul(high, M_LOW) + Math.imul(low, M_HIGH)) | 0;
  low = Math.imul(low, M_LOW);
}

// x ^ (x >> 47)
function mix(): void {
  low ^= high >>> 15;
}

function compute(bytes: Uint8Array, from: number, to: number): void {
  low = to - from;
  high = 0;
  multiply();
  let hashLow = low ^ SEED;
  let hashHigh = high;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    low = word(bytes, at);
    high = word(bytes, at + 4);
    multiply();
    mix();
    multiply();
    low ^= hashLow;
    high ^= hashHigh;
    multiply();
    hashLow = low;
    hashHigh = high;
  }
  low = hashLow;
  high = hashHigh;
  if (at < to) {
    for (let i = 0; at + i < to; i++) {
      const byte = bytes[at + i] ?? 0;
      if (i < 4) low ^= byte << (8 * i);
      else high ^= byte << (8 * (i - 4));
    }
    multiply();
  }
  mix();
  multiply();
  mix();
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

/**
 * The hash of an id.
 *
 * @param bytes - hold it
 * @param from - its first byte
 * @param to - the first behind it
 * @returns the hash
 */
export function legacyHash(bytes: Uint8Array, from = 0, to = bytes.length): Hash64 {
  compute(bytes, from, to);
  return { low: low >>> 0, high: high >>> 0 };
}

/**
 * Whether an id has a hash.
 *
 * @param bytes - hold the id
 * @param from - its first byte
 * @param to - the first behind it
 * @param hash - the hash
 * @returns whether it does
 */
export function hasHash(bytes: Uint8Array, from: number, to: number, hash: Hash64): boolean {
  compute(bytes, from, to);
  return low >>> 0 === hash.low && high >>> 0 === hash.high;
}

/**
 * A hash as text.
 *
 * @param hash - the hash
 * @returns 16 hexadecimal digits
 */
export function hexOf(hash: Hash64): string {
  return hash.high.toString(16).padStart(8, '0') + hash.low.toString(16).padStart(8, '0');
}
