/** The buffers of an Arrow message: where they are in its body, and unpacked. Threads: no state. */
import { codecNamed, unpackLz4Block } from '../columns/codecs.js';
import { Malformed } from '../malformed.js';

const MAX_BYTES = 2 ** 31;
const LZ4_MAGIC = 0x184d2204;
// No block of LZ4 unpacks to more than so many times its size.
const LZ4_RATIO = 255;

/** What the header of a batch says, as apache-arrow gives it. */
export interface BatchHeader {
  /** How many rows. */
  readonly length: number;
  /** Of each column and what is in it. */
  readonly nodes: readonly { length: number; nullCount: number }[];
  /** Where each buffer is in the body. */
  readonly buffers: readonly { offset: number; length: number }[];
  /** How buffers are packed. */
  readonly compression: { type: number } | null;
  /** How many buffers texts of the kind 'view' have. */
  readonly variadicBufferCounts: readonly number[];
}

// Blocks, each behind its size.
function unpackLz4Frame(packed: Buffer, size: number): Uint8Array {
  if (packed.length < 7 || packed.readUInt32LE() !== LZ4_MAGIC)
    throw new Malformed('its lz4 data does not begin as such');
  if (size > packed.length * LZ4_RATIO) throw new Malformed(`${packed.length} bytes of lz4 data cannot have ${size}`);
  const flags = packed[4] ?? 0;
  const [hasChecks, hasSize, hasDictionary] = [flags & 16, flags & 8, flags & 1];
  if (flags >> 6 !== 1 || hasDictionary !== 0)
    throw new Malformed('its lz4 data is of another version, or has a dictionary');
  const out = Buffer.allocUnsafeSlow(size);
  let at = 7 + (hasSize === 0 ? 0 : 8);
  let to = 0;
  for (;;) {
    if (at + 4 > packed.length) throw new Malformed('its lz4 data ends early');
    const word = packed.readUInt32LE(at);
    at += 4;
    if (word === 0) break;
    const length = word & 0x7fffffff;
    const block = packed.subarray(at, at + length);
    if (block.length < length) throw new Malformed('its lz4 data ends early');
    if (word < 2 ** 31) to = unpackLz4Block(block, out, to);
    else if (length > size - to) throw new Malformed(`its lz4 data unpacks to more than ${size} bytes`);
    else to += block.copy(out, to);
    at += length + (hasChecks === 0 ? 0 : 4);
  }
  if (to !== size) throw new Malformed(`its lz4 data unpacks to ${to} bytes, not ${size}`);
  return out;
}

/** Gives the buffers and the counts of a batch, in order. */
export class Buffers {
  /** Whether unions have bits for what is there, as before version 5. */
  readonly isOld: boolean;
  readonly #header: BatchHeader;
  readonly #body: Buffer;
  #node = 0;
  #buffer = 0;
  #views = 0;

  /**
   * Makes one.
   *
   * @param header - of the batch
   * @param body - of the message
   * @param isOld - see there
   */
  constructor(header: BatchHeader, body: Buffer, isOld: boolean) {
    this.isOld = isOld;
    this.#header = header;
    this.#body = body;
  }

  /**
   * The counts of the next column.
   *
   * @returns they
   */
  node(): { length: number; nullCount: number } {
    const node = this.#header.nodes[this.#node++];
    if (node === undefined || node.length < 0) throw new Malformed(`a batch of it has no column ${this.#node}`);
    return node;
  }

  /**
   * How many buffers the texts of the next column of views have.
   *
   * @returns their number
   */
  views(): number {
    const count = this.#header.variadicBufferCounts[this.#views++] ?? -1;
    if (count < 0 || count > this.#header.buffers.length) throw new Malformed(`a column of it has ${count} buffers`);
    return count;
  }

  /** Passes over the next buffer. */
  skip(): void {
    this.#buffer++;
  }

  /**
   * The next buffer.
   *
   * @returns its bytes, aligned by 8
   */
  next(): Buffer {
    const region = this.#header.buffers[this.#buffer++];
    if (region === undefined) throw new Malformed(`a batch of it has no buffer ${this.#buffer}`);
    const { offset, length } = region;
    if (offset < 0 || length < 0 || offset + length > this.#body.length) {
      throw new Malformed(`a buffer of it has ${length} bytes at ${offset} of ${this.#body.length}`);
    }
    const bytes = this.#body.subarray(offset, offset + length);
    const { compression } = this.#header;
    return aligned(compression === null || length === 0 ? bytes : unpacked(bytes, compression.type));
  }
}

function unpacked(bytes: Buffer, codec: number): Buffer {
  const size = bytes.length < 8 ? -2 : Number(bytes.readBigInt64LE());
  const packed = bytes.subarray(8);
  if (size === -1) return packed; // it would not have become smaller
  if (size < 0 || size > MAX_BYTES)
    throw new Malformed(`a buffer of it unpacks to ${size} bytes, ${MAX_BYTES} are possible`);
  if (codec !== 0 && codec !== 1) throw new Malformed(`its codec is number ${codec}; lz4 (0) and zstd (1) are read`);
  const out = codec === 0 ? unpackLz4Frame(packed, size) : codecNamed('ZSTD')(packed, size);
  return Buffer.from(out.buffer, out.byteOffset, out.byteLength);
}

function aligned(bytes: Buffer): Buffer {
  if (bytes.byteOffset % 8 === 0) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
