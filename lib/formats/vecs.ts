/** fvecs, ivecs and bvecs: rows of a dimension (int32) and so many float32, int32 or uint8 values, little-endian. */
import { invalid, shown } from '../arguments.js';
import { areFinite, MAX_DIMENSION, floatsFor, oneTable, rowsPerBatch } from './flat-rows.js';
import type { Batch, Format, InBatch, InTable, InvalidRecord, OutTable, ReadOptions, Source } from './types.js';

const MAX_INVALID = 1000;
const STAGING_BYTES = 512 * 1024; // more than the longest row
const PIECE_BYTES = 1024 * 1024;
const HEAD_BYTES = 64 * 1024;

/** What the three differ in. */
interface Kind {
  name: string;
  /** Bytes of a value. */
  size: 1 | 4;
  /** Whether they are read and written as words. */
  hasWords: boolean;
  /** Copies values from a byte on; returns which is the first that is not good, -1 for none. */
  copy(chunk: Chunk, at: number, row: Row): number;
  /** What is wrong with such a value. */
  problem(chunk: Chunk, at: number): string;
  /** Writes values; returns which can't be written, -1 for none. */
  put(row: Row, out: Chunk, at: number): number;
  /** What can be written. */
  range: string;
}

/** Bytes; words too, where they are needed and begin where words do. */
interface Chunk {
  bytes: Buffer;
  words: Int32Array;
}

const NO_WORDS = new Int32Array(0);

/** Where in an array a row is. */
interface Row {
  values: Float32Array;
  bytes: Buffer;
  start: number;
  dimension: number;
}

function chunkOf(bytes: Buffer, { hasWords }: Kind): Chunk {
  return { bytes, words: hasWords ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) : NO_WORDS };
}

function rowIn(values: Float32Array, dimension: number): Row {
  return { values, bytes: Buffer.from(values.buffer, values.byteOffset, values.byteLength), start: 0, dimension };
}

function isMinusZero(value: number): boolean {
  return value === 0 && 1 / value < 0;
}

const FLOATS: Kind = {
  name: 'fvecs',
  size: 4,
  hasWords: false,
  copy({ bytes }, at, { values, bytes: to, start, dimension }) {
    bytes.copy(to, 4 * start, at, at + 4 * dimension);
    if (areFinite(values, start, start + dimension)) return -1;
    return values.subarray(start, start + dimension).findIndex((value) => !Number.isFinite(value));
  },
  problem: ({ bytes }, at) => `${bytes.readFloatLE(at)}, no finite number`,
  put({ bytes, start, dimension }, { bytes: to }, at) {
    bytes.copy(to, at, 4 * start, 4 * (start + dimension));
    return -1;
  },
  range: 'float32',
};

const INTEGERS: Kind = {
  name: 'ivecs',
  size: 4,
  hasWords: true,
  copy({ words }, at, { values, start, dimension }) {
    const from = at >> 2;
    let bad = -1;
    for (let i = 0; i < dimension; i++) {
      const word = words[from + i] ?? 0;
      values[start + i] = word;
      if (values[start + i] !== word && bad < 0) bad = i;
    }
    return bad;
  },
  problem: ({ bytes }, at) => `${bytes.readInt32LE(at)}, which float32 cannot hold exactly`,
  put({ values, start, dimension }, { words }, at) {
    const to = at >> 2;
    for (let i = 0; i < dimension; i++) {
      const value = values[start + i] ?? 0;
      words[to + i] = value;
      if (words[to + i] !== value || isMinusZero(value)) return i;
    }
    return -1;
  },
  range: 'integers from -2147483648 to 2147483647, not -0',
};

const BYTES: Kind = {
  name: 'bvecs',
  size: 1,
  hasWords: false,
  copy({ bytes }, at, { values, start, dimension }) {
    for (let i = 0; i < dimension; i++) values[start + i] = bytes[at + i] ?? 0;
    return -1;
  },
  problem: () => '',
  put({ values, start, dimension }, { bytes }, at) {
    for (let i = 0; i < dimension; i++) {
      const value = values[start + i] ?? 0;
      bytes[at + i] = value;
      if (bytes[at + i] !== value || isMinusZero(value)) return i;
    }
    return -1;
  },
  range: 'integers from 0 to 255, not -0',
};

/** Rows on their way from bytes to a batch. */
class Batcher {
  /** Why nothing can be read from here on. */
  broken: string | undefined;
  /** Bytes of whole rows so far. */
  offset = 0;
  /** Rows so far. */
  position = 0;
  readonly #kind: Kind;
  readonly #options: ReadOptions;
  #dimension: number | undefined;
  #capacity = 1;
  #row = rowIn(floatsFor(0), 0);
  #count = 0;
  #records: number[] = [];
  #invalid: InvalidRecord[] = [];

