/** What a file begins with: the header and its copy, the superblocks. Threads: no state. */
import { FileBytes, type Bytes } from './bytes.js';
import { crc32c } from './crc32c.js';
import { EXTENT_ALIGNMENT, stridesOf, type Strides } from './geometry.js';
import type { HeaderPart, PartStatus, SuperblockPart, Whole } from './types.js';
import { areEqual, hexOf, timeOf, u32, u64, viewOf } from './values.js';

const MAGIC = 0x4a564442;
const VERSION = 1;
const INCREMENT = 1;
const HEAD_BYTES = 512;
const COPY_OFFSET = 12_288;
const SUPERBLOCK_BYTES = 128;
const SUPERBLOCK_OFFSETS = [4096, 8192];
const MAX_DIMENSION = 65_536;
const MAX_LSN = Number.MAX_SAFE_INTEGER;
const MAX_TIME = 2n ** 63n - 1n;
const METRICS = ['cosine', 'dot', 'euclidean'];
const ID_TYPES = ['int64', 'string'];

/** Tells what is wrong, and where. */
export type Wrong = (offset: number, message: string, lsn?: number) => void;

/** What a file is, by its header. */
export interface Identity {
  databaseId: Uint8Array;
  dimension: number;
  strides: Strides;
  idType: 'int64' | 'string';
  createdUs: Whole;
  /** Where the header says that the first extent's records and vectors are. */
  recordsOffset: Whole;
  vectorsOffset: Whole;
}

/** The superblock that counts. */
export interface Superblock {
  durableLsn: number;
  epochStartLsn: Whole;
  epoch: number;
  extentCount: number;
  floorLsn: number;
  floorRecords: number;
  floorUs: Whole;
  vectorCount: Whole;
  deadCount: Whole;
}

/**
 * Reads header and copy.
 *
 * @param bytes - of the file
 * @param wrong - told what is wrong
 * @returns both, and what the file is; undefined where neither can say
 */
export function readHeaders(bytes: Bytes, wrong: Wrong): { parts: HeaderPart[]; identity: Identity | undefined } {
  const heads = [0, COPY_OFFSET].map((offset) => readHead(bytes, offset));
  const [first, copy] = heads;
  const used = heads.find(({ part }) => part.status === 'whole');
  if (first !== used) {
    const why = used === undefined ? 'so is its copy, and nothing says what the file is' : 'the copy of it is used';
    wrong(0, `the header is ${saying(first?.part.status)}; ${why}`);
  }
  if (used !== undefined && copy !== undefined && copy.part.status !== 'whole') {
    wrong(COPY_OFFSET, `the copy of the header is ${saying(copy.part.status)}`);
  }
  // Another database's header would be whole too.
  if (first === used && copy?.part.status === 'whole' && copy.part.databaseId !== first?.part.databaseId) {
    wrong(COPY_OFFSET, 'the copy of the header is of another database');
  }
  const parts = heads.map(({ part }) => part);
  if (used === undefined) return { parts, identity: undefined };
  return { parts, identity: identityOf(used.view, wrong) };
}

/**
 * The header of a file.
 *
 * @param path - of the file
 * @returns it, or its copy; undefined where neither is whole
 * @throws JvdbError `JVDB_NOT_FOUND` where there is none, `JVDB_IO` where it can't be read
 */
export function headerOf(path: string): HeaderPart | undefined {
  using bytes = new FileBytes(path);
  return readHeaders(bytes, () => undefined).parts.find(({ status }) => status === 'whole');
}

const saying = (status: PartStatus | undefined): string =>
  status === 'foreign' ? 'none of a database' : status === 'other version' ? 'of another version' : (status ?? '');

function readHead(bytes: Bytes, offset: number): { part: HeaderPart; view: DataView } {
  const head = new Uint8Array(HEAD_BYTES);
  const count = bytes.read(head, offset);
  const view = viewOf(head);
  const status = count < HEAD_BYTES ? 'missing' : headStatus(head, view);
  const part: HeaderPart = { offset, status };
  if (status === 'missing' || status === 'foreign') return { part, view };
  part.version = u32(view, 4);
  if (status !== 'other version') Object.assign(part, valuesOf(head, view));
  return { part, view };
}

function headStatus(head: Uint8Array, view: DataView): PartStatus {
  if (u32(view, 0) !== MAGIC) return 'foreign';
  const checksum = crc32c(head.subarray(64), crc32c(head.subarray(20, 60), crc32c(head.subarray(0, 12))));
  const version = u32(view, 4) === VERSION;
  if (checksum === u32(view, 60)) return version ? 'whole' : 'other version';
  return version ? 'damaged' : 'other version';
}

function valuesOf(head: Uint8Array, view: DataView): Partial<HeaderPart> {
  const named = (names: readonly string[], at: number): string => names[u32(view, at)] ?? `${u32(view, at)}`;
  return {
    kind: u32(view, 56) === INCREMENT ? 'increment' : 'database',
    databaseId: hexOf(head.subarray(36, 52)),
    dimension: u32(view, 8),
    metric: named(METRICS, 64),
    idType: named(ID_TYPES, 68),
    scanColumn: u32(view, 96) === 2 ? 'int8' : 'none',
    allowNonFinite: u32(view, 76) !== 0,
    createdAt: timeOf(u64(view, 80)),
    vectorCount: u64(view, 12),
  };
}

