/**
 * The values of one leaf in one row group, page by page. Memory is the page that is read and the one before it; pages
 * of more than 256 MiB or 2^25 values are refused. Threads: one call at a time.
 */
import { crc32 } from 'node:zlib';
import type { ColumnMetaData, DecodedArray } from 'hyparquet';
import { codecNamed, type Unpack } from '../columns/codecs.js';
import { bitsFor, readHybrid } from './levels.js';
import type { ParquetNode } from './schema.js';
import { Malformed } from '../malformed.js';
import { Cut, readPageHeader, ThriftReader, type PageHeader } from './thrift.js';
import { encodingName, type ValueReader } from './values.js';
import type { RandomAccess } from '../random-access.js';

const MAX_PAGE = 256 * 1024 * 1024;
const MAX_VALUES = 1 << 25;
const MAX_HEADER = 1 << 20;
const READ_AHEAD = 1 << 20;
// Of a row that goes on in the next page.
const MAX_ROW = 1 << 18;
const MAX_PAGES_OF_ROW = 256;
const [DATA, DICTIONARY, DATA_V2] = [0, 2, 3];
const RLE = 3;

/** Levels and values of some rows. */
export interface Entries {
  /** How many values there are, those that are missing too. */
  count: number;
  /** For each how many of what it is in repeat; undefined where nothing does. */
  repetition: Uint8Array | undefined;
  /** For each how much of what may be missing is there; undefined where all is. */
  definition: Uint8Array | undefined;
  /** Those that are there. */
  values: DecodedArray;
}

/** The bytes of a column chunk, in order. */
class ChunkBytes {
  readonly #file: RandomAccess;
  readonly #end: number;
  #held: Buffer = Buffer.alloc(0);
  #at: number;

