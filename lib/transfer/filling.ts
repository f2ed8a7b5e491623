/**
 * The rows of one table into one store: stores a batch while the next one is read, numbers what has no ids,
 * passes over what is invalid or was stored before. Threads: as the store's.
 */
import { invalid } from '../arguments.js';
import { describe, JvdbError } from '../errors.js';
import type { InBatch, InvalidRecord } from '../formats/types.js';
import { IdReader } from '../formats/values.js';
import type { Checkpoint } from './checkpoint.js';
import { checkDimension, type Target } from './target.js';
import type { IdType } from '../types.js';
import type { RecordOptions } from './types.js';

const CHECKPOINT_MS = 5000;
// So much is flushed at once while more is stored; else the disk would begin at the end.
const FLUSH_BYTES = 32 << 20;
const SHOWN_RECORDS = 3;

/** Where an import goes on. */
export interface Resumption {
  /** Keeps how far it has come. */
  file: Checkpoint;
  /** Records that are stored already. */
  records: number;
}

/** One table on its way into a store. */
export class Filling {
  /** Records read. */
  position = 0;
  /** Vectors stored. */
  stored = 0;
  /** Records passed over. */
  invalid = 0;
  /** Records that an earlier import had read. */
  readonly resumedAt: number;
  readonly #source: string;
  readonly #before: string;
  #target: Target | undefined;
  readonly #options: RecordOptions;
  readonly #checkpoint: Checkpoint | undefined;
  #keptAt = performance.now();
  #storedTo = 0;
  /** The batch that is being stored while the next one is read. */
  #storing: Promise<void> | undefined;
  /** A flush that is under way, or failed. */
  #flushing: Promise<void> | undefined;
  #unflushedBytes = 0;

  /**
   * @param source - its name, for messages
   * @param target - what to fill; undefined where that isn't known before the first vector
   * @param options - as given by the caller
   * @param resumption - where it goes on, if that is kept
   * @param before - what was imported before, for messages
   */
  constructor(
    source: string,
    target: Target | undefined,
    options: RecordOptions,
    resumption?: Resumption,
    before = '',
  ) {
    this.#before = before;
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#checkpoint = resumption?.file;
    this.resumedAt = resumption?.records ?? 0;
  }

  /** Whether it is known what is filled. */
  get hasTarget(): boolean {
    return this.#target !== undefined;
  }

  /**
   * Says what is filled, before the first vector.
   *
   * @param target - that
   */
  fill(target: Target): void {
    this.#target = target;
  }

  /**
   * Takes the next batch; the one before is stored when the promise is fulfilled.
   *
   * @param batch - as it was read
   */
  async add(batch: InBatch): Promise<void> {
    this.count(batch);
    await this.store(batch);
  }

  /**
   * Counts the records of the next batch, and tells of those that are invalid.
   *
   * @param batch - as it was read
   * @throws JvdbError where these aren't passed over
   */
  count(batch: InBatch): void {
    const before = Math.max(this.position, this.resumedAt);
    this.position = batch.position;
    const fresh = batch.invalid.filter(({ record }) => record > this.resumedAt);
    if (fresh.length > 0) this.#report(fresh, before);
  }