function identityOf(view: DataView, wrong: Wrong): Identity | undefined {
  const features = u32(view, 56);
  if (features !== 0 && features !== INCREMENT) wrong(56, `it uses features (bits ${features}) of a later release`);
  const dimension = u32(view, 8);
  const columns = u32(view, 96);
  const known =
    dimension >= 1 &&
    dimension <= MAX_DIMENSION &&
    u32(view, 64) <= 2 &&
    u32(view, 68) <= 1 &&
    u32(view, 72) <= 1 &&
    u32(view, 76) <= 1 &&
    columns >= 1 &&
    columns <= 2;
  if (!known) {
    wrong(64, 'its identity has values out of range');
    return undefined;
  }
  const strides = stridesOf(dimension, columns === 2);
  const isColumn = (at: number, kind: number, stride: number): boolean =>
    u32(view, at) === kind && u32(view, at + 4) === stride;
  if (!isColumn(104, 1, strides.vector) || (columns === 2 && !isColumn(112, 2, strides.code))) {
    wrong(104, 'its columns do not fit its dimension');
    return undefined;
  }
  return {
    databaseId: new Uint8Array(view.buffer, 36, 16),
    dimension,
    strides,
    idType: u32(view, 68) === 0 ? 'int64' : 'string',
    createdUs: u64(view, 80),
    recordsOffset: u64(view, 20),
    vectorsOffset: u64(view, 28),
  };
}

/**
 * Reads the superblocks.
 *
 * @param bytes - of the file
 * @param wrong - told what is wrong
 * @returns both, and what the one says that counts; undefined where none does
 */
export function readSuperblocks(
  bytes: Bytes,
  wrong: Wrong,
): { parts: SuperblockPart[]; superblock: Superblock | undefined } {
  const blocks = SUPERBLOCK_OFFSETS.map((offset) => readBlock(bytes, offset));
  const whole = blocks.filter(({ part }) => part.status === 'whole');
  const newest = whole.toSorted((a, b) => ((a.part.generation ?? 0) > (b.part.generation ?? 0) ? -1 : 1))[0];
  for (const { part } of blocks) {
    if (part.status === 'damaged' || part.status === 'missing') {
      wrong(part.offset, `a superblock is ${part.status}${newest === undefined ? '' : '; the other one is used'}`);
    }
  }
  const parts = blocks.map(({ part }) => part);
  if (newest === undefined) return { parts, superblock: undefined };
  newest.part.used = true;
  return { parts, superblock: superblockOf(newest, bytes.size(), wrong) };
}

interface Block {
  part: SuperblockPart;
  view: DataView;
}

function readBlock(bytes: Bytes, offset: number): Block {
  const block = new Uint8Array(SUPERBLOCK_BYTES);
  const count = bytes.read(block, offset);
  const view = viewOf(block);
  const part: SuperblockPart = { offset, status: count < SUPERBLOCK_BYTES ? 'missing' : 'damaged', used: false };
  if (part.status === 'missing') return { part, view };
  if (crc32c(block.subarray(0, 124)) !== u32(view, 124)) {
    // A new file's second one.
    const isNew = offset === SUPERBLOCK_OFFSETS[1] && areEqual(block, new Uint8Array(SUPERBLOCK_BYTES));
    if (isNew) part.status = 'never written';
    return { part, view };
  }
  Object.assign(part, {
    status: 'whole',
    generation: u64(view, 0),
    durableLsn: u64(view, 8),
    durableAt: timeOf(u64(view, 64)),
    epoch: u32(view, 24),
    epochStartLsn: u64(view, 16),
    extentCount: u32(view, 28),
    vectorCount: u64(view, 32),
    deadCount: u64(view, 40),
    historyFloorLsn: u64(view, 48),
    floorRecords: u64(view, 56),
    clean: view.getUint8(72) === 1,
  } satisfies Partial<SuperblockPart>);
  return { part, view };
}

function superblockOf({ part, view }: Block, fileBytes: number, wrong: Wrong): Superblock | undefined {
  const [durable, floor, floorRecords] = [u64(view, 8), u64(view, 48), u64(view, 56)];
  const sound =
    u64(view, 0) <= MAX_TIME &&
    durable <= MAX_LSN &&
    u32(view, 24) !== 0 &&
    u64(view, 16) <= Number(durable) + 1 &&
    floor <= durable &&
    floorRecords <= floor &&
    u64(view, 80) <= MAX_TIME &&
    u32(view, 28) >= 1 &&
    u32(view, 28) <= fileBytes / EXTENT_ALIGNMENT;
  if (!sound) {
    wrong(part.offset, "the superblock contradicts itself or the file's size");
    return undefined;
  }
  return {
    durableLsn: Number(durable),
    epochStartLsn: u64(view, 16),
    epoch: u32(view, 24),
    extentCount: u32(view, 28),
    floorLsn: Number(floor),
    floorRecords: Number(floorRecords),
    floorUs: u64(view, 80),
    vectorCount: u64(view, 32),
    deadCount: u64(view, 40),
  };
}
