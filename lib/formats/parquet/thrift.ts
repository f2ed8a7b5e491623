/**
 * Thrift's compact protocol, as far as Parquet has it: page headers are read, and a footer is checked before hyparquet
 * reads it, which trusts what lengths and depths it says. Threads: no state.
 */
import { Malformed } from '../malformed.js';

// What a struct inside of another takes on the stack is little; Parquet has 6 of them.
const MAX_DEPTH = 32;
// Of lists, and fields of structs: each becomes an object in memory.
const MAX_ITEMS = 1 << 22;

/** Bytes that may go on behind what is there. */
export class Cut extends Malformed {}

/** Reads values, one after the other. */
export class ThriftReader {
  /** Where it is. */
  at: number;
  readonly #bytes: Uint8Array;
  #items = 0;

  /**
   * Makes one.
   *
   * @param bytes - what to read
   * @param at - where to begin
   */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Cut(`a header ends at byte ${this.#bytes.length}, in the midst of a value`);
    return byte;
  }

  // Its lower 32 bits.
  #varint(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      if (i < 5) value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    throw new Malformed(`a number at byte ${this.at} has more than 64 bits`);
  }

  /**
   * Reads an integer of 32 bits.
   *
   * @returns it
   */
  int(): number {
    const value = this.#varint();
    return (value >>> 1) ^ -(value & 1);
  }

  #pass(length: number): void {
    if (length < 0 || length > this.#bytes.length - this.at) {
      throw new Cut(`a value of ${length} bytes begins at byte ${this.at} of ${this.#bytes.length}`);
    }
    this.at += length;
  }

  /**
   * Reads a struct.
   *
   * @param take - called for each field with its number and type; reads the value, or returns false to pass over it
   * @param depth - how many structs it is in
   */
  struct(take: (field: number, type: number) => boolean = () => false, depth = 0): void {
    if (depth > MAX_DEPTH) throw new Malformed(`structs are nested more than ${MAX_DEPTH} deep`);
    for (let field = 0; ;) {
      const byte = this.#byte();
      const type = byte & 15;
      if (type === 0) return;
      this.#count(1);
      field = byte < 16 ? this.int() : field + (byte >> 4);
      if (!take(field, type)) this.#skip(type, depth);
    }
  }

  #count(items: number): void {
    this.#items += items;
    if (items < 0 || this.#items > MAX_ITEMS) throw new Malformed(`there are more than ${MAX_ITEMS} values in it`);
  }

  #skip(type: number, depth: number): void {
    if (type === 1 || type === 2) return; // true, false
    if (type === 3) this.#pass(1);
    else if (type >= 4 && type <= 6) this.#varint();
    else if (type === 7) this.#pass(8);
    else if (type === 8) this.#pass(this.#varint());
    else if (type === 9) this.#skipList(depth);
    else if (type === 12) this.struct(undefined, depth + 1);
    else throw new Malformed(`a value at byte ${this.at} has the type ${type}, which Parquet has not`);
  }

  #skipList(depth: number): void {
    const byte = this.#byte();
    const length = byte >> 4 === 15 ? this.#varint() : byte >> 4;
    const type = byte & 15;
    this.#count(length);
    if (depth > MAX_DEPTH) throw new Malformed(`lists are nested more than ${MAX_DEPTH} deep`);
    for (let i = 0; i < length; i++) this.#skip(type === 1 || type === 2 ? 3 : type, depth + 1);
  }
}

/** What is said of a page in front of it. */
export interface PageHeader {
  /** 0: data, 1: index, 2: dictionary, 3: data of version 2. */
  type: number;
  /** Bytes of it, unzipped. */
  size: number;
  /** Bytes of it in the file. */
  packedSize: number;
  /** CRC-32 of it; undefined for none. */
  checksum: number | undefined;
  /** How many values or levels. */
  values: number;
  /** As Parquet numbers them. */
  encoding: number;
  /** How levels are encoded: the one for nulls, and the one for lists. */
  levels: [number, number];
  /** Of version 2: bytes of levels, the ones for lists first. */
  levelBytes: [repetition: number, definition: number];
  /** Of version 2: whether values are zipped. */
  isPacked: boolean;
}

/**
 * Reads the header of a page.
 *
 * @param reader - at it
 * @returns the header
 * @throws Malformed; Cut where more bytes could help
 */
export function readPageHeader(reader: ThriftReader): PageHeader {
  const header: PageHeader = {
    ...{ type: -1, size: -1, packedSize: -1, checksum: undefined, values: -1, encoding: -1 },
    ...{ levels: [3, 3], levelBytes: [0, 0], isPacked: true },
  };
  const inner = (fields: Record<number, (value: number) => void>): void => {
    reader.struct((field, type) => {
      const set = fields[field];
      if (set === undefined || (type !== 5 && type !== 1 && type !== 2)) return false;
      set(type === 5 ? reader.int() : 2 - type);
      return true;
    }, 1);
  };
  const set = (name: 'values' | 'encoding') => (value: number) => void (header[name] = value);
  const levels = (index: 0 | 1) => (value: number) => void (header.levels[index] = value);
  const levelBytes = (index: 0 | 1) => (value: number) => void (header.levelBytes[index] = value);
  const isPacked = (value: number): void => void (header.isPacked = value === 1);
  const values = { 1: set('values'), 2: set('encoding') };
  reader.struct((field, type) => {
    if (type === 5 && field >= 1 && field <= 4) {
      const value = reader.int();
      if (field === 1) header.type = value;
      else if (field === 2) header.size = value;
      else if (field === 3) header.packedSize = value;
      else header.checksum = value >>> 0;
      return true;
    }
    if (type !== 12) return false;
    if (field === 5) inner({ ...values, 3: levels(0), 4: levels(1) });
    else if (field === 7) inner(values);
    else if (field === 8) {
      inner({ 1: set('values'), 4: set('encoding'), 5: levelBytes(1), 6: levelBytes(0), 7: isPacked });
    } else return false;
    return true;
  });
  return header;
}

/**
 * Writes the header of a data page of version 1 that is not zipped.
 *
 * @param size - of the page in bytes
 * @param encoding - of its values, as Parquet numbers it; its levels are RLE
 * @param values - how many there are, those that are missing too
 * @returns the header
 */
export function pageHeader(size: number, encoding: number, values: number): Uint8Array {
  const bytes: number[] = [];
  const integers = (...all: readonly number[]): void => {
    for (const value of all) {
      bytes.push(0x15); // the next field, an integer
      let rest = value * 2; // the lowest bit is for the sign
      for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
      bytes.push(rest);
    }
  };
  integers(0, size, size);
  bytes.push(0x2c); // the fifth field, a struct
  integers(values, encoding, 3, 3);
  bytes.push(0, 0);
  return Uint8Array.from(bytes);
}