  constructor(kind: Kind, options: ReadOptions) {
    this.#kind = kind;
    this.#options = options;
    this.#dimension = options.dimension;
  }

  // Takes whole rows until the batch is full; returns how many bytes they are.
  take(chunk: Chunk, from: number): number {
    let at = from;
    while (at + 4 <= chunk.bytes.length && !this.isFull()) {
      const dimension = chunk.bytes.readInt32LE(at);
      if (dimension < 1 || dimension > MAX_DIMENSION) {
        this.broken = `record ${this.position + 1}, at byte ${this.offset}, has dimension ${dimension}`;
        break;
      }
      const end = at + 4 + dimension * this.#kind.size;
      if (end > chunk.bytes.length) break;
      this.#add(chunk, at + 4, dimension);
      this.offset += end - at;
      at = end;
    }
    return at - from;
  }

  isBroken(): boolean {
    return this.broken !== undefined;
  }

  isFull(): boolean {
    return this.#count === this.#capacity || this.#invalid.length === MAX_INVALID;
  }

  #add(chunk: Chunk, at: number, dimension: number): void {
    const record = ++this.position;
    if (dimension !== (this.#dimension ?? dimension)) {
      const reason = `its dimension is ${dimension}, not ${this.#dimension ?? 0}`;
      this.#invalid.push({ record, reason });
      return;
    }
    if (this.#row.dimension !== dimension) this.#allocate(dimension);
    this.#row.start = this.#count * dimension;
    const bad = this.#kind.copy(chunk, at, this.#row);
    if (bad >= 0 && !(this.#kind === FLOATS && this.#options.allowNonFinite)) {
      const problem = this.#kind.problem(chunk, at + bad * this.#kind.size);
      this.#invalid.push({ record, reason: `value ${bad} is ${problem}` });
      return;
    }
    this.#dimension = dimension;
    this.#count++;
    this.#records.push(record);
  }

  #allocate(dimension: number): void {
    this.#capacity = rowsPerBatch(this.#options, dimension);
    this.#row = rowIn(floatsFor(this.#capacity * dimension), dimension);
  }

  // What there is; undefined for nothing.
  flush(): InBatch | undefined {
    if (this.#count === 0 && this.#invalid.length === 0) return undefined;
    const batch: InBatch = {
      count: this.#count,
      ids: undefined,
      vectors: this.#row.values.subarray(0, this.#count * this.#row.dimension),
      metadata: undefined,
      records: this.#invalid.length === 0 ? undefined : this.#records,
      position: this.position,
      invalid: this.#invalid,
    };
    this.#row = { ...this.#row, dimension: 0 }; // the next one has memory of its own
    this.#count = 0;
    this.#records = [];
    this.#invalid = [];
    return batch;
  }
}

/** Cuts pieces of any size into rows. */
class Splitter {
  readonly batcher: Batcher;
  readonly #kind: Kind;
  readonly #staging: Buffer;
  #staged = 0;

  constructor(kind: Kind, options: ReadOptions) {
    this.#kind = kind;
    this.batcher = new Batcher(kind, options);
    this.#staging = Buffer.allocUnsafeSlow(STAGING_BYTES);
  }

  // Bytes of a row that is not whole yet.
  get staged(): Buffer {
    return this.#staging.subarray(0, this.#staged);
  }

  *feed(piece: Buffer): Generator<InBatch> {
    let at = 0;
    while (at < piece.length && !this.batcher.isBroken()) {
      const isAligned = !this.#kind.hasWords || (piece.byteOffset + at) % 4 === 0;
      if (this.#staged === 0 && isAligned) {
        at += yield* this.#split(piece.subarray(at));
        if (this.batcher.isBroken()) return;
      }
      // The rest goes to memory of its own: just that row, or all where words are not aligned.
      const wanted = isAligned ? this.#missing() : STAGING_BYTES - this.#staged;
      const end = Math.min(at + wanted, piece.length);
      this.#staging.set(piece.subarray(at, end), this.#staged);
      this.#staged += end - at;
      at = end;
      const used = yield* this.#split(this.staged);
      this.#staging.copyWithin(0, used, this.#staged);
      this.#staged -= used;
    }
  }

  #missing(): number {
    if (this.#staged < 4) return 4 - this.#staged;
    return 4 + this.#staging.readInt32LE(0) * this.#kind.size - this.#staged;
  }

  *#split(bytes: Buffer): Generator<InBatch, number> {
    const chunk = chunkOf(bytes, this.#kind);
    let at = 0;
    for (;;) {
      at += this.batcher.take(chunk, at);
      if (!this.batcher.isFull()) return at;
      const batch = this.batcher.flush();
      if (batch !== undefined) yield batch;
    }
  }
}

async function* rowsOf(kind: Kind, source: Source, options: ReadOptions): AsyncGenerator<InBatch> {
  const splitter = new Splitter(kind, options);
  const { batcher } = splitter;
  for await (const piece of source.bytes()) {
    yield* splitter.feed(piece);
    if (batcher.isBroken()) break;
  }
  const last = batcher.flush();
  if (last !== undefined) yield last;
  if (batcher.broken !== undefined) {
    const allowed = `1 to ${MAX_DIMENSION} are possible`;
    throw invalid(
      `${source.name} cannot be read on as ${kind.name}: ${batcher.broken}, ${allowed}; give its true format`,
    );
  }
  const rest = splitter.staged;
  if (rest.length > 0) {
    const whole = rest.length < 4 ? 'a dimension takes 4' : `it takes ${4 + rest.readInt32LE(0) * kind.size}`;
    const where = `in record ${batcher.position + 1}, which begins at byte ${batcher.offset}`;
    throw invalid(`${source.name} ends ${where}: ${rest.length} bytes of it are there, ${whole}; get the whole file`);
  }
}

async function countOf(kind: Kind, source: Source): Promise<number | undefined> {
  const head = await source.peek(4);
  if (head.length < 4 || source.size === undefined) return undefined;
  const dimension = head.readInt32LE(0);
  const rows = source.size / (4 + dimension * kind.size);
  return dimension >= 1 && dimension <= MAX_DIMENSION && Number.isInteger(rows) ? rows : undefined;
}

async function* read(kind: Kind, source: Source, options: ReadOptions): AsyncGenerator<InTable> {
  yield {
    ...{ name: undefined, dimension: undefined, distanceMetric: undefined, idType: undefined },
    count: await countOf(kind, source),
    rows: () => rowsOf(kind, source, options),
  };
}

function encoded(kind: Kind, batch: Batch, dimension: number, from: number, to: number): Buffer {
  const length = 4 + dimension * kind.size;
  const out = chunkOf(Buffer.allocUnsafeSlow((to - from) * length), kind);
  const row = rowIn(batch.vectors, dimension);
  for (let i = from; i < to; i++) {
    const at = (i - from) * length;
    row.start = i * dimension;
    out.bytes.writeInt32LE(dimension, at);
    const bad = kind.put(row, out, at + 4);
    if (bad < 0) continue;
    const value = row.values[row.start + bad] ?? 0;
    const what = `value ${bad} of id ${shown(batch.ids?.[i])} is ${Object.is(value, -0) ? '-0' : value}`;
    throw invalid(`${what}, ${kind.name} holds ${kind.range}: write fvecs, or another format of float32`);
  }
  return out.bytes;
}

async function* write(kind: Kind, tables: AsyncIterable<OutTable>): AsyncGenerator<Uint8Array> {
  for await (const table of oneTable(tables, kind.name)) {
    const { dimension } = table;
    const atOnce = Math.max(1, Math.floor(PIECE_BYTES / (4 + dimension * kind.size)));
    for await (const batch of table.rows()) {
      for (let from = 0; from < batch.count; from += atOnce) {
        yield encoded(kind, batch, dimension, from, Math.min(from + atOnce, batch.count));
      }
    }
  }
}

// 'no': bytes that no such file has; 'yes': two rows of one dimension, or one that is all.
function fits(head: Buffer, { size }: Kind): 'yes' | 'no' | 'maybe' {
  if (head.length > 0 && head.length < 4) return 'no';
  let rows = 0;
  let same = true;
  let at = 0;
  while (at + 4 <= head.length) {
    const dimension = head.readInt32LE(at);
    if (dimension < 1 || dimension > MAX_DIMENSION) return 'no';
    same &&= dimension === head.readInt32LE(0);
    at += 4 + dimension * size;
    if (at <= head.length) rows++;
  }
  const isAll = head.length < HEAD_BYTES && at === head.length;
  return same && (rows > 1 || (rows === 1 && isAll)) ? 'yes' : 'maybe';
}

// Whether words are floats or integers can't be told; where bytes fit too, nor can that.
function recognises(kind: Kind, head: Buffer): boolean | undefined {
  const how = fits(head, kind);
  if (how === 'no') return false;
  return kind === BYTES && how === 'yes' && fits(head, FLOATS) !== 'yes' ? true : undefined;
}

function formatOf(kind: Kind): Format {
  return {
    name: kind.name,
    extensions: [`.${kind.name}`],
    keepsIds: false,
    recognises: (head) => recognises(kind, head),
    read: (source, options) => read(kind, source, options),
    write: (tables) => write(kind, tables),
  };
}

/** Rows of float32. */
export const fvecs = formatOf(FLOATS);
/** Rows of int32, as far as float32 holds them exactly. */
export const ivecs = formatOf(INTEGERS);
/** Rows of uint8. */
export const bvecs = formatOf(BYTES);
