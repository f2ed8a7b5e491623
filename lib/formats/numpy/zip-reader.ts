/** Entries of a zip file, read from where they are: stored or deflated, with zip64, checked by size and CRC-32. */
import { pipeline, Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { invalid, shown } from '../../arguments.js';
import { describe, JvdbError } from '../../errors.js';
import type { RandomAccess } from '../random-access.js';

/** An entry, as the directory at the end of the file has it. */
export interface ZipEntry {
  name: string;
  isDeflated: boolean;
  crc: number;
  compressedSize: number;
  size: number;
  /** Where its bytes begin. */
  start: number;
}

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const RECORD_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_COMMENT = 0xffff;
const MAX_DIRECTORY = 16 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
const FULL = 0xffffffff;

interface Directory {
  entries: number;
  size: number;
  offset: number;
}

function damaged(file: RandomAccess, what: string): JvdbError {
  return invalid(`${file.name} is no whole zip file: ${what}; get or make it again`);
}

async function exactly(file: RandomAccess, position: number, length: number, what: string): Promise<Buffer> {
  const fits = position >= 0 && position + length <= file.size;
  const bytes = fits ? await file.readAt(position, length) : Buffer.alloc(0);
  if (bytes.length === length) return bytes;
  throw damaged(file, `${what} at byte ${position} takes ${length} bytes, the file has ${file.size}`);
}

function bigAt(bytes: Buffer, at: number, file: RandomAccess): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(file, `it says ${value} for a size or place`);
  return Number(value);
}

async function findDirectory(file: RandomAccess): Promise<Directory> {
  const length = Math.min(file.size, END_BYTES + MAX_COMMENT);
  const tail = await exactly(file, file.size - length, length, 'the end');
  let at = length - END_BYTES;
  // A comment of the length that it says lies behind the record.
  while (at >= 0 && !(tail.readUInt32LE(at) === 0x06054b50 && at + END_BYTES + tail.readUInt16LE(at + 20) === length)) {
    at--;
  }
  if (at < 0) throw damaged(file, 'the directory at its end is missing');
  const end = tail.subarray(at);
  if (end.readUInt16LE(4) !== end.readUInt16LE(6)) throw damaged(file, 'it is one of several parts');
  const directory = { entries: end.readUInt16LE(10), size: end.readUInt32LE(12), offset: end.readUInt32LE(16) };
  const locatorAt = file.size - length + at - LOCATOR_BYTES;
  const locator = locatorAt < 0 ? undefined : await file.readAt(locatorAt, LOCATOR_BYTES);
  const isBig = locator?.length === LOCATOR_BYTES && locator.readUInt32LE(0) === 0x07064b50;
  if (!isBig) return directory;
  const record = await exactly(file, bigAt(locator, 8, file), END64_BYTES, 'the directory');
  if (record.readUInt32LE(0) !== 0x06064b50) throw damaged(file, 'the zip64 end of its directory is missing');
  return { entries: bigAt(record, 32, file), size: bigAt(record, 40, file), offset: bigAt(record, 48, file) };
}

// The values of 64 bits that replace those that are full, in the order of the format.
function bigValues(extra: Buffer, values: number[], file: RandomAccess): number[] {
  for (let at = 0; at + 4 <= extra.length;) {
    const size = extra.readUInt16LE(at + 2);
    const field = extra.subarray(at + 4, at + 4 + size);
    if (extra.readUInt16LE(at) === 1) {
      let next = 0;
      return values.map((value) => {
        if (value !== FULL) return value;
        if (next + 8 > field.length) throw damaged(file, 'a zip64 size is missing');
        next += 8;
        return bigAt(field, next - 8, file);
      });
    }
    at += 4 + size;
  }
  return values;
}

function entryOf(record: Buffer, nameEnd: number, extraEnd: number, file: RandomAccess): ZipEntry {
  const name = record.toString('utf8', RECORD_BYTES, nameEnd);
  const method = record.readUInt16LE(10);
  if ((record.readUInt16LE(8) & 1) !== 0) throw invalid(`${file.name}: ${shown(name)} is encrypted; zip it without`);
  if (method !== 0 && method !== 8) {
    throw invalid(`${file.name}: ${shown(name)} is packed by method ${method}; zip it stored (0) or deflated (8)`);
  }
  const given = [record.readUInt32LE(24), record.readUInt32LE(20), record.readUInt32LE(42)];
  const [size = 0, compressedSize = 0, start = 0] = bigValues(record.subarray(nameEnd, extraEnd), given, file);
  if (method === 0 && size !== compressedSize) throw damaged(file, `the sizes of ${shown(name)} differ`);
  return { name, isDeflated: method === 8, crc: record.readUInt32LE(16), compressedSize, size, start };
}

