/**
 * Values of one page, by hyparquet: it is given a file of just this page, without levels and unzipped. What it would
 * believe without bound is checked before, or read here. Threads: no state.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { DecodedArray, Encoding, FileMetaData, ParquetParsers, SchemaElement } from 'hyparquet';
import { describe } from '../../errors.js';
import { checkDeltas, readHybrid } from './levels.js';
import { Malformed } from '../malformed.js';
import { pageHeader } from './thrift.js';
import { isoTime } from '../columns/rows.js';

/** The package, loaded. */
export type Hyparquet = typeof import('hyparquet');

const MAX_JOINED = 256 * 1024 * 1024;
// By their numbers.
const ENCODINGS: readonly string[] = [
  ...['PLAIN', 'GROUP_VAR_INT', 'PLAIN_DICTIONARY', 'RLE', 'BIT_PACKED', 'DELTA_BINARY_PACKED'],
  ...['DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY', 'RLE_DICTIONARY', 'BYTE_STREAM_SPLIT'],
];

/** A text whose bytes are no UTF-8. */
export const NOT_UTF8 = Symbol('no UTF-8');

function textOf(bytes: Uint8Array): string | symbol {
  const { buffer, byteOffset, byteLength } = bytes;
  const text = Buffer.from(buffer, byteOffset, byteLength);
  if (isAscii(text)) return text.toString('latin1');
  return isUtf8(text) ? text.toString() : NOT_UTF8;
}

/** How hyparquet converts what it reads. */
export const PARSERS: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (value) => isoTime(value, 1000n),
  timestampFromMicroseconds: (value) => isoTime(value, 1_000_000n),
  timestampFromNanoseconds: (value) => isoTime(value, 1_000_000_000n),
  dateFromDays: (value) => isoTime(BigInt(value) * 86400n, 1n).replace(/T.*/, ''),
  stringFromBytes: textOf,
  jsonFromBytes: textOf,
};

/**
 * The name of an encoding.
 *
 * @param encoding - its number
 * @returns it
 */
export const encodingName = (encoding: number): string => ENCODINGS[encoding] ?? `number ${encoding}`;

const BITS: Readonly<Record<string, number>> = {
  BOOLEAN: 1,
  INT32: 32,
  INT64: 64,
  INT96: 96,
  FLOAT: 32,
  DOUBLE: 64,
  BYTE_ARRAY: 32,
};

// That there are so many values, as far as their sizes are known.
function check(bytes: Uint8Array, encoding: string, element: SchemaElement, count: number): void {
  const { type = '', type_length: length = 0 } = element;
  if (encoding === 'PLAIN' || encoding === 'BYTE_STREAM_SPLIT') {
    const bits = type === 'FIXED_LEN_BYTE_ARRAY' ? 8 * length : (BITS[type] ?? 8);
    if (count * bits > 8 * bytes.length) throw new Malformed(`it has ${bytes.length} bytes for ${count} values`);
  } else if (encoding === 'DELTA_BINARY_PACKED' || encoding === 'DELTA_LENGTH_BYTE_ARRAY') {
    checkDeltas(bytes, 0, count);
  } else throw new Malformed(`its encoding is ${encoding}, which is not read: write it with dictionaries or PLAIN`);
}

function booleans(bytes: Uint8Array, count: number): boolean[] {
  const bits = new Uint8Array(count);
  readHybrid(bytes, 4, bytes.length, 1, bits); // behind their length
  return Array.from(bits, (bit) => bit === 1);
}

/** Reads values of one column. */
export class ValueReader {
  readonly #hyparquet: Hyparquet;
  readonly #element: SchemaElement;

  /**
   * Makes one.
   *
   * @param hyparquet - the package
   * @param element - see `plainElement`
   */
  constructor(hyparquet: Hyparquet, element: SchemaElement) {
    this.#hyparquet = hyparquet;
    this.#element = element;
  }