  /**
   * Stores the vectors of a batch that was counted; those of the one before are stored when the promise is fulfilled.
   *
   * @param batch - as it was read
   */
  async store(batch: InBatch): Promise<void> {
    const target = this.#target;
    if (target === undefined) return; // no vector yet
    const { dimension, idType } = target;
    if (batch.count > 0) {
      checkDimension({ dimension: batch.vectors.length / batch.count }, target, { name: this.#source });
    }
    const most = this.#options.batchSize ?? batch.count;
    for (let from = firstAfter(batch, this.resumedAt); from < batch.count; from += most) {
      const to = Math.min(from + most, batch.count);
      const ids = this.#idsOf(batch, from, to, idType);
      const position = to === batch.count ? batch.position : recordOf(batch, to - 1);
      await this.#settle();
      const storing = target.store(
        ids,
        batch.vectors.subarray(from * dimension, to * dimension),
        batch.metadata?.slice(from, to),
      );
      this.#storing = storing.then(async () => {
        this.stored += to - from;
        this.#storedTo = position;
        this.#flushSome(target, (to - from) * dimension * 4);
        if (performance.now() - this.#keptAt >= CHECKPOINT_MS) await this.#keep();
      });
      this.#storing.catch(() => undefined); // seen by #settle
    }
  }

  /**
   * All was given: it is stored and flushed when the promise is fulfilled.
   *
   * @throws JvdbError `JVDB_CONFLICT` where there were fewer records than an earlier import had read
   */
  async end(): Promise<void> {
    await this.#settle();
    if (this.position < this.resumedAt) {
      throw new JvdbError(
        'JVDB_CONFLICT',
        `${this.#source} has ${this.position} records, but an earlier import had read ${this.resumedAt}`,
      );
    }
    await this.#flushing;
    await this.#target?.flush();
    await this.#checkpoint?.remove();
  }

  /**
   * How much was imported, for messages, once no batch is on its way.
   *
   * @returns a promise of a text; undefined for nothing
   */
  async imported(): Promise<string | undefined> {
    await this.#settle();
    const stored = Math.max(this.#storedTo, this.resumedAt);
    return stored === 0 ? undefined : `the first ${stored} records were imported`;
  }

  /** It failed: keeps how far it has come. What fails now is not the first error. */
  async giveUp(): Promise<void> {
    await this.#settle().catch(() => undefined);
    await this.#flushing?.catch(() => undefined);
    await this.#keep().catch(() => undefined);
  }

  #report(records: readonly InvalidRecord[], before: number): void {
    if (this.#options.skipInvalid !== true) throw refusal(this.#source, records, before, this.#before);
    this.invalid += records.length;
    for (const record of records) this.#options.onInvalid?.(record);
  }

  async #settle(): Promise<void> {
    const storing = this.#storing;
    this.#storing = undefined;
    await storing;
  }

  #flushSome(target: Target, bytes: number): void {
    this.#unflushedBytes += bytes;
    if (this.#unflushedBytes < FLUSH_BYTES || this.#flushing !== undefined) return;
    this.#unflushedBytes = 0;
    this.#flushing = target.flush().then(() => {
      this.#flushing = undefined;
    });
    this.#flushing.catch(() => undefined); // seen by end
  }

  #idsOf(batch: InBatch, from: number, to: number, idType: IdType): Float64Array | (number | bigint | string)[] {
    if (batch.ids !== undefined) return this.#converted(batch.ids.slice(from, to), idType);
    const first = this.#options.firstId ?? 0;
    const last = first + (recordOf(batch, to - 1) - 1);
    if (last > Number.MAX_SAFE_INTEGER) {
      throw invalid(`the ids of ${this.#source} from ${first} would pass 2^53-1; give a lower firstId (--first-id)`);
    }
    const numbers = new Float64Array(to - from);
    for (let i = 0; i < numbers.length; i++) numbers[i] = first + (recordOf(batch, from + i) - 1);
    return idType === 'int64' ? numbers : Array.from(numbers, String);
  }

  // Where the target was known only after the format had begun to read.
  #converted(ids: (number | bigint | string)[], idType: IdType): (number | bigint | string)[] {
    const isString = typeof ids[0] === 'string';
    if (isString === (idType === 'string')) return ids;
    if (!isString) return ids.map(String);
    const reader = new IdReader('int64');
    return ids.map((id) => {
      try {
        return reader.fromText(String(id));
      } catch (thrown) {
        throw invalid(`${this.#source} can't be imported into a database with ids of type int64: ${describe(thrown)}`);
      }
    });
  }

  // In the checkpoint is what is stored and durable.
  async #keep(): Promise<void> {
    if (this.#checkpoint === undefined || this.#storedTo <= this.resumedAt) return;
    await this.#target?.flush();
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

// The error of records that can't be read, behind so many that were imported, and what was imported before.
function refusal(name: string, records: readonly InvalidRecord[], before: number, others: string): JvdbError {
  const said = records.slice(0, SHOWN_RECORDS).map((one) => describeRecord(name, one));
  const more = records.length > SHOWN_RECORDS ? ` (and ${records.length - SHOWN_RECORDS} more near by)` : '';
  const nothing = others === '' ? 'nothing was imported' : 'nothing of it was imported';
  const now = before === 0 ? nothing : `the first ${before} records were imported`;
  const stored = others === '' ? now : `${now}; ${others}`;
  return invalid(
    `${said.join('; ')}${more}; ${stored}; the option skipInvalid (--skip-invalid) passes over such records`,
  );
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

/**
 * What is read; an error of what is no longer readable says how much was imported before.
 *
 * @param read - tables, or batches of one
 * @param imported - for messages; undefined for nothing
 * @yields {T} the same
 */
export async function* saying<T>(
  read: AsyncIterable<T>,
  imported: () => Promise<string | undefined>,
): AsyncGenerator<T> {
  try {
    yield* read;
  } catch (thrown) {
    if (!(thrown instanceof JvdbError) || thrown.code !== 'JVDB_INVALID_ARGUMENT') throw thrown;
    const what = await imported();
    if (what === undefined) throw thrown;
    throw new JvdbError(thrown.code, `${thrown.message}; ${what}`, { cause: thrown });
  }
}
