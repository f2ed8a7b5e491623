/**
 * Reads the `.jvdb` files of the old server, which have this package's magic but a layout of their own. They have no
 * checksums: what can be told to be wrong is left out and named, and an id is believed by its hash alone.
 * Threads: no state.
 */
import { describe } from '../../errors.js';
import { shown } from '../../arguments.js';
import { ACTIVE, DELETED, ENTRY_BYTES, entryAt, flagsAt, isLegacy } from './header.js';
import type { LegacyEntry, LegacyHeader } from './header.js';
import { hexOf } from './hash.js';
import { asked, idReader, WITHOUT_ID, type IdReader } from './ids.js';
import { begin, readPieces, type ReadAt } from './reads.js';
import { idsByHash, metadataOf, metricIn, nameIn, type LegacySidecars } from './sidecars.js';
import { indexOf, survey, type Survey } from './survey.js';
import type { DistanceMetric } from '../../types.js';
import type { Format, InBatch, InTable, InvalidRecord, ReadOptions, Source } from '../types.js';

/** Vectors read together, in the order of their places: the longer, the less is read twice. */
const WINDOW_BYTES = 32 << 20;
const WINDOW_ENTRIES = 65_536;
/** Invalid records that make a batch. */
const INVALID_AT_ONCE = 1000;

/** What became of a file's entries; invalid ones are told by the batches. */
export interface LegacyReport {
  /** Given as rows. */
  taken: number;
  /** Marked as deleted. */
  deleted: number;
  /** Not newer than asked for. */
  skipped: number;
  /** Of those taken, such as have no id but `hash:` and 16 digits. */
  withoutId: number;
}

/** A table of the old server's. */
export interface LegacyTable extends InTable {
  /**
   * Once `rows` has ended, the newest timestamp of those taken, at least `newerThan`, but no later than a second
   * before reading began: the next pass takes all that was written meanwhile.
   */
  readonly newest: bigint;
  /** What became of the entries, once `rows` has ended. */
  readonly report: Readonly<LegacyReport>;
}

/** The format, with what lies beside the file. */
export interface LegacyFormat extends Format {
  read(source: Source, options: ReadOptions): AsyncIterable<LegacyTable>;
}

/** How to read the old server's files. */
export interface LegacyOptions {
  /** Only entries with a later timestamp, nanoseconds since 1970; undefined for all. */
  newerThan?: bigint | undefined;
}

/**
 * The format of the old server's files. A table's rows are those of the slots in use, in their order, and the number
 * of a record is that of its slot, from 1. The metadata of a row is what `vector_metadata.json` has for its id:
 * `source`, `owner`, `category`, `status`, and the fields of `_custom` beside them; of those a field whose name is
 * taken stays in `_custom`.
 *
 * @param sidecars - what lies beside the file, from `readSidecars`
 * @param options - see `LegacyOptions`
 * @returns the format
 */
export function legacyFormat(sidecars: LegacySidecars, options: LegacyOptions = {}): LegacyFormat {
  return {
    name: 'legacy-jvdb',
    extensions: ['.jvdb'],
    keepsIds: true,
    recognises: isLegacy,
    async *read(source, how) {
      const { header, readAt } = await begin(source);
      yield new Table(header, readAt, { ...how, ...options, sidecars });
    },
    write: undefined,
  };
}

/** The old server's files without what lies beside them. */
export const legacyJvdb: Format = legacyFormat({ metadata: undefined, vectorMetadata: undefined });

interface How extends ReadOptions, LegacyOptions {
  sidecars: LegacySidecars;
}

/** Entries to be given, and what is wrong with others between them. */
type Item = LegacyEntry | InvalidRecord;

class Table implements LegacyTable {
  readonly name;
  readonly dimension;
  readonly idType = 'string';
  readonly count;
  readonly report: LegacyReport = { taken: 0, deleted: 0, skipped: 0, withoutId: 0 };
  newest: bigint;
  readonly #header: LegacyHeader;
  readonly #readAt: ReadAt;
  readonly #how: How;
  readonly #idsOf: IdReader;

  constructor(header: LegacyHeader, readAt: ReadAt, how: How) {
    this.name = nameIn(how.sidecars);
    this.dimension = header.dimension;
    this.count = Math.min(header.activeCount, header.slots);
    this.newest = how.newerThan ?? 0n;
    this.#header = header;
    this.#readAt = readAt;
    this.#how = how;
    this.#idsOf = idReader(readAt, header, idsByHash(how.sidecars));
  }

