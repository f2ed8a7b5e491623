/**
 * Codecs of columnar files. Snappy and LZ4 are unpacked here: each step forward is checked, and nothing is written
 * beyond the size that was said. Threads: no state.
 */
import zlib from 'node:zlib';
import { describe } from '../../errors.js';
import { Malformed } from '../malformed.js';

/** Unpacks into just so many bytes. */
export type Unpack = (packed: Uint8Array, size: number) => Uint8Array;

// Bytes that were written before, again; those that overlap repeat.
function repeat(out: Uint8Array, at: number, offset: number, length: number, codec: string): number {
  if (offset === 0 || offset > at || length > out.length - at) {
    throw new Malformed(`its ${codec} data repeats ${length} bytes from ${offset} before byte ${at} of ${out.length}`);
  }
  if (offset >= length) out.copyWithin(at, at - offset, at - offset + length);
  else for (let i = at; i < at + length; i++) out[i] = out[i - offset] ?? 0;
  return at + length;
}

function literal(out: Uint8Array, at: number, from: Uint8Array, start: number, length: number, codec: string): number {
  if (length > from.length - start || length > out.length - at) {
    throw new Malformed(
      `its ${codec} data has ${length} bytes at ${start} of ${from.length}, for byte ${at} of ${out.length}`,
    );
  }
  if (length < 16) for (let i = 0; i < length; i++) out[at + i] = from[start + i] ?? 0;
  else out.set(from.subarray(start, start + length), at);
  return at + length;
}

function whole(out: Uint8Array, at: number, codec: string): Uint8Array {
  if (at === out.length) return out;
  throw new Malformed(`its ${codec} data unpacks to ${at} bytes, not ${out.length}`);
}

function unpackSnappy(packed: Uint8Array, size: number): Uint8Array {
  const out = Buffer.allocUnsafeSlow(size);
  const little = (at: number, bytes: number): number => {
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (packed[at + i] ?? 0);
    return value;
  };
  let [at, to] = [0, 0];
  while ((packed[at++] ?? 0) >= 128); // its own word for the size
  while (at < packed.length) {
    const tag = packed[at++] ?? 0;
    const kind = tag & 3;
    if (kind === 0) {
      const more = Math.max((tag >> 2) - 59, 0);
      const length = (more === 0 ? tag >> 2 : little(at, more)) + 1;
      at += more;
      to = literal(out, to, packed, at, length, 'snappy');
      at += length;
    } else if (kind === 1) {
      to = repeat(out, to, ((tag >> 5) << 8) | (packed[at++] ?? 0), ((tag >> 2) & 7) + 4, 'snappy');
    } else {
      const bytes = kind === 2 ? 2 : 4;
      to = repeat(out, to, little(at, bytes), (tag >> 2) + 1, 'snappy');
      at += bytes;
    }
  }
  return whole(out, to, 'snappy');
}

/**
 * Unpacks a block of LZ4.
 *
 * @param packed - the block
 * @param out - gets the bytes
 * @param to - where in it
 * @returns where it ended
 */
export function unpackLz4Block(packed: Uint8Array, out: Uint8Array, to: number): number {
  let at = 0;
  const longer = (length: number): number => {
    if (length !== 15) return length;
    for (;;) {
      const byte = packed[at++] ?? 0;
      length += byte;
      if (byte < 255) return length;
    }
  };
  while (at < packed.length) {
    const token = packed[at++] ?? 0;
    const length = longer(token >> 4);
    to = literal(out, to, packed, at, length, 'lz4');
    at += length;
    if (at >= packed.length) break; // the last one has nothing to repeat
    const offset = (packed[at] ?? 0) | ((packed[at + 1] ?? 0) << 8);
    at += 2;
    to = repeat(out, to, offset, longer(token & 15) + 4, 'lz4');
  }
  return to;
}

const byZlib =
  (codec: string, unpack: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array): Unpack =>
  (packed, size) => {
    let out: Uint8Array;
    try {
      out = unpack(packed, { maxOutputLength: Math.max(size, 1) });
    } catch (thrown) {
      throw new Malformed(`its ${codec} data cannot be unpacked to ${size} bytes: ${describe(thrown)}`);
    }
    if (out.length === size) return out;
    throw new Malformed(`its ${codec} data unpacks to ${out.length} bytes, not ${size}`);
  };

// Node has it since 22.15.
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array };

/** By their names in Parquet. */
export const CODECS: Readonly<Record<string, Unpack | undefined>> = {
  UNCOMPRESSED: (packed) => packed,
  SNAPPY: unpackSnappy,
  GZIP: byZlib('gzip', zlib.gunzipSync),
  BROTLI: byZlib('brotli', zlib.brotliDecompressSync),
  ZSTD: zstdDecompressSync && byZlib('zstd', zstdDecompressSync),
  LZ4_RAW: (packed, size) => {
    const out = Buffer.allocUnsafeSlow(size);
    return whole(out, unpackLz4Block(packed, out, 0), 'lz4');
  },
};

/**
 * A codec.
 *
 * @param name - as Parquet has it
 * @returns what unpacks it
 * @throws Malformed where it can't be unpacked here
 */
export function codecNamed(name: string): Unpack {
  const codec = Object.hasOwn(CODECS, name) ? CODECS[name] : undefined;
  if (codec !== undefined) return codec;
  if (name === 'ZSTD') {
    throw new Malformed('it is compressed by zstd, which takes Node 22.15 or later: run that, or write it with snappy');
  }
  throw new Malformed(`it is compressed by ${name}, which is not read: write it with snappy, gzip, brotli or zstd`);
}
