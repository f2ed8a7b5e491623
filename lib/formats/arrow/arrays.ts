/**
 * The values of Arrow's columns. That buffers hold as many as are said is checked once, what refers to others at each
 * value. Columns that aren't used are passed over, still packed. Threads: no state.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { Buffers } from './buffers.js';
import { fromHalves } from '../halves.js';
import { Malformed } from '../malformed.js';
import type { Numbers } from '../columns/rows.js';

/** Types by their numbers. */
export const T = {
  ...{ Null: 1, Int: 2, Float: 3, Binary: 4, Utf8: 5, Bool: 6, Decimal: 7, Date: 8, Time: 9, Timestamp: 10 },
  ...{ Interval: 11, List: 12, Struct: 13, Union: 14, FixedSizeBinary: 15, FixedSizeList: 16, Map: 17 },
  ...{ Duration: 18, LargeBinary: 19, LargeUtf8: 20, LargeList: 21, BinaryView: 23, Utf8View: 24, Dictionary: -1 },
} as const;

/** A type with all that any type may have. */
export interface AnyType {
  readonly typeId: number;
  readonly children?: readonly { name: string; type: AnyType }[];
  readonly bitWidth?: number;
  readonly byteWidth?: number;
  readonly isSigned?: boolean;
  readonly precision?: number;
  readonly scale?: number;
  readonly unit?: number;
  readonly listSize?: number;
  readonly mode?: number;
  readonly id?: number;
  readonly indices?: AnyType;
  readonly dictionary?: AnyType;
}

/** Integers of 32 or 64 bits that say where something begins. */
export type Offsets = Int32Array | BigInt64Array;

/** Values of one type. */
export interface ArrowArray {
  readonly type: AnyType;
  readonly length: number;
  /** A bit for each value that is there; undefined where all are. */
  readonly valid: Uint8Array | undefined;
  /** Numbers, texts one after the other, views, or indices. */
  readonly data: Buffer;
  /** Numbers as such. */
  readonly numbers: Numbers | undefined;
  /** Where each text or list begins, and the last ends. */
  readonly offsets: Offsets | undefined;
  readonly children: readonly ArrowArray[];
  /** To which views refer. */
  readonly texts: readonly Buffer[];
  /** To which indices refer. */
  readonly dictionary: ArrowDictionary | undefined;
}

/** Arrays of values, one after the other: a dictionary may come in very many. */
export class ArrowDictionary {
  readonly #parts: ArrowArray[] = [];
  readonly #ends: number[] = [];

  /**
   * Adds values behind those that are there.
   *
   * @param part - the values
   */
  add(part: ArrowArray): void {
    this.#ends.push((this.#ends.at(-1) ?? 0) + part.length);
    this.#parts.push(part);
  }

