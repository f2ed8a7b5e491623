/** Finds the extents of a file one after the other, also behind damaged ones. Threads: one. */
import type { Bytes } from './bytes.js';
import { crc32c } from './crc32c.js';
import { EXTENT_ALIGNMENT, layOut, type Geometry, type Strides } from './geometry.js';
import type { Identity, Superblock, Wrong } from './heads.js';
import type { ExtentPart } from './types.js';
import { areEqual, u32, u64, viewOf } from './values.js';

const MAGIC = 0x4a564558;
const HEADER_BYTES = 208;
const MAX_LSN = Number.MAX_SAFE_INTEGER;
const MAX_COLUMNS = 2;

/** An extent whose header is whole. */
export interface Extent {
  number: number;
  baseLsn: number;
  epoch: number;
  records: number;
  slots: number;
  heapBytes: number;
  strides: Strides;
  geometry: Geometry;
  part: ExtentPart;
}

/** Goes through them. */
export class Extents {
  readonly #bytes: Bytes;
  readonly #identity: Identity | undefined;
  readonly #superblock: Superblock | undefined;
  readonly #wrong: Wrong;
  #offset = EXTENT_ALIGNMENT;
  #number = 1;
  #baseLsn = 0;

  /**
   * @param bytes - of the file
   * @param identity - what it is; undefined where nothing says so
   * @param superblock - the one that counts; undefined where none does
   * @param wrong - told what is wrong
   */
  constructor(bytes: Bytes, identity: Identity | undefined, superblock: Superblock | undefined, wrong: Wrong) {
    this.#bytes = bytes;
    this.#identity = identity;
    this.#superblock = superblock;
    this.#wrong = wrong;
  }

  /**
   * The next one.
   *
   * @returns it; undefined behind the last
   */
  next(): Extent | undefined {
    const counted = this.#number <= (this.#superblock?.extentCount ?? 0);
    const found = this.#extentAt(this.#offset);
    const size = this.#bytes.size();
    if (found?.number === this.#number && this.#belongs(found)) {
      if (found.geometry.end > size && counted) {
        found.part.status = 'damaged';
        this.#wrong(found.geometry.offset, `extent ${found.number} reaches past the end of the file (${size} bytes)`);
      }
      if (found.geometry.end <= size || counted) return this.#taken(found);
    }
    if (!counted && this.#superblock !== undefined) return undefined;
    if (counted) {
      this.#wrong(
        this.#offset,
        `the header of extent ${this.#number} at byte ${this.#offset} is missing, wrong or of another database`,
      );
    }
    return this.#behindDamage(size);
  }

  #taken(extent: Extent): Extent {
    this.#offset = extent.geometry.end;
    this.#number = extent.number + 1;
    this.#baseLsn = extent.baseLsn;
    return extent;
  }

  #belongs(extent: Extent): boolean {
    const block = this.#superblock;
    const ofEpoch = block === undefined || extent.number <= block.extentCount || extent.epoch === block.epoch;
    return extent.baseLsn >= this.#baseLsn && ofEpoch;
  }

  #behindDamage(size: number): Extent | undefined {
    for (this.#offset += EXTENT_ALIGNMENT; this.#offset < size; this.#offset += EXTENT_ALIGNMENT) {
      const found = this.#extentAt(this.#offset);
      if (found !== undefined && found.number > this.#number && this.#belongs(found)) return this.#taken(found);
    }
    return undefined;
  }

  #extentAt(offset: number): Extent | undefined {
    const header = new Uint8Array(HEADER_BYTES);
    if (this.#bytes.read(header, offset) < HEADER_BYTES) return undefined;
    const view = viewOf(header);
    if (u32(view, 0) !== MAGIC || u32(view, 204) !== crc32c(header.subarray(0, 204))) return undefined;
    const uuid = this.#identity?.databaseId;
    if (uuid !== undefined && !areEqual(header.subarray(56, 72), uuid)) return undefined;
    const extent = extentOf(view, offset, this.#identity?.strides ?? stridesIn(view));
    const sound = extent !== undefined && extent.number > 0 && saysSo(view, extent);
    return sound ? extent : undefined;
  }
}

// By its own word, where no header of the file is whole.
function stridesIn(view: DataView): Strides {
  const columns = Math.min(u32(view, 28), MAX_COLUMNS);
  return { vector: u32(view, 76), code: columns === 2 ? u32(view, 92) : 0 };
}

function extentOf(view: DataView, offset: number, strides: Strides): Extent | undefined {
  const [records, slots, heapBytes, baseLsn] = [u32(view, 20), u32(view, 24), u64(view, 40), u64(view, 8)];
  if (baseLsn > MAX_LSN) return undefined;
  const geometry = layOut(strides, offset, { records, slots, heapBytes: Number(heapBytes) });
  if (geometry === undefined) return undefined;
  const [number, epoch] = [u32(view, 4), u32(view, 16)];
  const base = Number(baseLsn);
  const part: ExtentPart = {
    offset,
    status: 'whole',
    number,
    baseLsn: base,
    epoch,
    length: geometry.end - offset,
    ...{ records, recordsUsed: 0, slots, slotsUsed: 0, heapBytes: Number(heapBytes), heapUsed: 0 },
    recordsOffset: geometry.recordsOffset,
    vectorsOffset: geometry.vectorsOffset,
    codesOffset: geometry.codesOffset,
    heapOffset: geometry.heapOffset,
  };
  return { number, baseLsn: base, epoch, records, slots, heapBytes: Number(heapBytes), strides, geometry, part };
}

// Every offset follows from the counts: a header that says anything else is none.
function saysSo(view: DataView, { geometry, strides }: Extent): boolean {
  const hasCodes = strides.code !== 0;
  const column = (at: number, kind: number, stride: number, offset: number): boolean =>
    u32(view, at) === kind && u32(view, at + 4) === stride && u64(view, at + 8) === offset;
  const zerosFrom = hasCodes ? 104 : 88;
  let zeros = true;
  for (let at = zerosFrom; at < 204; at += 4) zeros &&= u32(view, at) === 0;
  return (
    zeros &&
    u32(view, 28) === (hasCodes ? 2 : 1) &&
    u64(view, 32) === geometry.heapOffset &&
    u64(view, 48) === geometry.end - geometry.offset &&
    column(72, 1, strides.vector, geometry.vectorsOffset) &&
    (!hasCodes || column(88, 2, strides.code, geometry.codesOffset))
  );
}
