/** CSV with a first line that names the columns: `id,v0,v1,metadata`. */
import { JvdbError } from '../../errors.js';
import { CsvRecords } from './csv-fields.js';
import { readHeader } from './csv-header.js';
import { CsvRows } from './csv-rows.js';
import { skipSpace } from './json-values.js';
import { MAX_RECORD_BYTES, tooLong, unreadable } from './text-input.js';
import { inOneLine, TextOutput } from './text-output.js';
import { TextWindow } from './text-window.js';
import { Rejection } from '../values.js';
import type { Batch, Format, InBatch, InTable, OutTable, ReadOptions, Source } from '../types.js';

/** Reads a text. */
class CsvReader {
  readonly #source: Source;
  readonly #options: ReadOptions;
  readonly #window: TextWindow;
  readonly #records: CsvRecords;

  constructor(source: Source, options: ReadOptions) {
    this.#source = source;
    this.#options = options;
    this.#window = new TextWindow(source);
    this.#records = new CsvRecords(this.#window);
  }

  async *tables(): AsyncIterable<InTable> {
    try {
      const layout = await this.#header();
      this.#records.separator = layout.separator;
      yield {
        name: undefined,
        dimension: layout.dimension > 0 ? layout.dimension : undefined,
        distanceMetric: undefined,
        idType: undefined,
        count: undefined,
        rows: () => this.#rows(new CsvRows(layout, this.#options)),
      };
    } finally {
      await this.#window.close();
    }
  }

  async #header(): Promise<ReturnType<typeof readHeader>> {
    const window = this.#window;
    for (let next = await this.#next(); next >= 0; next = await this.#next()) {
      const { bytes, at } = window;
      const end = this.#end(next);
      this.#records.pass(next + 1);
      if (skipSpace(bytes, at, end) === end) continue;
      try {
        return readHeader(this.#source, bytes, at, end);
      } catch (thrown) {
        if (thrown instanceof Rejection) throw unreadable(this.#source, `the first line: ${thrown.message}`);
        throw thrown;
      }
    }
    throw unreadable(this.#source, 'there is no first line; it must name the columns, such as id,v0,v1,metadata');
  }

  async *#rows(rows: CsvRows): AsyncIterable<InBatch> {
    const window = this.#window;
    const place = (at: number): { line: number; column: number } => window.place(at);
    try {
      for (;;) {
        let next = this.#records.end();
        if (next < 0) next = await this.#next();
        if (next < 0) break;
        const end = this.#end(next);
        if (skipSpace(window.bytes, window.at, end) < end) rows.take(window.bytes, window.at, end, place);
        this.#records.pass(next + 1);
        if (rows.isFull) yield* rows.batch();
      }
    } catch (thrown) {
      yield* rows.batch();
      throw thrown;
    }
    yield* rows.batch();
  }

  // Without the carriage return.
  #end(newline: number): number {
    const { bytes, at } = this.#window;
    return newline > at && bytes[newline - 1] === 13 ? newline - 1 : newline;
  }

  // The end of the next record, which may be the end of the text; -1 behind the last.
  async #next(): Promise<number> {
    const window = this.#window;
    for (;;) {
      const next = this.#records.end();
      if (next >= 0) return next;
      if (window.end - window.at > MAX_RECORD_BYTES) throw tooLong(this.#source, window.place(window.at).line);
      if (!(await window.more())) break;
    }
    if (window.at >= window.end) return -1;
    if (!this.#records.isCut) return window.end;
    const { line } = window.place(window.at);
    const message = `the quotes in the record at line ${line} never end; it was cut short, or a quote is missing`;
    throw unreadable(this.#source, message);
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function fieldOf(id: number | bigint | string | undefined): string {
  const text = String(id);
  return typeof id === 'string' && /^\s|\s$|[",;\t\r\n]/.test(text) ? quoted(text) : text;
}

function writeRows(output: TextOutput, dimension: number, { count, ids, vectors, metadata }: Batch): void {
  for (let i = 0; i < count; i++) {
    output.text(`${fieldOf(ids?.[i])},`);
    output.floats(vectors, i * dimension, (i + 1) * dimension, false);
    const json = metadata?.[i];
    output.text(json === undefined ? ',\n' : `,${quoted(inOneLine(json))}\n`);
  }
}

async function* write(tables: AsyncIterable<OutTable>): AsyncIterable<Uint8Array> {
  const output = new TextOutput();
  let first = true;
  for await (const table of tables) {
    if (!first) {
      const message = `a csv file holds one database, and ${table.name} is a second one; use the format json`;
      throw new JvdbError('JVDB_INVALID_ARGUMENT', message);
    }
    first = false;
    const columns = Array.from({ length: table.dimension }, (_, i) => `v${i}`);
    output.text(`id,${columns.join(',')},metadata\n`);
    for await (const batch of table.rows()) {
      writeRows(output, table.dimension, batch);
      yield* output.take();
    }
  }
  yield* output.take(true);
}

/** A record a line, a column for each value. */
export const csv: Format = {
  name: 'csv',
  extensions: ['.csv', '.tsv'],
  keepsIds: true,
  recognises: (head) => (head.includes(0) ? false : undefined),
  read: (source, options) => new CsvReader(source, options).tables(),
  write,
};
