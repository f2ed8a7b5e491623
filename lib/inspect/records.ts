/** Reads one record and what it leads to. Threads: no state. */
import { crc32c } from './crc32c.js';
import { Window, type Bytes } from './bytes.js';
import type { Extent } from './extents.js';
import { HEAP_UNIT, heapEntryBytes, RECORD_BYTES } from './geometry.js';
import type { Identity } from './heads.js';
import type { PartStatus, RecordPart, Whole } from './types.js';
import { timeOf, u32, u64, viewOf } from './values.js';

const MORE = 0x100;
const MAX_ID = 2n ** 63n - 1n;
const MAX_ID_BYTES = 1024;
const MAX_METADATA_BYTES = 2 ** 20;

/** A record, as it is in the file. */
export interface RawRecord {
  offset: number;
  view: DataView;
  isWhole: boolean;
  isZero: () => boolean;
  put: boolean;
  more: boolean;
  lsn: Whole;
  timeUs: Whole;
  epoch: number;
  vectorOffset: Whole;
  heapBegin: number;
  heapBytes: number;
}

/** How the vector, code and heap entry of a record are. */
export interface Payload {
  vector: PartStatus | undefined;
  code: PartStatus | undefined;
  heap: PartStatus | undefined;
  /** What is wrong first; undefined where nothing is. */
  objection: string | undefined;
  id: string | undefined;
  metadataBytes: number;
  bytes: number;
}

/** Where the next record's slot and heap entry must be; undefined behind a damaged record, which doesn't say. */
export interface Place {
  slot: number | undefined;
  heap: number | undefined;
}

/** Reads them. */
export class RecordReader {
  readonly #records: Window;
  readonly #vectors: Window;
  readonly #codes: Window;
  readonly #heap: Window;

  /**
   * @param bytes - of the file
   */
  constructor(bytes: Bytes) {
    this.#records = new Window(bytes);
    this.#vectors = new Window(bytes);
    this.#codes = new Window(bytes);
    this.#heap = new Window(bytes);
  }

  /**
   * A record, valid until the next call.
   *
   * @param offset - of it in the file
   * @returns it; undefined where the file ends
   */
  read(offset: number): RawRecord | undefined {
    const bytes = this.#records.at(offset, RECORD_BYTES);
    if (bytes === undefined) return undefined;
    const view = viewOf(bytes);
    const flags = u32(view, 20);
    return {
      offset,
      view,
      isWhole: crc32c(bytes.subarray(0, 92)) === u32(view, 92),
      isZero: () => bytes.every((byte) => byte === 0),
      put: (flags & 0xff) === 1,
      more: (flags & MORE) !== 0,
      lsn: u64(view, 32),
      timeUs: u64(view, 40),
      epoch: u32(view, 48),
      vectorOffset: u64(view, 8),
      heapBegin: u32(view, 24) * HEAP_UNIT,
      heapBytes: u32(view, 28) * HEAP_UNIT,
    };
  }

