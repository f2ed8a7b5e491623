/** The header of the old server's files, and what an entry of their index looks like. Threads: no state. */
import { invalid } from '../../arguments.js';
import type { Hash64 } from './hash.js';

/** Bytes of the header; the index follows. */
export const HEADER_BYTES = 128;
/** Bytes of an entry. */
export const ENTRY_BYTES = 64;
/** Bytes of an id's text, with the NUL that ends it. */
export const TEXT_BYTES = 64;
/** The flags of an entry that is in use. */
export const ACTIVE = 1;
/** Those of one that was deleted. */
export const DELETED = 2;

const MAGIC = 0x4a564442;
const VERSION = 1;
const RESERVED_FROM = 72;
const MAX_DIMENSION = 65_536;
const HIGH = 2 ** 32;

/** What a file says of itself, checked against its size. */
export interface LegacyHeader {
  /** The file's name, for messages. */
  readonly name: string;
  /** Values of each vector. */
  readonly dimension: number;
  /** Bytes of each vector. */
  readonly vectorBytes: number;
  /** Vectors ever stored. */
  readonly vectorCount: number;
  /** Vectors that are there. */
  readonly activeCount: number;
  /** Slots of the index: all that fit before the vectors, so that a damaged capacity hides none. */
  readonly slots: number;
  /** Where the vectors begin. */
  readonly dataOffset: number;
  /** Where their space ends. */
  readonly dataEnd: number;
  /** Where the texts of ids begin; 0 for none. */
  readonly textOffset: number;
  /** Where they end. */
  readonly textEnd: number;
  /** Bytes of the file. */
  readonly size: number;
}

/** An entry of the index that is in use. */
export interface LegacyEntry extends Hash64 {
  /** Which slot, from 0. */
  readonly slot: number;
  /** Where the vector is. */
  readonly dataOffset: number;
  /** Where the id's text is. */
  readonly textOffset: number;
  /** Bytes of the vector. */
  readonly size: number;
  /** When it was stored, in nanoseconds since 1970. */
  readonly timestamp: bigint;
}

/**
 * A number of 64 bits; above 2^53 it is rounded, which is far beyond the end of any file.
 *
 * @param bytes - hold it
 * @param at - where
 * @returns it
 */
export function uint64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * HIGH;
}

/**
 * Reads an entry.
 *
 * @param bytes - of the index
 * @param at - where it begins
 * @param slot - which it is
 * @returns the entry
 */
export function entryAt(bytes: Buffer, at: number, slot: number): LegacyEntry {
  return {
    slot,
    low: bytes.readUInt32LE(at),
    high: bytes.readUInt32LE(at + 4),
    dataOffset: uint64(bytes, at + 8),
    textOffset: uint64(bytes, at + 16),
    size: bytes.readUInt32LE(at + 24),
    timestamp: bytes.readBigUInt64LE(at + 32),
  };
}

/**
 * The flags of an entry.
 *
 * @param bytes - of the index
 * @param at - where the entry begins
 * @returns them; undefined where the slot is empty
 */
export function flagsAt(bytes: Buffer, at: number): number | undefined {
  const flags = bytes.readUInt32LE(at + 28);
  if (flags === 0 && bytes.readUInt32LE(at) === 0 && bytes.readUInt32LE(at + 4) === 0) return undefined;
  return flags;
}

/**
 * Whether bytes begin as a file of the old server does. This package's own files have the same magic and version;
 * but the old server's index is always at 128, where ours have the upper half of a small offset, and zeros follow,
 * where ours have the time they were made.
 *
 * @param head - the first bytes
 * @returns whether they do
 */
export function isLegacy(head: Buffer): boolean {
  if (head.length < HEADER_BYTES || head.readUInt32LE(0) !== MAGIC || head.readUInt32LE(4) !== VERSION) return false;
  if (uint64(head, 32) !== HEADER_BYTES || head.readUInt32LE(12) !== 0) return false;
  return head.subarray(RESERVED_FROM, HEADER_BYTES).every((byte) => byte === 0);
}

/**
 * Reads and checks a header.
 *
 * @param head - the first bytes of the file
 * @param size - how many it has
 * @param name - the file's, for messages
 * @returns the header
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it isn't the old server's, or contradicts itself or the size
 */
export function readHeader(head: Buffer, size: number, name: string): LegacyHeader {
  if (head.length < HEADER_BYTES) {
    throw invalid(`${name} has ${head.length} bytes, a file of the old server has at least ${HEADER_BYTES}`);
  }
  const magic = head.readUInt32LE(0);
  if (magic !== MAGIC) {
    throw invalid(`${name} is no .jvdb file: it begins with 0x${magic.toString(16)}, not 0x${MAGIC.toString(16)}`);
  }
  const version = head.readUInt32LE(4);
  if (version !== VERSION) throw invalid(`${name} has version ${version}, files of the old server have ${VERSION}`);
  if (uint64(head, 32) !== HEADER_BYTES) {
    throw invalid(
      `${name} is no file of the old server: byte 32 gives ${head.readBigUInt64LE(32)} for the place of the index, ` +
        `not ${HEADER_BYTES}; a database of this package is opened, not imported`,
    );
  }
  const dimension = head.readUInt32LE(8);
  if (dimension === 0 || dimension > MAX_DIMENSION) {
    throw damaged(name, `the dimension is ${dimension}, not 1 to ${MAX_DIMENSION}`);
  }
  return regions(head, size, name, dimension);
}

function regions(head: Buffer, size: number, name: string, dimension: number): LegacyHeader {
  const big = (at: number): string => String(head.readBigUInt64LE(at));
  const [dataOffset, textOffset, capacity, dataBytes] = [40, 48, 56, 64].map((at) => uint64(head, at)) as [
    number,
    number,
    number,
    number,
  ];
  if (capacity === 0) throw damaged(name, 'its index has a capacity of 0');
  if (dataOffset > size || dataBytes > size - dataOffset) {
    throw damaged(name, `vectors take ${big(64)} bytes from byte ${big(40)} on, and the file has ${size}`);
  }
  if (capacity > (dataOffset - HEADER_BYTES) / ENTRY_BYTES) {
    throw damaged(name, `an index of ${big(56)} slots does not fit before the vectors at byte ${big(40)}`);
  }
  const textEnd = textOffset === 0 ? 0 : textOffset + capacity * TEXT_BYTES;
  if (textEnd > size) {
    throw damaged(name, `texts of ${big(56)} ids from byte ${big(48)} on end at ${textEnd}, and the file has ${size}`);
  }
  return {
    ...{ name, dimension, dataOffset, textOffset, textEnd, size },
    vectorBytes: 4 * dimension,
    vectorCount: uint64(head, 16),
    activeCount: uint64(head, 24),
    slots: Math.floor((dataOffset - HEADER_BYTES) / ENTRY_BYTES),
    dataEnd: dataOffset + dataBytes,
  };
}

/**
 * The error of a file that contradicts itself.
 *
 * @param name - the file's
 * @param what - is wrong with it
 * @returns it
 */
export function damaged(name: string, what: string): Error {
  return invalid(`${name} is cut short or damaged: ${what}; copy it anew, or take a backup of it`);
}