// Its place is that of a header of its own so far, which says where the bytes begin.
async function located(entry: ZipEntry, file: RandomAccess, end: number): Promise<ZipEntry> {
  const name = Buffer.from(entry.name);
  const local = await exactly(file, entry.start, LOCAL_BYTES + name.length, 'an entry');
  if (local.readUInt32LE(0) !== 0x04034b50 || local.readUInt16LE(26) !== name.length) {
    throw damaged(file, `there is no ${shown(entry.name)} at byte ${entry.start}`);
  }
  if (!local.subarray(LOCAL_BYTES).equals(name)) throw damaged(file, `${shown(entry.name)} has another name there`);
  const start = entry.start + local.length + local.readUInt16LE(28);
  if (start + entry.compressedSize > end) throw damaged(file, `${shown(entry.name)} is longer than the file`);
  return { ...entry, start };
}

/**
 * Reads the directory.
 *
 * @param file - the file
 * @returns its entries by name
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it is damaged, or packed in another way
 */
export async function readZip(file: RandomAccess): Promise<Map<string, ZipEntry>> {
  const directory = await findDirectory(file);
  if (directory.size > MAX_DIRECTORY) {
    throw invalid(`${file.name} has a directory of ${directory.size} bytes; ${MAX_DIRECTORY} are possible`);
  }
  const records = await exactly(file, directory.offset, directory.size, 'the directory');
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  while (at + RECORD_BYTES <= records.length && records.readUInt32LE(at) === 0x02014b50) {
    const record = records.subarray(at);
    const nameEnd = RECORD_BYTES + record.readUInt16LE(28);
    const extraEnd = nameEnd + record.readUInt16LE(30);
    const entry = entryOf(record, nameEnd, extraEnd, file);
    if (entries.has(entry.name)) throw damaged(file, `${shown(entry.name)} is there twice`);
    entries.set(entry.name, await located(entry, file, directory.offset));
    at += extraEnd + record.readUInt16LE(32);
  }
  if (at !== records.length || entries.size !== directory.entries) {
    throw damaged(file, `of ${directory.entries} entries in its directory ${entries.size} can be read`);
  }
  return entries;
}

async function* stored(file: RandomAccess, { name, start, compressedSize }: ZipEntry): AsyncGenerator<Buffer> {
  for (let at = 0; at < compressedSize; at += PIECE_BYTES) {
    yield await exactly(file, start + at, Math.min(PIECE_BYTES, compressedSize - at), shown(name));
  }
}

async function* inflated(file: RandomAccess, entry: ZipEntry): AsyncGenerator<Buffer> {
  const inflate = createInflateRaw({ chunkSize: PIECE_BYTES / 4 });
  const packed = Readable.from(stored(file, entry), { objectMode: true, highWaterMark: 1 });
  // What fails is thrown to whoever reads.
  pipeline(packed, inflate, () => undefined);
  try {
    for await (const piece of inflate) yield piece as Buffer;
  } catch (cause) {
    if (cause instanceof JvdbError) throw cause;
    throw damaged(file, `${shown(entry.name)} cannot be unpacked: ${describe(cause)}`);
  } finally {
    packed.destroy();
    inflate.destroy();
  }
  if (inflate.bytesWritten === entry.compressedSize) return;
  throw damaged(file, `${shown(entry.name)} has more packed bytes than it needs`);
}

/**
 * Reads an entry.
 *
 * @param file - the file
 * @param entry - which
 * @yields {Buffer} pieces of some hundred KiB
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` at its end where it is not what was written
 */
export async function* readZipEntry(file: RandomAccess, entry: ZipEntry): AsyncGenerator<Buffer> {
  let [size, crc] = [0, 0];
  for await (const piece of entry.isDeflated ? inflated(file, entry) : stored(file, entry)) {
    size += piece.length;
    if (size > entry.size) break;
    crc = crc32(piece, crc);
    yield piece;
  }
  const name = shown(entry.name);
  if (size !== entry.size) throw damaged(file, `${name} has not the ${entry.size} bytes that its directory says`);
  if (crc !== entry.crc) throw damaged(file, `${name} does not match its checksum`);
}
