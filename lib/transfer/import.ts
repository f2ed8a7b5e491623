/** Vectors from files of other formats into a store. Threads: as the store's. */
import { checkKeys, flag, integer, invalid, shown } from '../arguments.js';
import { JvdbError } from '../errors.js';
import { formatNamed, recognise, type FormatName } from '../formats/recognise.js';
import { openSource, type ImportSource, type OpenSource } from '../formats/source.js';
import type { Format, InBatch, InTable, InvalidRecord } from '../formats/types.js';
import type { MemoryMappedVectorStore } from '../store.js';
import { Checkpoint, identityOf } from './checkpoint.js';
import { targetOf, type NamedDatabase, type Target } from './target.js';
import { Teller } from './teller.js';
import type { ImportOptions, ImportReport } from './types.js';

const BATCH_BYTES = 4 << 20;
const CHECKPOINT_MS = 5000;
const SHOWN_RECORDS = 3;
const KEYS = [
  'format',
  'signal',
  'onProgress',
  'batchSize',
  'firstId',
  'table',
  'skipInvalid',
  'onInvalid',
  'checkpoint',
];

/**
 * Imports vectors, off the event loop as far as storing goes. Memory is bounded by a few batches. Each
 * batch is one change: an import that ends early leaves whole batches, and importing again replaces the
 * same ids.
 *
 * @param store - a store, or a database by name: it must exist
 * @param source - a path, '-' for standard input, a stream of bytes, or bytes; gzip is unzipped
 * @param options - see `ImportOptions`
 * @returns a promise of what was done
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where the source can't be read as the format, or a record can't;
 *   `JVDB_DIMENSION_MISMATCH`; `JVDB_NOT_FOUND` where there is no such file or table; `JVDB_CONFLICT` where
 *   the checkpoint is of another source; and what storing throws
 */
export async function importVectors(
  store: MemoryMappedVectorStore<object> | NamedDatabase,
  source: ImportSource,
  options: ImportOptions = {},
): Promise<ImportReport> {
  checkOptions(options);
  const target = targetOf(store);
  options.signal?.throwIfAborted();
  await using opened = await openSource(source);
  const format = options.format === undefined ? await recognise(opened) : formatNamed(options.format);
  return await new Import(target, opened, format, options).run();
}

function checkOptions(options: ImportOptions): void {
  checkKeys(options, KEYS, 'options of importVectors');
  flag(options.skipInvalid, 'skipInvalid');
  if (options.batchSize !== undefined) integer(options.batchSize, 1, 1_000_000, 'batchSize');
  if (options.firstId !== undefined) integer(options.firstId, 0, Number.MAX_SAFE_INTEGER, 'firstId');
  for (const name of ['table', 'checkpoint'] as const) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'string')
      throw invalid(`${name} must be a string, not ${shown(value)}`);
  }
  if (options.onInvalid !== undefined && typeof options.onInvalid !== 'function') {
    throw invalid(`onInvalid must be a function, not ${shown(options.onInvalid)}`);
  }
}

class Import {
  readonly #target: Target;
  readonly #source: OpenSource;
  readonly #format: Format;
  readonly #options: ImportOptions;
  readonly #teller: Teller;
  readonly #began = performance.now();
  #checkpoint: Checkpoint | undefined;
  #keptAt = this.#began;
  #resumedAt = 0;
  /** Records read, and those of them that are stored. */
  #position = 0;
  #storedTo = 0;
  #totalRecords = 0;
  #stored = 0;
  #invalid = 0;
  /** The batch that is being stored while the next one is read. */
  #storing: Promise<void> | undefined;

