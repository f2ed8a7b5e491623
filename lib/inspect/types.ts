/** What an inspection tells of a file. */
import type { VerifyError } from '../upkeep-types.js';

/** How a part is: as it was written, other than that, not there, or of something else. */
export type PartStatus = 'whole' | 'damaged' | 'missing' | 'foreign' | 'other version' | 'never written';

/** A number from the file: a bigint where it is above 2^53-1. */
export type Whole = number | bigint;

/** Header and identity, or the copy of both; without values where it can't be told what they are. */
export interface HeaderPart {
  offset: number;
  status: PartStatus;
  version?: number;
  /** 'increment': of a backup, no database. */
  kind?: 'database' | 'increment';
  databaseId?: string;
  dimension?: number;
  metric?: string;
  idType?: string;
  scanColumn?: 'int8' | 'none';
  allowNonFinite?: boolean;
  createdAt?: string;
  /** As of the last closing in order. */
  vectorCount?: Whole;
}

/** A superblock. */
export interface SuperblockPart {
  offset: number;
  status: PartStatus;
  /** Whether it is the one that counts: the newer one that is whole. */
  used: boolean;
  generation?: Whole;
  durableLsn?: Whole;
  durableAt?: string;
  epoch?: number;
  epochStartLsn?: Whole;
  extentCount?: number;
  vectorCount?: Whole;
  deadCount?: Whole;
  historyFloorLsn?: Whole;
  floorRecords?: Whole;
  /** Whether the file was closed in order. */
  clean?: boolean;
}

/** An extent. */
export interface ExtentPart {
  offset: number;
  /** Of the header; the records, vectors, codes and heap entries are in `errors`. */
  status: PartStatus;
  number?: number;
  baseLsn?: Whole;
  epoch?: number;
  /** Bytes of all of it. */
  length?: number;
  records?: number;
  recordsUsed?: number;
  slots?: number;
  slotsUsed?: number;
  heapBytes?: number;
  heapUsed?: number;
  recordsOffset?: number;
  vectorsOffset?: number;
  codesOffset?: number;
  heapOffset?: number;
}

/** A record. */
export interface RecordPart {
  offset: number;
  status: PartStatus;
  extent: number;
  operation?: 'put' | 'delete';
  lsn?: Whole;
  /** The int64 id, the text, or the hash of a text that is damaged. */
  id?: Whole | string;
  time?: string;
  createdAt?: string;
  /** Whether the next record belongs to the same group. */
  more?: boolean;
  vectorOffset?: Whole;
  norm?: number;
  codeScale?: number;
  codeError?: number;
  heapOffset?: number;
  heapBytes?: number;
  metadataBytes?: number;
  /** How what it leads to is; undefined where there is none, or it wasn't read. */
  vector?: PartStatus | undefined;
  code?: PartStatus | undefined;
  heap?: PartStatus | undefined;
}

/** What following the journal found, up to the last whole group. */
export interface Found {
  /** LSN of the last whole operation. */
  lastLsn: number;
  /** Vectors that all extents have room for. */
  capacity: number;
  extentCount: number;
  recordCount: number;
  putCount: number;
  deleteCount: number;
  /** Bytes that were compared with checksums. */
  bytes: number;
  /** Operations of an unfinished group at the end, which don't count. */
  droppedRecords: number;
  /** The first thousand. */
  extents: ExtentPart[];
  /** As many as were asked for. */
  records: RecordPart[];
}

/** What there is in a file. */
export interface Inspection extends Found {
  path: string;
  /** Whether nothing is wrong. */
  ok: boolean;
  fileBytes: number;
  /** Figures as of the last flush, from the superblock. */
  vectorCount: Whole | undefined;
  deadCount: Whole | undefined;
  durableLsn: Whole | undefined;
  headers: HeaderPart[];
  superblocks: SuperblockPart[];
  errorCount: number;
  /** The first hundred. */
  errors: VerifyError[];
}
