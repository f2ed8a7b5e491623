/** Where the parts of an extent lie, and how files grow: what docs/format.md says, computed. Threads: no state. */

/** Where the first extent begins, and what every extent and column is aligned to. */
export const EXTENT_ALIGNMENT = 65_536;
/** Bytes of an extent's header page. */
export const HEADER_PAGE = 4096;
/** Bytes of a record. */
export const RECORD_BYTES = 96;
/** Bytes that offsets and lengths in the heap are counted in. */
export const HEAP_UNIT = 8;

const HEAP_ALIGNMENT = 4096;
const SLOT_ALIGNMENT = 64;
const MAX_HEAP_BYTES = 2 ** 32 * HEAP_UNIT;
const FULL_GROWTH = 64 * 2 ** 20;
const LARGEST_EXTENT = 2 ** 30;
const FIRST_HEAP_PER_SLOT = 64;

/** Bytes that a slot takes in each column. */
export interface Strides {
  vector: number;
  /** 0 without codes. */
  code: number;
}

/** What an extent has room for. */
export interface ExtentCounts {
  records: number;
  slots: number;
  heapBytes: number;
}

/** Where the parts of an extent are; all offsets from the file's start. */
export interface Geometry {
  offset: number;
  recordsOffset: number;
  vectorsOffset: number;
  /** 0 without codes. */
  codesOffset: number;
  heapOffset: number;
  end: number;
}

/**
 * Rounds up.
 *
 * @param value - what
 * @param unit - to a multiple of this
 * @returns it
 */
export function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/**
 * The strides of a file's columns.
 *
 * @param dimension - of its vectors
 * @param hasCodes - whether it has the column of codes
 * @returns them
 */
export function stridesOf(dimension: number, hasCodes: boolean): Strides {
  return { vector: alignUp(dimension * 4, SLOT_ALIGNMENT), code: hasCodes ? alignUp(dimension, SLOT_ALIGNMENT) : 0 };
}

/**
 * Bytes of a heap entry.
 *
 * @param id - bytes of a string id, 0 for a number
 * @param metadata - bytes of it
 * @returns them, with prefix and padding
 */
export function heapEntryBytes(id: number, metadata: number): number {
  return id + metadata === 0 ? 0 : alignUp(8 + id + metadata, HEAP_UNIT);
}

/**
 * Lays an extent out.
 *
 * @param strides - of its columns
 * @param offset - where it begins
 * @param counts - what it has room for
 * @returns where its parts are; undefined where no file could have it
 */
export function layOut(strides: Strides, offset: number, counts: ExtentCounts): Geometry | undefined {
  if (counts.records === 0 || counts.heapBytes > MAX_HEAP_BYTES || counts.heapBytes % HEAP_UNIT !== 0) {
    return undefined;
  }
  const recordsOffset = offset + HEADER_PAGE;
  const vectorsOffset = alignUp(recordsOffset + counts.records * RECORD_BYTES, EXTENT_ALIGNMENT);
  const vectorsEnd = vectorsOffset + counts.slots * strides.vector;
  const codes = alignUp(vectorsEnd, EXTENT_ALIGNMENT);
  const columnsEnd = strides.code === 0 ? vectorsEnd : codes + counts.slots * strides.code;
  const heapOffset = alignUp(columnsEnd, HEAP_ALIGNMENT);
  const end = alignUp(heapOffset + counts.heapBytes, EXTENT_ALIGNMENT);
  return {
    offset,
    recordsOffset,
    vectorsOffset,
    codesOffset: strides.code === 0 ? 0 : codes,
    heapOffset,
    end,
  };
}

/**
 * The extent a database begins with.
 *
 * @param slots - vectors it is to have room for
 * @returns its counts
 */
export function firstExtent(slots: number): ExtentCounts {
  return { records: recordsFor(slots), slots, heapBytes: slots * FIRST_HEAP_PER_SLOT };
}

/**
 * The extent that a file full of vectors grows by.
 *
 * @param strides - of its columns
 * @param fileBytes - size of the file
 * @param heapPerRecord - bytes of heap that each vector takes
 * @returns its counts
 */
export function nextExtent(strides: Strides, fileBytes: number, heapPerRecord: number): ExtentCounts {
  const grown = Math.min(Math.max(Math.floor(fileBytes / 8), FULL_GROWTH), LARGEST_EXTENT);
  const target = fileBytes <= FULL_GROWTH ? fileBytes : grown;
  const heap = alignUp(heapPerRecord, HEAP_UNIT);
  const each = RECORD_BYTES + RECORD_BYTES / 8 + heap + strides.vector + strides.code;
  const slots = Math.max(1, Math.floor(target / each));
  return { records: recordsFor(slots), slots, heapBytes: slots * heap };
}

// Deletes take a record but no slot.
function recordsFor(slots: number): number {
  return slots + Math.floor(slots / 8) + 64;
}