  /**
   * Compares what a record leads to with its checksums.
   *
   * @param record - the record, whose places are right
   * @param extent - that it is in
   * @param identity - of the file
   * @returns how it is
   */
  payload(record: RawRecord, extent: Extent, identity: Identity | undefined): Payload {
    const out: Payload = {
      ...{ vector: undefined, code: undefined, heap: undefined, objection: undefined, id: undefined },
      ...{ metadataBytes: 0, bytes: 0 },
    };
    if (record.heapBytes > 0) this.#readHeap(record, extent, identity, out);
    if (!record.put) return out;
    const { view } = record;
    const [size, vectorAt] = [u32(view, 16), Number(record.vectorOffset)];
    out.vector = statusOf(this.#vectors.crcOf(vectorAt, size), u32(view, 52));
    if (out.vector !== 'whole') out.objection ??= "has a vector that doesn't match its checksum";
    out.bytes += size;
    const { geometry, strides } = extent;
    if (strides.code === 0) return out;
    const slot = (vectorAt - geometry.vectorsOffset) / strides.vector;
    out.code = statusOf(this.#codes.crcOf(geometry.codesOffset + slot * strides.code, strides.code), u32(view, 68));
    if (out.code !== 'whole') out.objection ??= "has a code that doesn't match its checksum";
    out.bytes += strides.code;
    return out;
  }

  #readHeap(record: RawRecord, extent: Extent, identity: Identity | undefined, out: Payload): void {
    const at = extent.geometry.heapOffset + record.heapBegin;
    out.heap = statusOf(this.#heap.crcOf(at, record.heapBytes), u32(record.view, 80));
    out.bytes += record.heapBytes;
    if (out.heap !== 'whole') {
      out.objection = "has an id or metadata that don't match their checksum";
      return;
    }
    const prefix = this.#heap.at(at, HEAP_UNIT);
    const idBytes = prefix === undefined ? 0 : u32(viewOf(prefix), 0);
    const metadataBytes = prefix === undefined ? 0 : u32(viewOf(prefix), 4);
    const sound =
      (identity === undefined || (idBytes !== 0) === (identity.idType === 'string')) &&
      idBytes <= MAX_ID_BYTES &&
      metadataBytes <= MAX_METADATA_BYTES &&
      heapEntryBytes(idBytes, metadataBytes) === record.heapBytes;
    if (!sound) {
      out.heap = 'damaged';
      out.objection = 'has an id or metadata that contradict their own length';
      return;
    }
    out.metadataBytes = metadataBytes;
    if (idBytes > 0) out.id = Buffer.from(this.#heap.at(at + HEAP_UNIT, idBytes) ?? []).toString('utf8');
  }
}

function statusOf(found: number | undefined, expected: number): PartStatus {
  if (found === undefined) return 'missing';
  return found === expected ? 'whole' : 'damaged';
}

/**
 * Whether the values of a record are such as an engine writes.
 *
 * @param record - of which
 * @param extent - that it is in
 * @param identity - of the file; undefined where nothing says what it is
 * @param place - where its slot and heap entry must be
 * @returns whether they are
 */
export function fits(record: RawRecord, extent: Extent, identity: Identity | undefined, place: Place): boolean {
  const { view, heapBegin, heapBytes } = record;
  const heap = place.heap ?? Math.min(heapBegin, extent.heapBytes);
  const heapFits = heapBytes === 0 ? heapBegin === 0 : heapBegin === heap && heapBytes <= extent.heapBytes - heap;
  const isNumber = identity?.idType !== 'string';
  const idFits = isNumber ? identity === undefined || u64(view, 0) <= MAX_ID : heapBytes !== 0;
  if (!heapFits || !idFits || record.timeUs > MAX_ID) return false;
  const [operation, size] = [u32(view, 20) & 0xff, u32(view, 16)];
  if (operation === 2) return record.vectorOffset === 0 && size === 0;
  const slot = place.slot ?? slotOf(record, extent);
  const vectorFits =
    identity === undefined ? size > 0 && size <= extent.strides.vector : size === identity.dimension * 4;
  const offset = extent.geometry.vectorsOffset + slot * extent.strides.vector;
  return operation === 1 && slot < extent.slots && vectorFits && record.vectorOffset === offset;
}

/**
 * The slot that a put says it is in.
 *
 * @param record - the put
 * @param extent - that it is in
 * @returns it; not whole, or outside, where it is wrong
 */
export function slotOf(record: RawRecord, extent: Extent): number {
  const slot = (Number(record.vectorOffset) - extent.geometry.vectorsOffset) / extent.strides.vector;
  return Number.isInteger(slot) && slot >= 0 ? slot : extent.slots;
}

/**
 * A record for the report.
 *
 * @param record - of which
 * @param extent - that it is in
 * @param isCounted - false for one that is damaged: it says no more than where it is
 * @param payload - what it leads to, where that was read
 * @param identity - of the file
 * @returns it
 */
export function partOf(
  record: RawRecord,
  extent: Extent,
  isCounted: boolean,
  payload: Payload | undefined,
  identity: Identity | undefined,
): RecordPart {
  const { offset, view, put, more, lsn } = record;
  if (!isCounted) return { offset, status: 'damaged', extent: extent.number };
  return {
    offset,
    status: 'whole',
    extent: extent.number,
    operation: put ? 'put' : 'delete',
    lsn,
    id: payload?.id ?? (identity?.idType === 'string' ? `hash ${u64(view, 0).toString(16)}` : u64(view, 0)),
    time: timeOf(record.timeUs),
    ...(put ? putValues(record) : {}),
    more,
    ...(record.heapBytes > 0 ? { heapOffset: extent.geometry.heapOffset + record.heapBegin } : {}),
    heapBytes: record.heapBytes,
    metadataBytes: payload?.metadataBytes ?? 0,
    vector: payload?.vector,
    code: payload?.code,
    heap: payload?.heap,
  };
}

function putValues({ view, vectorOffset }: RawRecord): Partial<RecordPart> {
  return {
    createdAt: timeOf(u64(view, 72)),
    vectorOffset,
    norm: view.getFloat32(56, true),
    codeScale: view.getFloat32(60, true),
    codeError: view.getFloat32(64, true),
  };
}
