/** How much disk and memory databases will take, by the format's own arithmetic. Threads: no state. */
import {
  alignUp,
  EXTENT_ALIGNMENT,
  firstExtent,
  HEADER_PAGE,
  heapEntryBytes,
  layOut,
  nextExtent,
  RECORD_BYTES,
  stridesOf,
  type Strides,
} from './geometry.js';

const FIRST_SLOTS = 1000;
const PAGE = 4096;
// Header, superblocks, copy of the header: a page each.
const HEADS_BYTES = 4 * PAGE;
// Of the tables that opening makes, for each slot; see memory_bytes in native/engine/catalog.cpp.
const SLOT_BYTES = 36;
const BITS_PER_SLOT = 4;
const GROUP = 8;
const GROUP_BYTES = 5 * GROUP;

/** What databases will have. */
export interface Load {
  databases: number;
  /** Of each. */
  vectors: number;
  dimension: number;
  /** Bytes of JSON that each vector has, on average; 0 for none. */
  metadataBytes: number;
  /** Bytes that a string id has, on average; 0 for numbers. */
  idBytes: number;
  scanColumn: 'int8' | 'none';
}

/** What they will take. */
export interface Estimate {
  vectors: number;
  /** Of one database, while it is open for writing: room for what comes next is reserved. */
  fileBytes: number;
  /** Disk behind its file once it was closed: the room that nothing is in has been given back. */
  closedBytes: number;
  /** Of all of them. */
  totalFileBytes: number;
  /** Bytes of a file ÷ its vectors. */
  bytesPerVector: number;
  /** Tables in memory, while all of them are open. */
  memoryBytes: number;
  /** What a search of one database reads: for speed this much of each should stay in the page cache. */
  scannedBytes: number;
  /** All files after growing once more, and a copy of one that is being compacted. */
  recommendedDiskBytes: number;
}

/**
 * Estimates what databases will take.
 *
 * @param load - what they will have
 * @returns what they will take
 */
export function estimate(load: Load): Estimate {
  const { databases, vectors, dimension } = load;
  const strides = stridesOf(dimension, load.scanColumn === 'int8');
  const heap = heapEntryBytes(load.idBytes, load.metadataBytes);
  const { fileBytes, closedBytes, grownBytes } = grow(strides, vectors, heap);
  return {
    vectors: databases * vectors,
    fileBytes,
    closedBytes,
    totalFileBytes: databases * fileBytes,
    bytesPerVector: vectors === 0 ? 0 : Math.round(fileBytes / vectors),
    memoryBytes: databases * tableBytes(vectors),
    scannedBytes: vectors * (strides.code === 0 ? strides.vector : strides.code),
    recommendedDiskBytes: databases * grownBytes + fileBytes,
  };
}

// As a file grows when vectors come one by one.
function grow(
  strides: Strides,
  vectors: number,
  heap: number,
): Record<'fileBytes' | 'closedBytes' | 'grownBytes', number> {
  let end = EXTENT_ALIGNMENT;
  let closedBytes = HEADS_BYTES;
  let counts = firstExtent(FIRST_SLOTS);
  let left = vectors;
  for (;;) {
    const fileBytes = layOut(strides, end, counts)?.end ?? Infinity;
    const room = heap === 0 ? counts.slots : Math.min(counts.slots, Math.floor(counts.heapBytes / heap));
    const used = Math.min(left, room);
    const parts = [HEADER_PAGE, used * RECORD_BYTES, used * strides.vector, used * strides.code, used * heap];
    for (const part of parts) closedBytes += alignUp(part, PAGE);
    const next = nextExtent(strides, fileBytes, heap);
    if (left <= room || fileBytes === Infinity) {
      return { fileBytes, closedBytes, grownBytes: layOut(strides, fileBytes, next)?.end ?? Infinity };
    }
    left -= room;
    end = fileBytes;
    counts = next;
  }
}

function tableBytes(vectors: number): number {
  const groups = Math.floor(Math.floor((vectors * 8) / 7) / GROUP) + 1;
  const table = 2 ** Math.ceil(Math.log2(groups)) * GROUP_BYTES;
  return table + vectors * SLOT_BYTES + Math.floor((vectors * BITS_PER_SLOT) / 8);
}
