/** Columns of an npz beside its vectors: integers, and texts of a fixed width or one after the other. */
import { isAscii, isUtf8 } from 'node:buffer';
import { invalid, shown } from '../../arguments.js';
import type { JvdbError } from '../../errors.js';
import type { NpyHeader } from './npy-header.js';
import type { Pieces } from '../pieces.js';

/** A value that can't be read. */
export class Wrong {
  /** What is wrong with it. */
  readonly reason: string;

  /**
   * Marks a value.
   *
   * @param reason - what is wrong with it
   */
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** An array of an npz that is being read. */
export interface NpyArray {
  /** Its name, with that of the file, for messages. */
  name: string;
  header: NpyHeader;
  pieces: Pieces;
}

/** Values, read in order. */
export interface Column<T> {
  /** How many there are. */
  readonly count: number;
  /** Whether they are integers, not texts. */
  readonly areIntegers: boolean;
  /**
   * How many are read at once.
   *
   * @param rows - how many are wanted
   * @returns as many of them as memory is for, one at least
   */
  limit(rows: number): Promise<number>;
  /**
   * Reads.
   *
   * @param rows - how many, within the limit
   * @returns they
   */
  read(rows: number): Promise<(T | Wrong)[]>;
}

const BATCH_BYTES = 16 * 1024 * 1024;
const MAX_WIDTH = 64 * 1024 * 1024;
/** The longest text that is read; ids and metadata are shorter. */
export const MAX_TEXT = 1024 * 1024;

/**
 * How many values an array of one axis has.
 *
 * @param array - the array
 * @returns their number
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` for more axes
 */
export function lengthOf(array: NpyArray): number {
  const { name, header } = array;
  const [length, ...more] = header.shape;
  if (length !== undefined && more.length === 0) return length;
  throw invalid(`${name} has the shape (${header.shape.join(', ')}), not (rows,): save a.reshape(-1)`);
}

/**
 * Reads values of a fixed size.
 *
 * @param array - the array
 * @param bytes - as many as the next values take
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it has ended
 */
export async function fillFrom(array: NpyArray, bytes: Uint8Array): Promise<void> {
  if ((await array.pieces.fill(bytes)) < bytes.length) throw endsEarly(array);
}

function endsEarly({ name, pieces }: NpyArray): JvdbError {
  return invalid(`${name} ends at byte ${pieces.position}, before its last value: make the file again`);
}

const INTEGERS: Readonly<Record<string, { size: 4 | 8; isSigned: boolean }>> = {
  '<i4': { size: 4, isSigned: true },
  '<u4': { size: 4, isSigned: false },
  '<i8': { size: 8, isSigned: true },
  '<u8': { size: 8, isSigned: false },
};

/**
 * Ids that are integers.
 *
 * @param array - the array
 * @returns the column; undefined for values of another type
 */
export function integerColumn(array: NpyArray): Column<number | bigint> | undefined {
  const { descr } = array.header;
  const type = Object.hasOwn(INTEGERS, descr) ? INTEGERS[descr] : undefined;
  if (type === undefined) return undefined;
  const outside = (value: number | bigint): Wrong => new Wrong(`id ${value} is not from 0 to 2^63-1`);
  return {
    count: lengthOf(array),
    areIntegers: true,
    limit: (rows) => Promise.resolve(rows),
    async read(rows) {
      const bytes = Buffer.allocUnsafeSlow(rows * type.size);
      await fillFrom(array, bytes);
      const words = new Uint32Array(bytes.buffer);
      const ids: (number | bigint | Wrong)[] = [];
      for (let i = 0; i < rows; i++) {
        const low = words[type.size === 8 ? 2 * i : i] ?? 0;
        const high = type.size === 8 ? (words[2 * i + 1] ?? 0) : 0;
        if (type.size === 4 && type.isSigned && low >= 2 ** 31) ids.push(outside(low | 0));
        else if (high < 2 ** 21) ids.push(high * 2 ** 32 + low);
        else if (high < 2 ** 31) ids.push(bytes.readBigInt64LE(8 * i));
        else ids.push(outside(type.isSigned ? bytes.readBigInt64LE(8 * i) : bytes.readBigUInt64LE(8 * i)));
      }
      return ids;
    },
  };
}

/**
 * Texts of a fixed width: of code points (`<U…`), or UTF-8 (`|S…`). Zeros at the end are no part of them.
 *
 * @param array - the array
 * @returns the column; undefined for values of another type
 */
export function fixedTextColumn(array: NpyArray): Column<string> | undefined {
  const [, kind, digits] = /^(<U|\|S)(\d{1,9})$/.exec(array.header.descr) ?? [];
  if (kind === undefined) return undefined;
  const width = Number(digits) * (kind === '<U' ? 4 : 1);
  if (width > MAX_WIDTH) {
    throw invalid(`${array.name} has texts of ${width} bytes each; ${MAX_WIDTH} are possible: save shorter ones`);
  }
  const decode = kind === '<U' ? codePointDecoder(width / 4) : decodeUtf8;
  return {
    count: lengthOf(array),
    areIntegers: false,
    limit: (rows) => Promise.resolve(Math.min(rows, Math.max(1, Math.floor(BATCH_BYTES / width)))),
    async read(rows) {
      const bytes = Buffer.allocUnsafeSlow(rows * width);
      await fillFrom(array, bytes);
      return Array.from({ length: rows }, (_, i) => decode(withoutZeros(bytes, i * width, (i + 1) * width)));
    },
  };
}

function withoutZeros(bytes: Buffer, start: number, width: number): Buffer {
  let end = width;
  while (end > start && bytes[end - 1] === 0) end--;
  return bytes.subarray(start, end);
}

function decodeUtf8(bytes: Buffer): string | Wrong {
  if (!isUtf8(bytes)) return new Wrong(`text ${shown(bytes.toString())} is not UTF-8`);
  return bytes.toString();
}

function codePointDecoder(length: number): (bytes: Buffer) => string | Wrong {
  const units = Buffer.alloc(4 * length); // two units of UTF-16 for each
  return (bytes) => {
    let at = 0;
    // The last one may lack zeros at its end.
    for (let i = 0; i < bytes.length; i += 4) {
      const point = i + 4 <= bytes.length ? bytes.readUInt32LE(i) : bytes.readUIntLE(i, bytes.length - i);
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return new Wrong(`text has ${point}, no code point of Unicode, at ${i / 4}`);
      }
      if (point >= 0x10000) at = units.writeUInt16LE(0xd7c0 + (point >> 10), at);
      at = units.writeUInt16LE(point < 0x10000 ? point : 0xdc00 | (point & 0x3ff), at);
    }
    return units.toString('utf16le', 0, at);
  };
}

