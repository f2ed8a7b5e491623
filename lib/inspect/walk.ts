/**
 * Follows the journal of a file as recovery does, and goes on behind what is damaged below the durable LSN. Threads:
 * one.
 */
import type { Bytes } from './bytes.js';
import type { Extent, Extents } from './extents.js';
import { RECORD_BYTES } from './geometry.js';
import type { Identity, Superblock, Wrong } from './heads.js';
import { fits, partOf, RecordReader, slotOf, type Payload, type Place, type RawRecord } from './records.js';
import type { Found, RecordPart } from './types.js';

const MOST_EXTENTS = 1000;

/** How a walk is made. */
export interface WalkOptions {
  /** Records that are kept. */
  limit: number;
  /** Whether vectors, codes and heap entries are compared with their checksums. */
  deep: boolean;
  /** Called after each record with the bytes read. */
  step: (bytes: number) => Promise<void> | undefined;
}

/** The walk. */
export class Walk {
  readonly #reader: RecordReader;
  readonly #extents: Extents;
  readonly #identity: Identity | undefined;
  readonly #block: Superblock | undefined;
  readonly #wrong: Wrong;
  readonly #options: WalkOptions;
  readonly #found: Found = {
    ...{ lastLsn: 0, capacity: 0, extentCount: 0, recordCount: 0, putCount: 0, deleteCount: 0, bytes: 0 },
    ...{ droppedRecords: 0, extents: [], records: [] },
  };

  #extent: Extent | undefined;
  // Since the last whole group.
  #entered: Extent[] = [];
  #next: Extent | undefined;
  #index = 0;
  // A record of the extent that isn't zeros.
  #somethingAt = 0;
  #slots = 0;
  #heap = 0;
  #place: Place = { slot: 0, heap: 0 };
  #floorLeft: number;
  #lsn: number;
  #timeUs: number | bigint;
  // What the unfinished group has had so far.
  #group: { records: number; puts: number; bytes: number; parts: RecordPart[]; uses: (() => void)[] };

  /**
   * @param bytes - of the file
   * @param extents - of the file
   * @param identity - what the file is
   * @param superblock - the one that counts
   * @param wrong - told what is wrong
   * @param options - see `WalkOptions`
   */
  constructor(
    bytes: Bytes,
    extents: Extents,
    identity: Identity | undefined,
    superblock: Superblock | undefined,
    wrong: Wrong,
    options: WalkOptions,
  ) {
    this.#reader = new RecordReader(bytes);
    this.#extents = extents;
    this.#identity = identity;
    this.#block = superblock;
    this.#wrong = wrong;
    this.#options = options;
    this.#floorLeft = superblock?.floorRecords ?? 0;
    this.#lsn = this.#floorLeft > 0 ? 0 : (superblock?.floorLsn ?? 0);
    this.#timeUs = this.#lsn > 0 ? (superblock?.floorUs ?? 0) : 0;
    this.#found.lastLsn = this.#lsn;
    this.#group = { records: 0, puts: 0, bytes: 0, parts: [], uses: [] };
  }

  /**
   * Makes it.
   *
   * @returns a promise of what was found
   */
  async run(): Promise<Found> {
    this.#next = this.#extents.next();
    this.#checkFirst();
    this.#enter();
    while (this.#extent !== undefined) {
      if (this.#moveOn()) continue;
      const before = this.#found.bytes + this.#group.bytes;
      if (!this.#take()) break;
      await this.#options.step(this.#found.bytes + this.#group.bytes - before);
    }
    this.#finish();
    return this.#found;
  }

  // Where the header says they are, for other readers.
  #checkFirst(): void {
    const [first, identity] = [this.#next, this.#identity];
    if (first?.number !== 1 || identity === undefined) return;
    const { recordsOffset, vectorsOffset } = first.geometry;
    if (identity.recordsOffset === recordsOffset && identity.vectorsOffset === vectorsOffset) return;
    this.#wrong(20, 'the header names other places for the first records and vectors than the first extent has');
  }

  #enter(): void {
    const extent = this.#next;
    this.#extent = extent;
    if (extent === undefined) return;
    this.#entered.push(extent);
    [this.#index, this.#somethingAt, this.#slots, this.#heap] = [0, 0, 0, 0];
    this.#place = { slot: 0, heap: 0 };
    this.#next = this.#extents.next();
  }

  // Whether the walk has left an extent.
  #moveOn(): boolean {
    const [extent, next] = [this.#extent, this.#next];
    if (extent === undefined) return false;
    const follows = next?.baseLsn === this.#lsn + 1;
    const full = this.#index === extent.records;
    if (!full && !(follows && this.#floorLeft === 0)) return false;
    if (next === undefined || follows || this.#floorLeft > 0 || this.#block === undefined) this.#enter();
    else if (this.#isDurable) this.#jump(next);
    else this.#extent = undefined;
    return true;
  }

  // Over what is missing.
  #jump(next: Extent): void {
    const { number, baseLsn, geometry } = next;
    this.#wrong(
      geometry.offset,
      `extent ${number} begins with LSN ${baseLsn}, but the records before it end at LSN ${this.#lsn}`,
    );
    this.#lsn = Math.max(this.#lsn, baseLsn - 1);
    this.#enter();
  }

  // Whether the next record was once safe.
  get #isDurable(): boolean {
    return this.#floorLeft > 0 || this.#lsn < (this.#block?.durableLsn ?? 0);
  }

  // Whether an extent that the next one can't tell the end of has but zeros from here on.
  #endsHere(extent: Extent): boolean {
    if (this.#floorLeft > 0 || this.#next?.number === extent.number + 1 || this.#index < this.#somethingAt)
      return false;
    for (let index = this.#index; index < extent.records; index++) {
      const record = this.#reader.read(extent.geometry.recordsOffset + index * RECORD_BYTES);
      if (record === undefined) return true;
      if (record.isZero()) continue;
      this.#somethingAt = index;
      return false;
    }
    return true;
  }

  // Whether there is an extent to go on with.
  #leave(): boolean {
    if (this.#next === undefined) return false;
    this.#jump(this.#next);
    return true;
  }

  // The next record; false at the journal's end.
  #take(): boolean {
    const extent = this.#extent;
    if (extent === undefined) return false;
    const offset = extent.geometry.recordsOffset + this.#index * RECORD_BYTES;
    const record = this.#reader.read(offset);
    const isDurable = this.#isDurable;
    if (record === undefined) {
      if (isDurable) this.#wrong(offset, `the file ends before the record at byte ${offset}`);
      return false;
    }
    const objection = this.#objectionTo(record, extent);
    if (objection !== undefined) {
      if (!isDurable) return false;
      if (this.#endsHere(extent)) return this.#leave();
      this.#passOver(record, extent, objection);
      return true;
    }
    const deep = this.#options.deep || !isDurable;
    const payload = deep ? this.#reader.payload(record, extent, this.#identity) : undefined;
    if (payload?.objection !== undefined) {
      if (!isDurable) return false;
      this.#wrong(offset, `the record at byte ${offset} ${payload.objection}`, Number(record.lsn));
    }
    this.#accept(record, extent, payload);
    return true;
  }

  #objectionTo(record: RawRecord, extent: Extent): string | undefined {
    if (!record.isWhole) return 'does not match its checksum';
    const rises = record.lsn > this.#lsn && (this.#block === undefined || record.lsn <= this.#block.floorLsn);
    const inOrder = this.#block === undefined || this.#floorLeft > 0 ? rises : record.lsn === this.#lsn + 1;
    if (!inOrder) return 'has an LSN out of order';
    if (this.#block !== undefined && record.lsn >= this.#block.epochStartLsn && record.epoch !== this.#block.epoch) {
      return 'is left over from before a crash';
    }
    if (!fits(record, extent, this.#identity, this.#place)) {
      return 'points outside its extent, or has values out of range';
    }
    return undefined;
  }

  #passOver(record: RawRecord, extent: Extent, objection: string): void {
    this.#wrong(record.offset, `the record at byte ${record.offset} ${objection}`);
    this.#keep(partOf(record, extent, false, undefined, this.#identity));
    this.#place = { slot: undefined, heap: undefined };
    this.#lsn += this.#floorLeft > 0 ? 0 : 1;
    this.#count(record, false);
    this.#index++;
    this.#endOfGroup();
  }

  #accept(record: RawRecord, extent: Extent, payload: Payload | undefined): void {
    if (record.timeUs <= this.#timeUs) {
      this.#wrong(record.offset, `the record at byte ${record.offset} is dated before the one that it follows`);
    }
    this.#timeUs = record.timeUs;
    this.#lsn = Number(record.lsn);
    this.#keep(partOf(record, extent, true, payload, this.#identity));
    this.#count(record, true, payload);
    this.#index++;
    if (record.put) this.#slots = slotOf(record, extent) + 1;
    if (record.heapBytes > 0) this.#heap = record.heapBegin + record.heapBytes;
    const { slot, heap } = this.#place;
    this.#place = {
      slot: record.put || slot !== undefined ? this.#slots : undefined,
      heap: record.heapBytes > 0 || heap !== undefined ? this.#heap : undefined,
    };
    if (!record.more) this.#endOfGroup();
  }

  #keep(part: RecordPart): void {
    const kept = this.#found.records.length + this.#group.parts.length;
    if (kept < this.#options.limit) this.#group.parts.push(part);
  }

  #count(record: RawRecord, isWhole: boolean, payload?: Payload): void {
    const group = this.#group;
    group.records++;
    group.bytes += RECORD_BYTES + (payload?.bytes ?? 0);
    if (isWhole && record.put) group.puts++;
    if (this.#floorLeft === 1) this.#lsn = this.#block?.floorLsn ?? this.#lsn;
    this.#floorLeft = Math.max(0, this.#floorLeft - 1);
    const [extent, used, slots, heap] = [this.#extent, this.#index + 1, this.#slots, this.#heap];
    if (extent === undefined) return;
    // Of a large group only what the extents have at its end is needed.
    const use = (): void => {
      extent.part.recordsUsed = used;
      extent.part.slotsUsed = Math.max(slots, record.put && isWhole ? slotOf(record, extent) + 1 : 0);
      extent.part.heapUsed = Math.max(heap, isWhole ? record.heapBegin + record.heapBytes : 0);
    };
    if (this.#index > 0 && group.uses.length > 0) group.uses.pop();
    group.uses.push(use);
  }

  #endOfGroup(): void {
    const { records, puts, bytes, parts, uses } = this.#group;
    this.#found.recordCount += records;
    this.#found.putCount += puts;
    this.#found.deleteCount += records - puts;
    this.#found.bytes += bytes;
    for (const part of parts) this.#found.records.push(part); // more than a call takes arguments
    for (const use of uses) use();
    this.#found.lastLsn = this.#lsn;
    this.#group = { records: 0, puts: 0, bytes: 0, parts: [], uses: [] };
    this.#add(this.#entered.splice(0));
  }

  #add(extents: readonly Extent[]): void {
    for (const { slots, part } of extents) {
      this.#found.extentCount++;
      this.#found.capacity += slots;
      if (this.#found.extents.length < MOST_EXTENTS) this.#found.extents.push(part);
    }
  }

  #finish(): void {
    this.#found.droppedRecords = this.#group.records;
    const counted = this.#block?.extentCount ?? 1;
    this.#add(this.#entered.filter(({ number }) => number <= counted));
    if (this.#next !== undefined && this.#next.number <= counted) {
      this.#wrong(
        this.#next.geometry.offset,
        `no record leads to extent ${this.#next.number}, which the superblock counts`,
      );
    }
    const durable = this.#block?.durableLsn ?? 0;
    if (this.#floorLeft === 0 && this.#found.lastLsn >= durable) return;
    const at = this.#extent === undefined ? 0 : this.#extent.geometry.recordsOffset + this.#index * RECORD_BYTES;
    this.#wrong(
      at,
      `all operations up to LSN ${durable} were once safe, but the records end at LSN ${this.#found.lastLsn}`,
    );
  }
}