  constructor(file: RandomAccess, start: number, end: number) {
    this.#file = file;
    this.#at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  // Fewer where the chunk ends.
  async peek(length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.left);
    if (this.#held.length < wanted) {
      const from = this.#at + this.#held.length;
      const more = Math.min(Math.max(wanted - this.#held.length, READ_AHEAD), this.#end - from);
      const read = await this.#file.readAt(from, more);
      if (read.length < more) throw new Malformed(`the file ends at byte ${from + read.length}, in the midst of it`);
      this.#held = this.#held.length === 0 ? read : Buffer.concat([this.#held, read]);
    }
    return this.#held.subarray(0, wanted);
  }

  pass(length: number): void {
    this.#held = this.#held.subarray(length);
    this.#at += length;
  }
}

/** Reads the rows of a leaf in one row group. */
export class LeafReader {
  /** What is held: `at` and `valueAt` say where the next row begins in it. */
  entries: Entries = { count: 0, repetition: undefined, definition: undefined, values: [] };
  /** Of the entries the first one of the next row. */
  at = 0;
  /** Of the values likewise. */
  valueAt = 0;
  /** Of the entries the end of the next row; set by `isReady`. */
  end = 0;
  /** The leaf. */
  readonly node: ParquetNode;
  readonly #bytes: ChunkBytes;
  readonly #reader: ValueReader;
  readonly #unpack: Unpack;
  #dictionary: DecodedArray | undefined;
  #ended = false;
  #pagesOfRow = 0;

  /**
   * Begins to read.
   *
   * @param file - the file
   * @param node - the leaf
   * @param chunk - where its values are
   * @param reader - reads them
   * @throws Malformed where the file has no such bytes, or can't be unpacked
   */
  constructor(file: RandomAccess, node: ParquetNode, chunk: ColumnMetaData, reader: ValueReader) {
    this.node = node;
    this.#reader = reader;
    this.#unpack = codecNamed(chunk.codec);
    const dictionary = Number(chunk.dictionary_page_offset ?? 0);
    const data = Number(chunk.data_page_offset);
    const start = dictionary > 0 ? Math.min(dictionary, data) : data;
    const size = Number(chunk.total_compressed_size);
    if (!(start >= 4 && size >= 0 && start + size <= file.size)) {
      throw new Malformed(`it is said to have ${size} bytes at ${start}, in a file of ${file.size}`);
    }
    this.#bytes = new ChunkBytes(file, start, start + size);
  }

  /**
   * Whether the next row is held, whole.
   *
   * @returns whether; else `more` may help
   */
  isReady(): boolean {
    const { count, repetition } = this.entries;
    if (this.at >= count) return false;
    if (repetition === undefined) this.end = this.at + 1;
    else {
      const next = repetition.indexOf(0, this.at + 1);
      if (next < 0 && !this.#ended) return false;
      this.end = next < 0 ? count : next;
    }
    return true;
  }

  /**
   * Goes on to the row behind the next one.
   *
   * @param values - how many the row had
   */
  pass(values: number): void {
    this.at = this.end;
    this.valueAt += values;
  }

  /**
   * How many values of the next row are there.
   *
   * @returns their number
   */
  present(): number {
    const { definition } = this.entries;
    if (definition === undefined) return this.end - this.at;
    let present = 0;
    for (let i = this.at; i < this.end; i++) if (definition[i] === this.node.definition) present++;
    return present;
  }

  /**
   * Reads another page.
   *
   * @returns whether there was one, or the last row has turned out to be whole
   */
  async more(): Promise<boolean> {
    if (this.#ended) return false;
    const page = await this.#page();
    if (page === undefined) {
      this.#ended = true;
      return this.at < this.entries.count;
    }
    const rest = this.entries.count - this.at;
    if (rest === 0 && (page.repetition?.[0] ?? 0) !== 0) throw new Malformed('its first row goes on, but never began');
    // That a row was whole before shows only now; a page of no values says nothing.
    const goesOn = rest > 0 && page.repetition?.[0] !== 0;
    const isWithin = goesOn && page.repetition?.includes(0) !== true;
    this.#pagesOfRow = isWithin ? this.#pagesOfRow + 1 : 0;
    if ((goesOn && rest > MAX_ROW) || this.#pagesOfRow > MAX_PAGES_OF_ROW) {
      throw new Malformed(`a row of it has more than ${MAX_ROW} values, or is in more than ${MAX_PAGES_OF_ROW} pages`);
    }
    this.entries = rest > 0 ? joined(this.entries, this.at, this.valueAt, page, this.node.definition) : page;
    this.at = 0;
    this.valueAt = 0;
    return true;
  }

  async #page(): Promise<Entries | undefined> {
    for (;;) {
      // Some writers leave a byte behind.
      if (this.#bytes.left <= 1) return undefined;
      const header = await this.#header();
      const packed = await this.#bytes.peek(header.packedSize);
      if (packed.length < header.packedSize)
        throw new Malformed(`a page of it has ${packed.length} of ${header.packedSize} bytes`);
      this.#bytes.pass(header.packedSize);
      if (header.checksum !== undefined && crc32(packed) !== header.checksum) {
        throw new Malformed('a page of it does not match its checksum');
      }
      if (header.type === DATA || header.type === DATA_V2) return this.#data(header, packed);
      if (header.type === DICTIONARY) await this.#setDictionary(header, packed);
    }
  }

  async #header(): Promise<PageHeader> {
    for (let length = 1 << 12; ; length = MAX_HEADER) {
      const bytes = await this.#bytes.peek(length);
      try {
        const reader = new ThriftReader(bytes);
        const header = readPageHeader(reader);
        this.#bytes.pass(reader.at);
        return checked(header);
      } catch (thrown) {
        if (!(thrown instanceof Cut) || length === MAX_HEADER || bytes.length < length) throw thrown;
      }
    }
  }

  async #setDictionary(header: PageHeader, packed: Buffer): Promise<void> {
    if (this.#dictionary !== undefined) throw new Malformed('it has two dictionaries');
    this.#dictionary = await this.#reader.read(this.#unpack(packed, header.size), 0, header.values);
  }

  async #data(header: PageHeader, packed: Buffer): Promise<Entries> {
    const { values: count } = header;
    const { repetition: mostRepetition, definition: mostDefinition } = this.node;
    let bytes: Uint8Array = packed;
    let at = 0;
    if (header.type === DATA) bytes = this.#unpack(packed, header.size);
    const levels = (most: number, index: 0 | 1): Uint8Array | undefined => {
      const size = header.type === DATA_V2 ? header.levelBytes[index] : -1;
      if (most === 0) {
        at += Math.max(size, 0);
        return undefined;
      }
      const out = new Uint8Array(count);
      at = readLevels(bytes, at, size, header.levels[1 - index] ?? RLE, most, out);
      return out;
    };
    const repetition = levels(mostRepetition, 0);
    let definition = levels(mostDefinition, 1);
    let present = count;
    if (definition !== undefined) {
      present = 0;
      for (let i = 0; i < count; i++) present += definition[i] === mostDefinition ? 1 : 0;
      if (present === count) definition = undefined;
    }
    let rest = bytes.subarray(at);
    if (header.type === DATA_V2 && header.isPacked && present > 0) rest = this.#unpack(rest, header.size - at);
    return { count, repetition, definition, values: await this.#values(rest, header.encoding, present) };
  }

  async #values(bytes: Uint8Array, encoding: number, count: number): Promise<DecodedArray> {
    if (count === 0 || !encodingName(encoding).endsWith('_DICTIONARY'))
      return this.#reader.read(bytes, encoding, count);
    const dictionary = this.#dictionary;
    if (dictionary === undefined) throw new Malformed('it has no dictionary, to which its values refer');
    const indices = new Int32Array(count);
    readHybrid(bytes, 1, bytes.length, bytes[0] ?? 0, indices);
    const values = (
      Array.isArray(dictionary) ? [] : new (dictionary.constructor as Float32ArrayConstructor)(count)
    ) as unknown[];
    for (let i = 0; i < count; i++) {
      const value: unknown = dictionary[indices[i] ?? -1];
      if (value === undefined)
        throw new Malformed(`it refers to value ${indices[i] ?? ''} of a dictionary of ${dictionary.length}`);
      values[i] = value;
    }
    return values as DecodedArray;
  }
}

function checked(header: PageHeader): PageHeader {
  const { type, size, packedSize, values, levelBytes } = header;
  if (size < 0 || packedSize < 0 || type < 0) throw new Malformed(`a page of it has ${packedSize} bytes`);
  if (size > MAX_PAGE || packedSize > MAX_PAGE || values > MAX_VALUES) {
    const most = `${MAX_PAGE} bytes and ${MAX_VALUES} values are possible`;
    throw new Malformed(
      `a page of it has ${Math.max(size, packedSize)} bytes and ${values} values; ${most}: write smaller pages`,
    );
  }
  const areLevelsWrong =
    levelBytes.some((one) => one < 0) || levelBytes[0] + levelBytes[1] > Math.min(size, packedSize);
  if (type !== 1 && (values < 0 || areLevelsWrong)) throw new Malformed(`a page of it has ${values} values`);
  return header;
}

// Behind their size, but where that is known. Returns where they end.
function readLevels(
  bytes: Uint8Array,
  at: number,
  size: number,
  encoding: number,
  most: number,
  out: Uint8Array,
): number {
  if (size < 0) {
    if (encoding !== RLE) {
      throw new Malformed(`its levels have the encoding ${encodingName(encoding)}, where only RLE is read`);
    }
    if (at + 4 > bytes.length) throw new Malformed(`its levels begin at byte ${at} of ${bytes.length}`);
    size = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(at);
    at += 4;
  }
  if (size > bytes.length - at) throw new Malformed(`its levels have ${size} bytes at ${at} of ${bytes.length}`);
  readHybrid(bytes, at, at + size, bitsFor(most), out);
  // Those of which all bits are used can't be above.
  if (most !== 2 ** bitsFor(most) - 1 && out.some((level) => level > most)) {
    throw new Malformed(`its levels are above ${most}`);
  }
  return at + size;
}

// The rest of a page and the next one.
function joined(rest: Entries, at: number, valueAt: number, page: Entries, mostDefinition: number): Entries {
  const count = rest.count - at + page.count;
  const levels = (a: Uint8Array | undefined, b: Uint8Array | undefined, full: number): Uint8Array | undefined => {
    if (a === undefined && b === undefined) return undefined;
    const out = new Uint8Array(count).fill(full);
    if (a !== undefined) out.set(a.subarray(at));
    if (b !== undefined) out.set(b, rest.count - at);
    return out;
  };
  return {
    count,
    repetition: levels(rest.repetition, page.repetition, 0),
    definition: levels(rest.definition, page.definition, mostDefinition),
    values: joinedValues(rest.values, valueAt, page.values),
  };
}

function joinedValues(a: DecodedArray, from: number, b: DecodedArray): DecodedArray {
  if (a.length === from) return b;
  if (Array.isArray(a) || Array.isArray(b) || a.constructor !== b.constructor) {
    return [...(a.slice(from) as Iterable<unknown>), ...(b as Iterable<unknown>)] as DecodedArray;
  }
  const out = new (a.constructor as Float32ArrayConstructor)(a.length - from + b.length);
  out.set((a as Float32Array).subarray(from));
  out.set(b as Float32Array, a.length - from);
  return out;
}