/** Texts one after the other in UTF-8, and where each begins. */
export class FlatTextColumn implements Column<string> {
  /** How many there are. */
  readonly count: number;
  /** They are texts. */
  readonly areIntegers = false;
  readonly #text: NpyArray;
  readonly #offsets: NpyArray;
  readonly #size: number;
  #lengths: number[] = [];
  #unread: number;
  #last: number | undefined;

  /**
   * Begins to read.
   *
   * @param text - the bytes
   * @param offsets - where each text begins, and where the last one ends
   * @throws JvdbError `JVDB_INVALID_ARGUMENT` for arrays of other types
   */
  constructor(text: NpyArray, offsets: NpyArray) {
    for (const [{ name, header }, descr] of [
      [text, '|u1'],
      [offsets, '<i8'],
    ] as const) {
      if (header.descr !== descr) throw invalid(`${name} has values of type ${shown(header.descr)}, not '${descr}'`);
    }
    this.#text = text;
    this.#offsets = offsets;
    this.#size = lengthOf(text);
    this.#unread = lengthOf(offsets);
    if (this.#unread === 0) throw invalid(`${offsets.name} is empty: it holds where each text begins, and the end`);
    this.count = this.#unread - 1;
  }

  /**
   * How many are read at once.
   *
   * @param rows - how many are wanted
   * @returns as many of them as memory is for, one at least
   */
  async limit(rows: number): Promise<number> {
    await this.#readAhead(rows);
    let bytes = 0;
    for (let i = 0; i < rows; i++) {
      bytes += Math.min(this.#lengths[i] ?? 0, MAX_TEXT);
      if (bytes > BATCH_BYTES) return Math.max(i, 1);
    }
    return rows;
  }

  async #readAhead(rows: number): Promise<void> {
    const isFirst = this.#last === undefined;
    const wanted = Math.min(rows - this.#lengths.length + (isFirst ? 1 : 0), this.#unread);
    if (wanted <= 0) return;
    const bytes = Buffer.allocUnsafeSlow(8 * wanted);
    await fillFrom(this.#offsets, bytes);
    this.#unread -= wanted;
    const words = new Uint32Array(bytes.buffer);
    for (let i = 0; i < wanted; i++) {
      const offset = (words[2 * i + 1] ?? 0) * 2 ** 32 + (words[2 * i] ?? 0);
      const isLast = this.#unread === 0 && i === wanted - 1;
      const { name } = this.#offsets;
      if (this.#last === undefined && offset !== 0) throw invalid(`${name} begins with ${offset}, not 0`);
      if (offset < (this.#last ?? 0) || offset > this.#size || (isLast && offset !== this.#size)) {
        const rule = `offsets never fall, and the last one is the size of the text, ${this.#size}`;
        throw invalid(`${name} has the offset ${offset} after ${this.#last ?? 'none'}: ${rule}`);
      }
      if (this.#last !== undefined) this.#lengths.push(offset - this.#last);
      this.#last = offset;
    }
  }

  /**
   * Reads.
   *
   * @param rows - how many, within the limit
   * @returns they
   */
  async read(rows: number): Promise<(string | Wrong)[]> {
    await this.#readAhead(rows);
    const lengths = this.#lengths.slice(0, rows);
    this.#lengths = this.#lengths.slice(rows);
    const kept = lengths.reduce((sum, length) => sum + (length > MAX_TEXT ? 0 : length), 0);
    const bytes = Buffer.allocUnsafeSlow(kept);
    let [filled, end] = [0, 0];
    for (const length of [...lengths, Infinity]) {
      if (length <= MAX_TEXT) {
        end += length;
        continue;
      }
      await fillFrom(this.#text, bytes.subarray(filled, end));
      filled = end;
      if (length === Infinity || (await this.#text.pieces.skip(length)) === length) continue;
      throw endsEarly(this.#text);
    }
    return decodeEach(bytes, lengths);
  }
}

function decodeEach(bytes: Buffer, lengths: readonly number[]): (string | Wrong)[] {
  const areAscii = isAscii(bytes);
  let at = 0;
  return lengths.map((length) => {
    if (length > MAX_TEXT) return new Wrong(`a text of ${length} bytes is too long; ${MAX_TEXT} are possible`);
    const start = at;
    at += length;
    return areAscii ? bytes.toString('latin1', start, at) : decodeUtf8(bytes.subarray(start, at));
  });
}
