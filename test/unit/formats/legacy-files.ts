/** Makes files as the old server did, whole ones and others. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../support.js';

const U64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const M = 0xc6a4a7935bd1e995n;

/** The hash of an id, as the old server's documents give it. */
export function hashOf(id: string | Buffer): bigint {
  const bytes = Buffer.from(id);
  const mixed = (x: bigint): bigint => x ^ (x >> 47n);
  let h = 0xc70f6907n ^ U64(BigInt(bytes.length) * M);
  const words = bytes.length & ~7;
  for (let at = 0; at < words; at += 8) h = U64((h ^ U64(mixed(U64(bytes.readBigUInt64LE(at) * M)) * M)) * M);
  let tail = 0n;
  for (let i = bytes.length - 1; i >= words; i--) tail = (tail << 8n) | BigInt(bytes[i]!);
  if (bytes.length > words) h = U64((h ^ tail) * M);
  return mixed(U64(mixed(h) * M));
}

/** 16 digits. */
export const hex = (hash: bigint): string => hash.toString(16).padStart(16, '0');

/** An entry; what is left out is as the old server would have made it. */
export interface OldEntry {
  id: string | Buffer;
  vector: number[];
  hash?: bigint;
  flags?: number;
  timestamp?: bigint;
  size?: number;
  /** Where the vector is, from the first. */
  at?: number;
  /** What stands where the id should. */
  text?: string | Buffer;
  /** Where the text is, in the file. */
  textOffset?: number;
}

/** Fields of the header that are not as they should be. */
export interface OldHeader {
  capacity?: number;
  dataBytes?: number;
  vectorCount?: number;
  activeCount?: number;
  /** In place of the texts' offset in the header. */
  textOffset?: number;
}

/** A file of the old server with vectors in the order given. */
export function oldFile(entries: OldEntry[], header: OldHeader = {}): Buffer {
  const dimension = entries[0]?.vector.length ?? 1;
  const { capacity = Math.max(4, 2 * entries.length), dataBytes = capacity * dimension * 4 } = header;
  const data = 128 + 64 * capacity;
  const texts = data + dataBytes;
  const file = Buffer.alloc(texts + 64 * capacity);
  [0x4a564442, 1, dimension].forEach((value, i) => file.writeUInt32LE(value, 4 * i));
  const { vectorCount = entries.length, textOffset = texts } = header;
  const { activeCount = entries.filter(({ flags = 1 }) => flags === 1).length } = header;
  [vectorCount, activeCount, 128, data, textOffset, capacity, dataBytes].forEach((value, i) =>
    file.writeBigUInt64LE(BigInt(value), 16 + 8 * i),
  );
  for (const [i, entry] of entries.entries()) {
    const { id, vector, hash = hashOf(id), flags = 1, timestamp = BigInt(i + 1), size = dimension * 4 } = entry;
    let slot = Number(hash % BigInt(capacity));
    while (file.subarray(128 + 64 * slot, 192 + 64 * slot).some((byte) => byte !== 0)) slot = (slot + 1) % capacity;
    const { at = i * dimension * 4, text = id, textOffset: textAt = texts + 64 * slot } = entry;
    const offset = data + at;
    [hash, BigInt(offset), BigInt(textAt)].forEach((value, k) => file.writeBigUInt64LE(value, 128 + 64 * slot + 8 * k));
    file.writeUInt32LE(size, 128 + 64 * slot + 24);
    file.writeUInt32LE(flags, 128 + 64 * slot + 28);
    file.writeBigUInt64LE(timestamp, 128 + 64 * slot + 32);
    if (offset + vector.length * 4 <= texts) vector.forEach((value, k) => file.writeFloatLE(value, offset + 4 * k));
    Buffer.from(text).copy(file, texts + 64 * slot, 0, 63);
  }
  return file;
}

/** One of the old server's own files, and what it says is in it: bits in hexadecimal, or their SHA-256. */
export function fixture(name: string): { file: Buffer; bits: Map<string, string>; activeCount: number } {
  const at = path.join(ROOT, 'test/fixtures/legacy-jvdb', name);
  const said = JSON.parse(readFileSync(`${at}.json`, 'utf8')) as {
    activeCount: number;
    vectors?: Record<string, number[]>;
    sha256?: Record<string, string>;
  };
  const bits = Object.entries(said.vectors ?? {}).map(
    ([id, values]) => [id, bitsOf(Float32Array.from(values))] as const,
  );
  return {
    file: readFileSync(`${at}.jvdb`),
    bits: new Map([...bits, ...Object.entries(said.sha256 ?? {})]),
    activeCount: said.activeCount,
  };
}

/** The bytes of a vector in hexadecimal: equal only where all bits are. */
export function bitsOf(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('hex');
}

/** The SHA-256 of a vector's bytes. */
export function sha256Of(vector: Float32Array): string {
  return createHash('sha256')
    .update(Buffer.from(bitsOf(vector), 'hex'))
    .digest('hex');
}