  /**
   * Finds a value.
   *
   * @param index - which one
   * @returns the array that it is in, and where; undefined where there is none
   */
  find(index: number): [ArrowArray, number] | undefined {
    let first = 0;
    for (let end = this.#ends.length; first < end;) {
      const middle = (first + end) >> 1;
      if (index < (this.#ends[middle] ?? 0)) end = middle;
      else first = middle + 1;
    }
    const part = this.#parts[first];
    return part === undefined || !(index >= 0) ? undefined : [part, index - (this.#ends[first - 1] ?? 0)];
  }
}

/** Dictionaries by their ids. */
export type Dictionaries = ReadonlyMap<number, ArrowDictionary>;

const BINARIES: readonly number[] = [T.Binary, T.LargeBinary, T.Utf8, T.LargeUtf8];
const LISTS: readonly number[] = [T.List, T.LargeList, T.Map];
const LARGE: readonly number[] = [T.LargeBinary, T.LargeUtf8, T.LargeList];
const NUMBERS: readonly number[] = [T.Int, T.Date, T.Time, T.Timestamp, T.Duration, T.Dictionary];
const VIEWS: readonly number[] = [T.BinaryView, T.Utf8View];

/**
 * Bits of each value.
 *
 * @param type - of them
 * @returns the number of bits; 0 for types of no fixed width
 */
export function bitsOf(type: AnyType): number {
  switch (type.typeId) {
    case T.Int:
    case T.Time:
    case T.Decimal:
      return type.bitWidth ?? 0;
    case T.Float:
      return 16 << (type.precision ?? 0);
    case T.Bool:
      return 1;
    case T.Date:
      return type.unit === 0 ? 32 : 64;
    case T.Timestamp:
    case T.Duration:
      return 64;
    case T.Interval:
      return [32, 64, 128][type.unit ?? 0] ?? 128;
    case T.FixedSizeBinary:
      return 8 * (type.byteWidth ?? 0);
    case T.BinaryView:
    case T.Utf8View:
      return 128;
    case T.Dictionary:
      return type.indices?.bitWidth ?? 32;
    default:
      return 0;
  }
}

// As bitsOf; of numbers only those that there are.
function widthOf(type: AnyType): number {
  const bits = bitsOf(type);
  const isWrong =
    (NUMBERS.includes(type.typeId) && ![8, 16, 32, 64].includes(bits)) ||
    (type.typeId === T.Float && ![16, 32, 64].includes(bits)) ||
    (type.typeId === T.Decimal && ![32, 64, 128, 256].includes(bits));
  if (isWrong) throw new Malformed(`a column of it has numbers of ${bits} bits`);
  return bits;
}

// Numbers of a type, as many as the bytes hold.
function numbersOf(type: AnyType, bytes: Buffer): Numbers | undefined {
  const id = type.typeId;
  const { byteOffset } = bytes;
  const buffer = bytes.buffer as ArrayBuffer;
  const bits = bitsOf(type);
  const count = Math.floor((8 * bytes.length) / Math.max(bits, 1));
  const isUnsigned = (id === T.Int ? type : type.indices)?.isSigned === false;
  if (id === T.Float) {
    if (bits === 32) return new Float32Array(buffer, byteOffset, count);
    if (bits === 64) return new Float64Array(buffer, byteOffset, count);
    const floats = new Float32Array(count);
    fromHalves(floats, byteOffset === 0 ? buffer : Uint8Array.from(bytes).buffer);
    return floats;
  }
  if (!NUMBERS.includes(id)) return undefined;
  if (bits === 8) return new (isUnsigned ? Uint8Array : Int8Array)(buffer, byteOffset, count);
  if (bits === 16) return new (isUnsigned ? Uint16Array : Int16Array)(buffer, byteOffset, count);
  if (bits === 32) return new (isUnsigned ? Uint32Array : Int32Array)(buffer, byteOffset, count);
  return new (isUnsigned ? BigUint64Array : BigInt64Array)(buffer, byteOffset, count);
}

/**
 * Reads the next column of a batch.
 *
 * @param type - its type
 * @param buffers - of the batch
 * @param dictionaries - as far as they were read
 * @returns its values
 * @throws Malformed where they aren't all there
 */
export function loadArray(type: AnyType, buffers: Buffers, dictionaries: Dictionaries): ArrowArray {
  const id = type.typeId;
  if (id === T.Union) {
    skipArray(type, buffers);
    return arrayOf({ type: { typeId: T.Null }, length: Number.MAX_SAFE_INTEGER });
  }
  const { length, nullCount } = buffers.node();
  if (id === T.Null) return arrayOf({ type, length });
  const bitmap = buffers.next();
  const valid = nullCount === 0 ? undefined : bitmap;
  if (valid !== undefined) checkSize(valid, length, 1);
  if (BINARIES.includes(id) || LISTS.includes(id)) {
    const offsets = offsetsOf(type, buffers.next(), length);
    if (BINARIES.includes(id)) return arrayOf({ type, length, valid, offsets, data: buffers.next() });
    return arrayOf({ type, length, valid, offsets, children: children(type, buffers, dictionaries) });
  }
  if (id === T.FixedSizeList || id === T.Struct) {
    const inside = children(type, buffers, dictionaries);
    const size = id === T.Struct ? 1 : (type.listSize ?? 0);
    if (size < 0) throw new Malformed(`a column of it has lists of ${size} values`);
    for (const child of inside) {
      if (child.length < length * size)
        throw new Malformed(`a column of it has ${child.length} values for ${length} rows`);
    }
    return arrayOf({ type, length, valid, children: inside });
  }
  const data = buffers.next();
  checkSize(data, length, widthOf(type));
  const texts = VIEWS.includes(id) ? Array.from({ length: buffers.views() }, () => buffers.next()) : [];
  const dictionary = id === T.Dictionary ? dictionaries.get(type.id ?? -1) : undefined;
  if (id === T.Dictionary && dictionary === undefined) {
    throw new Malformed(`it refers to the dictionary ${type.id ?? ''} before that is there: write it as a stream`);
  }
  return arrayOf({ type, length, valid, data, texts, dictionary, numbers: numbersOf(type, data) });
}

function arrayOf(given: Partial<ArrowArray> & Pick<ArrowArray, 'type' | 'length'>): ArrowArray {
  return {
    ...{ valid: undefined, data: Buffer.alloc(0), numbers: undefined, offsets: undefined },
    ...{ children: [], texts: [], dictionary: undefined },
    ...given,
  };
}

function children(type: AnyType, buffers: Buffers, dictionaries: Dictionaries): ArrowArray[] {
  return (type.children ?? []).map((child) => loadArray(child.type, buffers, dictionaries));
}

function checkSize(bytes: Buffer, length: number, bits: number): void {
  if (bits > 0 && length * bits <= 8 * bytes.length) return;
  throw new Malformed(`a column of it has ${bytes.length} bytes for ${length} values of ${bits} bits`);
}

function offsetsOf(type: AnyType, bytes: Buffer, length: number): Offsets {
  const isLarge = LARGE.includes(type.typeId);
  const count = length === 0 ? 0 : length + 1;
  if (count > 0) checkSize(bytes, count, isLarge ? 64 : 32);
  const { buffer, byteOffset } = bytes;
  return isLarge ? new BigInt64Array(buffer, byteOffset, count) : new Int32Array(buffer, byteOffset, count);
}

/**
 * Passes over the next column of a batch.
 *
 * @param type - its type
 * @param buffers - of the batch
 */
export function skipArray(type: AnyType, buffers: Buffers): void {
  const id = type.typeId;
  buffers.node();
  if (id === T.Null) return;
  const isUnion = id === T.Union;
  if (!isUnion || buffers.isOld) buffers.skip(); // what is there
  const isNested = isUnion || LISTS.includes(id) || id === T.FixedSizeList || id === T.Struct;
  if (!isNested || isUnion || LISTS.includes(id)) buffers.skip(); // values, offsets, or types
  if (BINARIES.includes(id) || (isUnion && type.mode === 1)) buffers.skip();
  if (VIEWS.includes(id)) for (let left = buffers.views(); left > 0; left--) buffers.skip();
  if (isNested) for (const child of type.children ?? []) skipArray(child.type, buffers);
}

/**
 * Whether a value is there.
 *
 * @param array - it is in
 * @param index - which one
 * @returns whether
 */
export function isThere(array: ArrowArray, index: number): boolean {
  const { valid, type } = array;
  if (type.typeId === T.Null) return false;
  return valid === undefined || (((valid[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

/**
 * Where a list is among the values of its array's child.
 *
 * @param array - of lists
 * @param index - which one
 * @returns its start and end
 * @throws Malformed where there are no such values
 */
export function listBounds(array: ArrowArray, index: number): [number, number] {
  const {
    type,
    offsets,
    children: [child],
  } = array;
  if (offsets === undefined) return [index * (type.listSize ?? 0), (index + 1) * (type.listSize ?? 0)];
  return bounds(offsets, index, child?.length ?? 0);
}

function bounds(offsets: Offsets, index: number, most: number): [number, number] {
  const [start, end] = [Number(offsets[index]), Number(offsets[index + 1])];
  if (start >= 0 && start <= end && end <= most) return [start, end];
  throw new Malformed(`a value of it is from ${start} to ${end} of ${most}`);
}

/**
 * The bytes of a text.
 *
 * @param array - of texts
 * @param index - which one
 * @returns the text; undefined where it is no UTF-8
 * @throws Malformed where there are no such bytes
 */
export function textAt(array: ArrowArray, index: number): string | undefined {
  const { data, offsets, texts } = array;
  let bytes: Buffer;
  if (offsets !== undefined) bytes = data.subarray(...bounds(offsets, index, data.length));
  else {
    // Short ones are in the view itself.
    const length = data.readInt32LE(16 * index);
    const text = length <= 12 ? data : texts[data.readInt32LE(16 * index + 8)];
    const start = length <= 12 ? 16 * index + 4 : data.readInt32LE(16 * index + 12);
    if (length < 0 || start < 0 || start + length > (text?.length ?? -1)) {
      throw new Malformed(`a text of it has ${length} bytes at ${start} of ${text?.length ?? 0}`);
    }
    bytes = text?.subarray(start, start + length) ?? data;
  }
  if (isAscii(bytes)) return bytes.toString('latin1');
  return isUtf8(bytes) ? bytes.toString() : undefined;
}
