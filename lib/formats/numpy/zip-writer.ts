/** A zip file written in one go, such as to a pipe: stored entries, sizes behind them, zip64 where it is needed. */
import { crc32 } from 'node:zlib';

const FULL = 0xffffffff;
const MANY = 0xffff;
const DATE = 0x0021; // 1 January 1980, always: two files of the same entries are the same
const SIZES_BEHIND = 1 << 3;

interface Entry {
  name: Buffer;
  offset: number;
  size: number;
  crc: number;
  isBig: boolean;
}

/** Makes the bytes around the entries; whoever calls writes them all in order. */
export class ZipWriter {
  readonly #entries: Entry[] = [];
  readonly #bigFrom: number;
  #offset = 0;

  /**
   * Begins a file.
   *
   * @param bigFrom - sizes and places from this one on are written as zip64
   */
  constructor(bigFrom = FULL) {
    this.#bigFrom = bigFrom;
  }

  /**
   * An entry.
   *
   * @param name - its name, in ASCII
   * @param size - how many bytes it will have
   * @param pieces - they
   * @yields {Uint8Array} all that belongs to it
   */
  async *entry(
    name: string,
    size: number,
    pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const entry = { name: Buffer.from(name), offset: this.#offset, size: 0, crc: 0, isBig: size >= this.#bigFrom };
    yield this.#counted(localHeader(entry));
    for await (const piece of pieces) {
      entry.size += piece.length;
      entry.crc = crc32(piece, entry.crc);
      yield this.#counted(piece);
    }
    if (entry.size !== size) throw new RangeError(`${name} has ${entry.size} bytes, not ${size}`);
    yield this.#counted(descriptor(entry));
    this.#entries.push(entry);
  }

  #counted(bytes: Uint8Array): Uint8Array {
    this.#offset += bytes.length;
    return bytes;
  }

  /**
   * The end of the file.
   *
   * @returns its directory
   */
  end(): Buffer {
    const records = this.#entries.map((entry) => record(entry, this.#bigFrom));
    const size = records.reduce((sum, { length }) => sum + length, 0);
    const count = records.length;
    const isBig = count >= MANY || size >= this.#bigFrom || this.#offset >= this.#bigFrom;
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(isBig ? MANY : count, 8);
    end.writeUInt16LE(isBig ? MANY : count, 10);
    end.writeUInt32LE(isBig ? FULL : size, 12);
    end.writeUInt32LE(isBig ? FULL : this.#offset, 16);
    return Buffer.concat([...records, ...(isBig ? [bigEnd(count, size, this.#offset)] : []), end]);
  }
}

function localHeader({ name, isBig }: Entry): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(isBig ? 45 : 20, 4);
  header.writeUInt16LE(SIZES_BEHIND, 6);
  header.writeUInt16LE(DATE, 12);
  header.writeUInt16LE(name.length, 26);
  if (!isBig) return Buffer.concat([header, name]);
  header.writeUInt32LE(FULL, 18);
  header.writeUInt32LE(FULL, 22);
  header.writeUInt16LE(20, 28);
  return Buffer.concat([header, name, bigField([0, 0])]);
}

function bigField(values: number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => field.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  return field;
}

// Zip64 is told by the field in front of the entry, not by its size here.
function descriptor({ crc, size, isBig }: Entry): Buffer {
  const bytes = Buffer.alloc(isBig ? 24 : 16);
  bytes.writeUInt32LE(0x08074b50, 0);
  bytes.writeUInt32LE(crc, 4);
  for (const at of isBig ? [8, 16] : [8, 12]) {
    if (isBig) bytes.writeBigUInt64LE(BigInt(size), at);
    else bytes.writeUInt32LE(size, at);
  }
  return bytes;
}

function record({ name, offset, size, crc, isBig }: Entry, bigFrom: number): Buffer {
  const isFar = offset >= bigFrom;
  const big = [...(isBig ? [size, size] : []), ...(isFar ? [offset] : [])];
  const extra = big.length === 0 ? Buffer.alloc(0) : bigField(big);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(45, 4);
  header.writeUInt16LE(big.length === 0 ? 20 : 45, 6);
  header.writeUInt16LE(SIZES_BEHIND, 8);
  header.writeUInt16LE(DATE, 14);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(isBig ? FULL : size, 20);
  header.writeUInt32LE(isBig ? FULL : size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(isFar ? FULL : offset, 42);
  return Buffer.concat([header, name, extra]);
}

function bigEnd(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeUInt16LE(45, 12);
  end.writeUInt16LE(45, 14);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(size), 40);
  end.writeBigUInt64LE(BigInt(offset), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(offset + size), 64);
  end.writeUInt32LE(1, 72);
  return end;
}
