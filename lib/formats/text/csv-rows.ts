/** Rows of CSV: ids, vectors and metadata from the fields of a record. */
import { isUtf8 } from 'node:buffer';
import { shown } from '../../arguments.js';
import { CsvFields } from './csv-fields.js';
import { FloatParser } from './float-parser.js';
import { JsonRecords } from './json-records.js';
import { IdReader, metadataOf, metadataWith, Rejection } from '../values.js';
import { TextRows, Row } from './text-rows.js';
import type { CsvLayout } from './csv-header.js';
import type { InBatch, ReadOptions } from '../types.js';

const NON_FINITE = /^\s*([+-]?)(nan|inf|infinity)\s*$/i;

/** Reads the rows of a table. */
export class CsvRows {
  readonly #layout: CsvLayout;
  readonly #allowNonFinite: boolean;
  readonly #ids: IdReader;
  readonly #arrays: JsonRecords;
  readonly #rows: TextRows;
  readonly #row = new Row();
  readonly #field = new CsvFields();
  readonly #parser = new FloatParser();
  // Texts of the row's fields that go into the metadata, by column.
  readonly #texts: string[];

  /**
   * Makes one.
   *
   * @param layout - of the columns
   * @param options - how to read
   */
  constructor(layout: CsvLayout, options: ReadOptions) {
    this.#layout = layout;
    this.#allowNonFinite = options.allowNonFinite;
    this.#ids = new IdReader(options.idType);
    this.#arrays = new JsonRecords(this.#ids, options.allowNonFinite);
    this.#rows = new TextRows(options.dimension, options.batchBytes);
    this.#row.reserve(layout.dimension);
    this.#texts = new Array<string>(layout.names.length).fill('');
  }

  /** Whether the batch is due. */
  get isFull(): boolean {
    return this.#rows.isFull;
  }

  /**
   * Ends the batch.
   *
   * @returns it; nothing where there is nothing in it
   */
  batch(): InBatch[] {
    return this.#rows.batch();
  }

  /**
   * Takes the next record.
   *
   * @param bytes - the text
   * @param start - of the record
   * @param end - of the record
   * @param place - says where it is
   */
  take(bytes: Buffer, start: number, end: number, place: (at: number) => { line: number; column: number }): void {
    try {
      this.#read(bytes, start, end);
      this.#rows.add(this.#row);
      if (this.#row.id !== undefined) this.#ids.settle(this.#row.id);
    } catch (thrown) {
      if (!(thrown instanceof Rejection)) throw thrown;
      const { line, column } = place(start + (thrown.offset ?? 0));
      this.#rows.reject(thrown.message, line, column, bytes.toString('utf8', start, end));
    }
  }

  #read(bytes: Buffer, start: number, end: number): void {
    const { values, names, dimension, separator } = this.#layout;
    const row = this.#row;
    row.clear();
    row.length = dimension;
    let at = start;
    let column = 0;
    let hasText = false;
    for (; at <= end && column < names.length; column++) {
      const position = values[column] ?? -1;
      if (position >= 0) at = this.#value(bytes, at, end, position, start);
      else {
        this.#field.read(bytes, at, end, separator);
        this.#take(bytes, column, start);
        at = this.#field.next;
        hasText = true;
      }
    }
    if (column < names.length) throw new Rejection(`it has ${column} fields, the first line ${names.length}`);
    if (at <= end) throw new Rejection(`it has more fields than the first line, which has ${names.length}`);
    if (hasText && !isUtf8(bytes.subarray(start, end))) throw new Rejection('it is not valid UTF-8');
    row.metadata = this.#metadata();
  }

  // A number, mostly without quotes: read in one pass. Returns where the next field begins.
  #value(bytes: Buffer, at: number, end: number, position: number, start: number): number {
    const { separator } = this.#layout;
    const parser = this.#parser;
    const first = at;
    while (at < end && bytes[at] === 32) at++;
    let value = parser.parse(bytes, at, end);
    at = parser.at;
    while (at < end && bytes[at] === 32) at++;
    if (!parser.found || (at < end && bytes[at] !== separator)) {
      this.#field.read(bytes, first, end, separator);
      value = this.#otherValue(this.#field.text(bytes), position, first - start);
      at = this.#field.next - 1;
    }
    // Digits that give infinity are too large a number, whatever is allowed.
    if (!Number.isFinite(value) && (parser.found || !this.#allowNonFinite)) {
      const text = bytes.toString('utf8', first, at);
      throw new Rejection(`value ${position} of the vector is ${text}, no finite float32`, first - start);
    }
    this.#row.values[position] = value;
    return at + 1;
  }

  #otherValue(text: string, position: number, offset: number): number {
    const [, sign, name = ''] = NON_FINITE.exec(text) ?? [];
    if (sign !== undefined) {
      if (/^n/i.test(name)) return NaN;
      return sign === '-' ? -Infinity : Infinity;
    }
    const trimmed = Buffer.from(text.trim());
    const value = this.#parser.parse(trimmed, 0, trimmed.length);
    if (this.#parser.found && this.#parser.at === trimmed.length) return value;
    throw new Rejection(`value ${position} of the vector is ${shown(text)}, not a number`, offset);
  }

  #take(bytes: Buffer, column: number, start: number): void {
    const { id, data } = this.#layout;
    const field = this.#field;
    const text = column === data ? '' : field.text(bytes);
    if (column === id) this.#row.id = this.#ids.fromText(text);
    else if (column !== data) this.#texts[column] = text;
    else {
      try {
        this.#arrays.readVector(bytes, field.start, field.end, this.#row);
      } catch (thrown) {
        if (!(thrown instanceof Rejection)) throw thrown;
        throw new Rejection(thrown.message, field.start - start);
      }
    }
  }

  // The object of the one column, and under it the texts of the others.
  #metadata(): string | undefined {
    const { metadata, names, others } = this.#layout;
    const text = metadata < 0 ? undefined : this.#texts[metadata];
    const fields = others.filter((column) => this.#texts[column] !== '');
    if (fields.length === 0) return metadataOf(text);
    return metadataWith(text, Object.fromEntries(fields.map((column) => [names[column] ?? '', this.#texts[column]])));
  }
}
