/**
 * The encoding of levels and dictionary indices: runs of one value, and values packed by bits. No run is believed
 * beyond the number of values that is asked for. Threads: no state.
 */
import { Malformed } from '../malformed.js';

/** What values are put into. */
export type Integers = Uint8Array | Int32Array;

/**
 * How many bits hold values up to one.
 *
 * @param most - the largest value
 * @returns the number of bits
 */
export const bitsFor = (most: number): number => 32 - Math.clz32(most);

/**
 * Reads values.
 *
 * @param bytes - where they are
 * @param start - the first byte
 * @param end - behind the last byte
 * @param bits - of each value, up to 32
 * @param out - is filled
 * @throws Malformed where the bytes end before
 */
export function readHybrid(bytes: Uint8Array, start: number, end: number, bits: number, out: Integers): void {
  if (bits > 32) throw new Malformed(`values of ${bits} bits are packed, where 32 is the most`);
  if (bits === 0) {
    out.fill(0);
    return;
  }
  let at = start;
  for (let seen = 0; seen < out.length;) {
    let header = 0;
    for (let shift = 1, byte = 128; byte >= 128; shift *= 128) {
      if (at >= end || shift > 2 ** 35) throw new Malformed(`its packed values end after ${seen} of ${out.length}`);
      byte = bytes[at++] ?? 0;
      header += (byte & 127) * shift;
    }
    const isPacked = header % 2 === 1;
    const count = Math.min(Math.floor(header / 2) * (isPacked ? 8 : 1), out.length - seen);
    const size = isPacked ? Math.ceil((count * bits) / 8) : (bits + 7) >> 3;
    if (size > end - at) throw new Malformed(`its packed values end after ${seen} of ${out.length}`);
    if (isPacked) {
      unpack(bytes, at, bits, out, seen, count);
      at += Math.min(Math.floor(header / 2) * bits, end - at);
    } else {
      let value = 0;
      for (let i = 0; i < size; i++) value |= (bytes[at + i] ?? 0) << (8 * i);
      out.fill(value, seen, seen + count);
      at += size;
    }
    if (count === 0 && header < 2) throw new Malformed('its packed values have a run of none');
    seen += count;
  }
}

function unpack(bytes: Uint8Array, at: number, bits: number, out: Integers, from: number, count: number): void {
  if (bits > 24) {
    unpackWide(bytes, at, bits, out, from, count);
    return;
  }
  if (bits === 1) {
    for (let i = 0; i < count; i++) out[from + i] = ((bytes[at + (i >> 3)] ?? 0) >> (i & 7)) & 1;
    return;
  }
  const mask = 2 ** bits - 1;
  let held = 0;
  let left = 0;
  for (let i = from; i < from + count; i++) {
    while (left < bits) {
      held |= (bytes[at++] ?? 0) << left;
      left += 8;
    }
    out[i] = held & mask;
    held >>>= bits;
    left -= bits;
  }
}

// As the other; more bits than an integer of 32 holds beside what is left over.
function unpackWide(bytes: Uint8Array, at: number, bits: number, out: Integers, from: number, count: number): void {
  const size = 2 ** bits;
  let held = 0;
  let left = 0;
  for (let i = from; i < from + count; i++) {
    while (left < bits) {
      held += (bytes[at++] ?? 0) * 2 ** left;
      left += 8;
    }
    out[i] = held % size;
    held = Math.floor(held / size);
    left -= bits;
  }
}

/**
 * Passes over integers written as differences, which hyparquet reads next: it trusts their widths and lengths.
 *
 * @param bytes - where they are
 * @param start - the first byte
 * @param count - how many there are
 * @returns where they end
 * @throws Malformed where they are none
 */
export function checkDeltas(bytes: Uint8Array, start: number, count: number): number {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Malformed('its differences end early');
      value += (byte & 127) * 128 ** i;
      if (byte < 128) return value;
    }
    throw new Malformed('its differences have a number of more than 64 bits');
  };
  const [block, parts, total] = [varint(), varint(), varint()];
  varint(); // the first value
  if (parts < 1 || parts > 512 || block % (8 * parts) !== 0 || block < 8 || block > 1 << 20 || total !== count) {
    throw new Malformed(`its differences are ${total} in blocks of ${block} in ${parts} parts, for ${count} values`);
  }
  for (let left = count - 1; left > 0; left -= block) {
    varint(); // the smallest difference
    const widths = at;
    at += parts;
    for (let i = 0; i < parts && i * (block / parts) < left; i++) {
      const bits = bytes[widths + i];
      if (bits === undefined || bits > 64) throw new Malformed(`its differences have ${bits ?? 'no'} bits`);
      at += (bits * block) / parts / 8;
    }
    if (at > bytes.length) throw new Malformed('its differences end early');
  }
  return at;
}