  /**
   * Reads.
   *
   * @param bytes - the values
   * @param encoding - as Parquet numbers it; none of dictionaries
   * @param count - how many there are
   * @returns they: numbers in a typed array, texts in one of strings
   */
  async read(bytes: Uint8Array, encoding: number, count: number): Promise<DecodedArray> {
    if (count === 0) return [];
    const name = encodingName(encoding);
    if (name === 'RLE' && this.#element.type === 'BOOLEAN') return booleans(bytes, count);
    if (name === 'DELTA_BYTE_ARRAY') return this.#prefixed(bytes, count);
    check(bytes, name, this.#element, count);
    return this.#decode(this.#element, bytes, encoding, count);
  }

  async #decode(element: SchemaElement, bytes: Uint8Array, encoding: number, count: number): Promise<DecodedArray> {
    const header = pageHeader(bytes.length, encoding, count);
    const file = new Uint8Array(header.length + bytes.length);
    file.set(header);
    file.set(bytes, header.length);
    let values: DecodedArray | undefined;
    const reading = this.#hyparquet.parquetRead({
      file: { byteLength: file.length, slice: (start, end) => file.buffer.slice(start, end) },
      metadata: metadataOf(element, file.length, encodingName(encoding) as Encoding, count),
      utf8: false,
      parsers: PARSERS,
      onPage: ({ columnData }) => (values = columnData),
    });
    try {
      await reading;
    } catch (thrown) {
      throw new Malformed(`its values cannot be read: ${describe(thrown)}`, { cause: thrown });
    }
    if (values?.length !== count) throw new Malformed(`it has ${values?.length ?? 0} values, not ${count}`);
    return values;
  }

  // Each text begins with as much of the one before as is said.
  async #prefixed(bytes: Uint8Array, count: number): Promise<DecodedArray> {
    const delta = ENCODINGS.indexOf('DELTA_BINARY_PACKED');
    const integers: SchemaElement = { name: 'values', type: 'INT32', repetition_type: 'REQUIRED' };
    const lengthsAt = checkDeltas(bytes, 0, count);
    const prefixes = await this.#decode(integers, bytes, delta, count);
    const lengths = await this.#decode(integers, bytes.subarray(lengthsAt), delta, count);
    const textAt = checkDeltas(bytes, lengthsAt, count);
    return this.#joined(prefixes, lengths, bytes.subarray(textAt));
  }

  #joined(prefixes: DecodedArray, lengths: DecodedArray, bytes: Uint8Array): DecodedArray {
    const texts: unknown[] = [];
    let [before, at, total] = [new Uint8Array(0), 0, 0];
    for (let i = 0; i < prefixes.length; i++) {
      const [prefix, length] = [prefixes[i] as number, lengths[i] as number];
      total += prefix + length;
      const isWrong = prefix < 0 || prefix > before.length || length < 0 || length > bytes.length - at;
      if (isWrong || total > MAX_JOINED)
        throw new Malformed(`text ${i} of it repeats ${prefix} bytes, and adds ${length}`);
      const text = new Uint8Array(prefix + length);
      text.set(before.subarray(0, prefix));
      text.set(bytes.subarray(at, at + length), prefix);
      at += length;
      texts.push(
        this.#element.converted_type === undefined && this.#element.logical_type === undefined ? text : textOf(text),
      );
      before = text;
    }
    return texts as DecodedArray;
  }
}

function metadataOf(element: SchemaElement, size: number, encoding: Encoding, count: number): FileMetaData {
  const sizes = { total_uncompressed_size: BigInt(size), total_compressed_size: BigInt(size) };
  const column = {
    ...{ type: element.type ?? 'BYTE_ARRAY', encodings: [encoding], path_in_schema: [element.name] },
    ...{ codec: 'UNCOMPRESSED' as const, num_values: BigInt(count), data_page_offset: 0n, ...sizes },
  };
  return {
    version: 1,
    schema: [{ name: 'root', num_children: 1 }, element],
    num_rows: BigInt(count),
    row_groups: [
      { columns: [{ file_offset: 0n, meta_data: column }], total_byte_size: BigInt(size), num_rows: BigInt(count) },
    ],
    metadata_length: 0,
  };
}