  // Only who has no other one is told that it can't be.
  get distanceMetric(): DistanceMetric | undefined {
    return metricIn(this.#how.sidecars);
  }

  async *rows(): AsyncIterable<InBatch> {
    // What is written from now on, or was a moment ago, is for the next pass.
    const latest = BigInt(Date.now() - 1000) * 1_000_000n;
    let newest = this.newest;
    const batchRows = Math.max(1, Math.floor(this.#how.batchBytes / this.#header.vectorBytes));
    for await (const items of this.#windows()) {
      const read = await this.#read(items);
      let made = new Made(read.vectors, this.#header.dimension);
      for (const [i, item] of items.entries()) {
        const reason = 'slot' in item ? this.#add(made, item, read) : item.reason;
        if (reason !== undefined) made.invalid.push({ record: recordOf(item), reason });
        else if ('slot' in item && item.timestamp > newest && item.timestamp <= latest) newest = item.timestamp;
        const isFull = made.ids.length >= batchRows || made.invalid.length >= INVALID_AT_ONCE;
        if (!isFull && i + 1 < items.length) continue;
        yield made.batch(recordOf(item), this.#how.sidecars.vectorMetadata !== undefined);
        made = new Made(read.vectors, this.#header.dimension);
      }
    }
    this.newest = newest;
  }

  // Entries that may be given, and those that may not, some at a time.
  async *#windows(): AsyncIterable<Item[]> {
    const header = this.#header;
    const found = await survey(this.#readAt, header, this.#idsOf);
    const vectors = Math.floor(Math.max(WINDOW_BYTES, this.#how.batchBytes) / header.vectorBytes);
    const most = Math.min(vectors, WINDOW_ENTRIES);
    let items: Item[] = [];
    for await (const { bytes, first, count } of indexOf(this.#readAt, header)) {
      for (let i = 0; i < count; i++) {
        const item = this.#itemAt(bytes, i * ENTRY_BYTES, first + i, found);
        if (item === undefined) continue;
        items.push(item);
        if (items.length < most) continue;
        yield items;
        items = [];
      }
    }
    if (items.length > 0) yield items;
  }

  #itemAt(bytes: Buffer, at: number, slot: number, found: Survey): Item | undefined {
    const flags = flagsAt(bytes, at);
    if (flags === undefined) return undefined;
    if (flags === DELETED) {
      this.report.deleted++;
      return undefined;
    }
    const entry = entryAt(bytes, at, slot);
    if (flags !== ACTIVE) {
      return wrong(entry, `its flags are ${flags}, neither ${ACTIVE} for in use nor ${DELETED} for deleted`);
    }
    const { newerThan, dimension } = this.#how;
    if (newerThan !== undefined && entry.timestamp <= newerThan) {
      this.report.skipped++;
      return undefined;
    }
    if (found.isOutdated(slot)) {
      return wrong(entry, `another entry has its id and is not older than it, of ${entry.timestamp} ns`);
    }
    const misplaced = found.misplaced(entry);
    if (misplaced !== undefined) return wrong(entry, misplaced);
    const has = this.#header.dimension;
    if (dimension !== undefined && dimension !== has)
      return wrong(entry, `its vector has ${has} values, not ${dimension}`);
    return entry;
  }

  async #read(items: readonly Item[]): Promise<Read> {
    const { vectorBytes, size } = this.#header;
    const entries = items.filter((item) => 'slot' in item);
    const ids = await this.#idsOf(entries);
    const offsets = Float64Array.from(entries, (entry) => entry.dataOffset);
    const vectors = await readPieces(this.#readAt, offsets, vectorBytes, size);
    return { ids, vectors: new Float32Array(vectors.buffer), next: 0 };
  }

  // Adds the next of the entries that were read, or tells why not.
  #add(made: Made, entry: LegacyEntry, read: Read): string | undefined {
    const { sidecars, idType, allowNonFinite } = this.#how;
    const { dimension } = this.#header;
    const row = read.next++;
    const text = read.ids[row] ?? '';
    const id = asked(text, idType);
    if (id === undefined) return `its id ${shown(text)} is no integer from 0 to 2^63-1; ids may stay strings`;
    const values = read.vectors.subarray(row * dimension, (row + 1) * dimension);
    const odd = allowNonFinite ? -1 : nonFinite(values);
    if (odd >= 0) return `value ${odd + 1} of the vector of ${shown(text)} is ${values[odd] ?? 0}, not a finite number`;
    let metadata: string | undefined;
    try {
      metadata = metadataOf(sidecars, text);
    } catch (thrown) {
      return `the metadata of ${shown(text)} in vector_metadata.json cannot be taken: ${describe(thrown)}`;
    }
    made.add(row, entry.slot + 1, id, metadata);
    this.report.taken++;
    if (text.startsWith(WITHOUT_ID) && text === WITHOUT_ID + hexOf(entry)) this.report.withoutId++;
    return undefined;
  }
}

/** Vectors and ids of entries, in their order. */
interface Read {
  ids: string[];
  vectors: Float32Array;
  /** The first that isn't in a batch yet. */
  next: number;
}

function nonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

function recordOf(item: Item): number {
  return 'slot' in item ? item.slot + 1 : item.record;
}

function wrong({ slot, low, high }: LegacyEntry, reason: string): InvalidRecord {
  return { record: slot + 1, reason: `the entry of hash ${hexOf({ low, high })}: ${reason}` };
}

/** A batch in the making: rows of what was read. */
class Made {
  readonly ids: (number | bigint | string)[] = [];
  readonly invalid: InvalidRecord[] = [];
  readonly #metadata: (string | undefined)[] = [];
  readonly #records: number[] = [];
  readonly #rows: number[] = [];

  constructor(
    readonly vectors: Float32Array,
    readonly dimension: number,
  ) {}

  add(row: number, record: number, id: number | bigint | string, metadata: string | undefined): void {
    this.#rows.push(row);
    this.#records.push(record);
    this.ids.push(id);
    this.#metadata.push(metadata);
  }

  batch(position: number, withMetadata: boolean): InBatch {
    const { ids, invalid, dimension } = this;
    return {
      ...{ ids, invalid, position, count: ids.length, records: this.#records, vectors: this.#vectors(dimension) },
      metadata: withMetadata ? this.#metadata : undefined,
    };
  }

  // Without a copy, as long as no row between them is left out.
  #vectors(width: number): Float32Array {
    const rows = this.#rows;
    const [first = 0] = rows;
    if ((rows.at(-1) ?? first) - first + 1 <= rows.length) {
      return this.vectors.subarray(first * width, (first + rows.length) * width);
    }
    const copy = new Float32Array(rows.length * width);
    for (const [i, row] of rows.entries()) copy.set(this.vectors.subarray(row * width, (row + 1) * width), i * width);
    return copy;
  }
}
