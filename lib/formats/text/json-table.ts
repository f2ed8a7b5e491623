/** A table of a JSON document: the array of its records. */
import { JsonRecords } from './json-records.js';
import { skipSpace } from './json-values.js';
import { Row, TextRows } from './text-rows.js';
import { IdReader, Rejection } from '../values.js';
import type { JsonInput } from './json-input.js';
import type { DistanceMetric, IdType } from '../../types.js';
import type { InBatch, InTable, ReadOptions } from '../types.js';

/** What a document says of a table before its records. */
export interface Declared {
  name?: string | undefined;
  dimension?: number | undefined;
  distanceMetric?: DistanceMetric | undefined;
  idType?: IdType | undefined;
  allowNonFinite?: boolean | undefined;
}

/** Records of the array that is next in a text. */
export class JsonTable implements InTable {
  readonly name: string | undefined;
  readonly dimension: number | undefined;
  readonly distanceMetric: DistanceMetric | undefined;
  readonly idType: IdType | undefined;
  readonly allowNonFinite: boolean | undefined;
  readonly count: number | undefined;
  readonly #input: JsonInput;
  readonly #row = new Row();
  readonly #ids: IdReader;
  readonly #rows: TextRows;
  readonly #options: ReadOptions;
  #records: JsonRecords;
  #state: 'new' | 'reading' | 'read' = 'new';

  /**
   * Makes one.
   *
   * @param input - whose next token is the array
   * @param declared - what is known of it
   * @param options - how to read; they go before what the document says
   * @param isEmpty - there is no array, and no row
   */
  constructor(input: JsonInput, declared: Declared, options: ReadOptions, isEmpty = false) {
    this.#input = input;
    this.#options = options;
    this.name = declared.name;
    this.dimension = declared.dimension;
    this.distanceMetric = declared.distanceMetric;
    this.idType = declared.idType;
    this.allowNonFinite = declared.allowNonFinite;
    this.count = isEmpty ? 0 : undefined;
    this.#ids = new IdReader(options.idType ?? declared.idType);
    this.#rows = new TextRows(options.dimension ?? declared.dimension, options.batchBytes);
    this.#records = new JsonRecords(this.#ids, options.allowNonFinite);
  }

  /**
   * Its rows, once.
   *
   * @param allowNonFinite - whether values may be NaN or infinite
   * @returns batches
   */
  async *rows(allowNonFinite = this.#options.allowNonFinite): AsyncIterable<InBatch> {
    if (this.#state !== 'new') throw new Error('the rows of a table are read once');
    this.#state = 'reading';
    this.#records = new JsonRecords(this.#ids, allowNonFinite);
    if (this.count !== 0) yield* this.#array();
    this.#state = 'read';
  }

  /** Goes behind the table. */
  async finish(): Promise<void> {
    if (this.#state === 'reading') throw new Error('all rows of a table are read before the next one');
    if (this.#state === 'new' && this.count !== 0) await this.#input.skip();
  }

  async *#array(): AsyncIterable<InBatch> {
    const input = this.#input;
    try {
      for (let more = await input.element(true); more; more = this.#isNext() || (await input.element(false))) {
        const end = this.#records.tryRead(input.bytes, input.at, input.end, this.#row);
        if (end >= 0) this.#take(end, false);
        else this.#take(await input.value(), true);
        if (this.#rows.isFull) yield* this.#rows.batch();
      }
    } catch (thrown) {
      yield* this.#rows.batch();
      throw thrown;
    }
    yield* this.#rows.batch();
  }

  // As `element`, for what is in memory already.
  #isNext(): boolean {
    const { bytes, end } = this.#input;
    let at = skipSpace(bytes, this.#input.at, end);
    if (at >= end || bytes[at] !== 44) return false;
    at = skipSpace(bytes, at + 1, end);
    if (at >= end || bytes[at] !== 123) return false;
    this.#input.at = at;
    return true;
  }

  #take(end: number, isUnread: boolean): void {
    const { bytes, at } = this.#input;
    try {
      if (isUnread) this.#records.read(bytes, at, end, this.#row);
      this.#rows.add(this.#row);
      if (this.#row.id !== undefined) this.#ids.settle(this.#row.id);
    } catch (thrown) {
      if (!(thrown instanceof Rejection)) throw thrown;
      const { line, column } = this.#input.place(at + (thrown.offset ?? 0));
      this.#rows.reject(thrown.message, line, column, bytes.toString('utf8', at, end));
    }
    this.#input.at = end;
  }
}