  constructor(target: Target, source: OpenSource, format: Format, options: ImportOptions) {
    this.#target = target;
    this.#source = source;
    this.#format = format;
    this.#options = options;
    this.#teller = new Teller(options, () => ({
      doneBytes: source.doneBytes,
      totalBytes: source.totalBytes ?? 0,
      records: this.#position,
      totalRecords: this.#totalRecords,
    }));
  }

  async run(): Promise<ImportReport> {
    const { checkpoint, table } = this.#options;
    if (checkpoint !== undefined) {
      const how = [this.#format.name, table, this.#options.firstId, this.#target.dimension, this.#target.idType];
      this.#checkpoint = new Checkpoint(checkpoint, await identityOf(this.#source, how));
      this.#resumedAt = await this.#checkpoint.load();
    }
    this.#teller.tell();
    try {
      await this.#tables();
      await this.#settle();
    } catch (thrown) {
      await this.#settle().catch(() => undefined); // the first error is the one to tell
      await this.#keep().catch(() => undefined);
      throw thrown;
    }
    await this.#target.flush();
    await this.#checkpoint?.remove();
    this.#teller.tell();
    return {
      format: this.#format.name as FormatName,
      records: this.#position - this.#resumedAt,
      stored: this.#stored,
      invalid: this.#invalid,
      resumedAt: this.#resumedAt,
      bytes: this.#source.doneBytes,
      durationMs: performance.now() - this.#began,
    };
  }

  async #tables(): Promise<void> {
    const { dimension, idType, allowNonFinite } = this.#target;
    const { table: wanted } = this.#options;
    const how = { dimension, idType, allowNonFinite, batchBytes: this.#batchBytes() };
    const names: (string | undefined)[] = [];
    let met = false;
    for await (const table of this.#format.read(this.#source, how)) {
      names.push(table.name);
      const isWanted = wanted === undefined || table.name === wanted;
      if (isWanted && met) throw this.#several(names);
      met ||= isWanted;
      if (isWanted) await this.#rows(table);
      else await this.#passOver(table);
    }
    if (!met && wanted !== undefined) {
      const there = names.map((name) => shown(name ?? '')).join(', ');
      throw new JvdbError(
        'JVDB_NOT_FOUND',
        `${this.#source.name} has no table ${shown(wanted)}, but ${there || 'none'}`,
      );
    }
  }

  async #passOver(table: InTable): Promise<void> {
    const rows = table.rows()[Symbol.asyncIterator]();
    while ((await rows.next()).done !== true) this.#teller.step();
  }

  #several(names: readonly (string | undefined)[]): JvdbError {
    return invalid(
      `${this.#source.name} holds several databases (${names.map((name) => shown(name ?? '')).join(', ')}, …), and the ` +
        `first was imported: ${this.#position} records; say which one by the option table`,
    );
  }

  #batchBytes(): number {
    const { batchSize } = this.#options;
    return batchSize === undefined ? BATCH_BYTES : batchSize * this.#target.dimension * 4;
  }

  async #rows(table: InTable): Promise<void> {
    if (table.dimension !== undefined && table.dimension !== this.#target.dimension) {
      throw new JvdbError(
        'JVDB_DIMENSION_MISMATCH',
        `${this.#source.name} has vectors of dimension ${table.dimension}, the store of ${this.#target.dimension}`,
      );
    }
    this.#totalRecords = table.count ?? 0;
    for await (const batch of table.rows()) {
      this.#teller.step();
      const before = Math.max(this.#position, this.#resumedAt);
      this.#position = batch.position;
      this.#report(
        batch.invalid.filter(({ record }) => record > this.#resumedAt),
        before,
      );
      const first = firstAfter(batch, this.#resumedAt);
      if (first < batch.count) await this.#store(batch, first);
    }
    // What was read before, and is not there any more.
    if (this.#position < this.#resumedAt) {
      throw new JvdbError(
        'JVDB_CONFLICT',
        `${this.#source.name} has ${this.#position} records, but an earlier import had read ${this.#resumedAt}`,
      );
    }
  }

  #report(records: readonly InvalidRecord[], before: number): void {
    if (records.length === 0) return;
    if (this.#options.skipInvalid !== true) {
      const said = records.slice(0, SHOWN_RECORDS).map((one) => describeRecord(this.#source.name, one));
      const more = records.length > SHOWN_RECORDS ? ` (and ${records.length - SHOWN_RECORDS} more near by)` : '';
      const stored = before === 0 ? 'nothing was imported' : `the first ${before} records were imported`;
      throw invalid(`${said.join('; ')}${more}; ${stored}; skipInvalid passes over such records`);
    }
    this.#invalid += records.length;
    for (const record of records) this.#options.onInvalid?.(record);
  }

  // Begins to store the rows from `first` on, once those before are stored.
  async #store(batch: InBatch, first: number): Promise<void> {
    const { dimension } = this.#target;
    const most = this.#options.batchSize ?? batch.count;
    for (let from = first; from < batch.count; from += most) {
      const to = Math.min(from + most, batch.count);
      await this.#settle();
      const position = to === batch.count ? batch.position : recordOf(batch, to - 1);
      const storing = this.#target.store(
        this.#idsOf(batch, from, to),
        batch.vectors.subarray(from * dimension, to * dimension),
        batch.metadata?.slice(from, to),
      );
      this.#storing = storing.then(async () => {
        this.#stored += to - from;
        this.#storedTo = position;
        if (performance.now() - this.#keptAt >= CHECKPOINT_MS) await this.#keep();
      });
      this.#storing.catch(() => undefined); // seen by #settle
    }
  }

  async #settle(): Promise<void> {
    const storing = this.#storing;
    this.#storing = undefined;
    await storing;
  }

  #idsOf(batch: InBatch, from: number, to: number): Float64Array | (number | bigint | string)[] {
    if (batch.ids !== undefined) return batch.ids.slice(from, to);
    const first = this.#options.firstId ?? 0;
    const numbers = Float64Array.from({ length: to - from }, (_, i) => first + recordOf(batch, from + i) - 1);
    return this.#target.idType === 'int64' ? numbers : Array.from(numbers, String);
  }

  // Keeps in the checkpoint what is stored.
  async #keep(): Promise<void> {
    if (this.#checkpoint === undefined || this.#storedTo <= this.#resumedAt) return;
    await this.#target.flush();
    await this.#checkpoint.save(this.#storedTo);
    this.#keptAt = performance.now();
  }
}

// Which record a row of a batch is, from 1.
const recordOf = (batch: InBatch, row: number): number =>
  batch.records?.[row] ?? batch.position - batch.count + row + 1;

// The first row of a batch that comes after a record.
function firstAfter(batch: InBatch, record: number): number {
  let row = 0;
  while (row < batch.count && recordOf(batch, row) <= record) row++;
  return row;
}

/**
 * An invalid record as a line of text: `words.csv:17:5: …`.
 *
 * @param name - of the source
 * @param record - what is invalid
 * @returns the line
 */
export function describeRecord(name: string, record: InvalidRecord): string {
  const { line, column, reason } = record;
  const where =
    line === undefined ? `: record ${record.record}` : `:${line}${column === undefined ? '' : `:${column}`}`;
  return `${name}${where}: ${reason}`;
}
