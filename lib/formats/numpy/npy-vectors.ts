/** Vectors in an array of numpy's: float16, float32 or float64, a row after the other. */
import { invalid, shown } from '../../arguments.js';
import { fromHalves } from '../halves.js';
import { findNonFinite, firstUnfit, floatsFor, MAX_DIMENSION } from '../flat-rows.js';
import type { NpyHeader } from './npy-header.js';
import type { Pieces } from '../pieces.js';
import type { ReadOptions } from '../types.js';

const SIZES: Readonly<Record<string, 2 | 4 | 8>> = { '<f2': 2, '<f4': 4, '<f8': 8 };
const PIECE_BYTES = 4 * 1024 * 1024;

/** Rows that were read. */
export interface Rows {
  /** How many are whole: fewer than asked for where the bytes end. */
  whole: number;
  /** Their values; none where all rows are wrong. */
  vectors: Float32Array;
  /** What is wrong with rows, by index. */
  reasons: Map<number, string>;
}

/** Reads rows in order. */
export class NpyVectors {
  /** How many rows there are to be. */
  readonly count: number;
  /** Values of each. */
  readonly dimension: number;
  /** Bytes of each. */
  readonly rowBytes: number;
  readonly #pieces: Pieces;
  readonly #options: ReadOptions;
  readonly #size: 2 | 4 | 8;
  #scratch = new ArrayBuffer(0);

  /**
   * Begins to read.
   *
   * @param pieces - the values
   * @param header - what they are
   * @param name - of the file, for messages
   * @param options - how to read
   * @throws JvdbError `JVDB_INVALID_ARGUMENT` for what are no vectors, with a way to make them some
   */
  constructor(pieces: Pieces, header: NpyHeader, name: string, options: ReadOptions) {
    this.#pieces = pieces;
    this.#options = options;
    this.#size = sizeOf(header, name);
    const { shape } = header;
    const [rows = 0, columns] = shape;
    if (shape.length !== 1 && shape.length !== 2) {
      const way = 'save a.reshape(-1, d) for vectors of d values';
      throw invalid(`${name} has the shape (${shape.join(', ')}), not (rows, dimension): ${way}`);
    }
    this.dimension = columns ?? rows;
    this.count = columns === undefined ? Math.min(rows, 1) : rows;
    this.rowBytes = this.dimension * this.#size;
    if (this.count > 0 && (this.dimension < 1 || this.dimension > MAX_DIMENSION)) {
      throw invalid(`${name} has vectors of ${this.dimension} values; 1 to ${MAX_DIMENSION} are possible`);
    }
  }

  /**
   * Reads the next rows.
   *
   * @param rows - how many
   * @returns as many as are whole
   */
  async read(rows: number): Promise<Rows> {
    const { dimension } = this;
    const wanted = this.#options.dimension ?? dimension;
    if (wanted !== dimension) {
      const whole = Math.floor((await this.#pieces.skip(rows * this.rowBytes)) / this.rowBytes);
      const reason = `its dimension is ${dimension}, not ${wanted}`;
      const reasons = new Map(Array.from({ length: whole }, (_, i) => [i, reason]));
      return { whole, vectors: new Float32Array(0), reasons };
    }
    const vectors = floatsFor(rows * dimension);
    const raw = this.#size === 4 ? vectors.buffer : this.#room(rows * this.rowBytes);
    const bytes = new Uint8Array(raw, 0, rows * this.rowBytes);
    const whole = Math.floor((await this.#pieces.fill(bytes)) / this.rowBytes);
    const read = vectors.subarray(0, whole * dimension);
    if (this.#size === 2) fromHalves(read, raw);
    if (this.#size === 8) read.set(new Float64Array(raw, 0, read.length));
    return { whole, vectors: read, reasons: this.#wrong(read, raw) };
  }

  #room(bytes: number): ArrayBuffer {
    if (this.#scratch.byteLength < bytes) this.#scratch = new ArrayBuffer(bytes);
    return this.#scratch;
  }

  #wrong(vectors: Float32Array, raw: ArrayBufferLike): Map<number, string> {
    const reasons = new Map<number, string>();
    const { allowNonFinite } = this.#options;
    if (allowNonFinite && this.#size < 8) return reasons;
    const values = this.#size === 8 ? new Float64Array(raw, 0, vectors.length) : vectors;
    findNonFinite(vectors, this.dimension, (row) => {
      const start = row * this.dimension;
      const unfit = firstUnfit(vectors.subarray(start, start + this.dimension), values, start, allowNonFinite);
      if (unfit !== undefined) reasons.set(row, `value ${unfit[0]} is ${unfit[1]}`);
    });
    return reasons;
  }
}

/**
 * Whether an array holds vectors that can be read, and nothing else.
 *
 * @param header - what it is
 * @returns whether it has rows of float values
 */
export function areVectors(header: NpyHeader): boolean {
  return /^[<>]f[248]$/.test(header.descr) && header.shape.length === 2;
}

function sizeOf({ descr, isFortran }: NpyHeader, name: string): 2 | 4 | 8 {
  if (/^>f[248]$/.test(descr)) {
    throw invalid(`${name} has big-endian values (${shown(descr)}): save a.astype('<f4') with numpy`);
  }
  const size = Object.hasOwn(SIZES, descr) ? SIZES[descr] : undefined;
  if (size === undefined) {
    const read = "float16, float32 and float64 ('<f2', '<f4', '<f8') are read";
    throw invalid(`${name} has values of type ${shown(descr)}; ${read}: save a.astype('<f4') with numpy`);
  }
  if (!isFortran) return size;
  throw invalid(`${name} is in Fortran order, columns after each other: save np.ascontiguousarray(a) with numpy`);
}

/**
 * Vectors as bytes, not copied.
 *
 * @param vectors - the values
 * @yields {Uint8Array} some MiB at most
 */
export function* bytesOf(vectors: Float32Array): Generator<Uint8Array> {
  const { buffer, byteOffset, byteLength } = vectors;
  for (let at = 0; at < byteLength; at += PIECE_BYTES) {
    yield new Uint8Array(buffer, byteOffset + at, Math.min(PIECE_BYTES, byteLength - at));
  }
}
