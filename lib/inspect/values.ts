/** Reads values of the format. Threads: no state. */
import type { Whole } from './types.js';

/**
 * A view of bytes.
 *
 * @param bytes - of which
 * @returns it
 */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A u32.
 *
 * @param view - of a part
 * @param at - in the part
 * @returns it
 */
export function u32(view: DataView, at: number): number {
  return view.getUint32(at, true);
}

/**
 * A u64, exactly.
 *
 * @param view - of a part
 * @param at - in the part
 * @returns it; a bigint where it is above 2^53-1
 */
export function u64(view: DataView, at: number): Whole {
  const high = u32(view, at + 4);
  return high < 2 ** 21 ? high * 2 ** 32 + u32(view, at) : view.getBigUint64(at, true);
}

/**
 * A moment for people, whatever the file says.
 *
 * @param microseconds - since 1970
 * @returns its text
 */
export function timeOf(microseconds: Whole): string {
  const date = new Date(Number(microseconds) / 1000);
  return Number.isNaN(date.getTime()) ? `${microseconds} µs since 1970` : date.toISOString();
}

/**
 * Bytes as digits.
 *
 * @param bytes - of which
 * @returns two hexadecimal digits for each
 */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/**
 * Whether bytes are equal.
 *
 * @param a - some
 * @param b - others
 * @returns whether they are
 */
export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
