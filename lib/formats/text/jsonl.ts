/** JSON Lines: a record a line, `{"id": 1, "data": [0.5, 0.25], "metadata": {"label": "a"}}`. */
import { JvdbError } from '../../errors.js';
import { JsonRecords } from './json-records.js';
import { isJsonLine } from './json-guess.js';
import { skipSpace } from './json-values.js';
import { MAX_RECORD_BYTES, tooLong } from './text-input.js';
import { jsonRecords, TextOutput } from './text-output.js';
import { TextWindow } from './text-window.js';
import { Row, TextRows } from './text-rows.js';
import { IdReader, Rejection } from '../values.js';
import type { Format, InBatch, InTable, OutTable, ReadOptions, Source } from '../types.js';

/** Reads records line by line. */
class LineReader {
  readonly #source: Source;
  readonly #window: TextWindow;
  readonly #ids: IdReader;
  readonly #records: JsonRecords;
  readonly #rows: TextRows;
  readonly #row = new Row();

  constructor(source: Source, { dimension, batchBytes, idType, allowNonFinite }: ReadOptions) {
    this.#source = source;
    this.#window = new TextWindow(source);
    this.#ids = new IdReader(idType);
    this.#records = new JsonRecords(this.#ids, allowNonFinite);
    this.#rows = new TextRows(dimension, batchBytes);
  }

  async *rows(): AsyncIterable<InBatch> {
    const window = this.#window;
    try {
      for (let passed = 0; ;) {
        const newline = window.indexOf(10, window.at + passed);
        if (newline >= 0) {
          this.#take(newline);
          window.at = newline + 1;
          passed = 0;
          if (this.#rows.isFull) yield* this.#rows.batch();
          continue;
        }
        passed = window.end - window.at;
        if (passed > MAX_RECORD_BYTES) {
          yield* this.#rows.batch();
          throw tooLong(this.#source, window.place(window.at).line);
        }
        if (!(await window.more())) break;
      }
      this.#take(window.end);
      yield* this.#rows.batch();
    } finally {
      await window.close();
    }
  }

  #take(lineEnd: number): void {
    const { bytes, at } = this.#window;
    const end = lineEnd > at && bytes[lineEnd - 1] === 13 ? lineEnd - 1 : lineEnd;
    const start = skipSpace(bytes, at, end);
    if (start === end) return;
    try {
      this.#records.read(bytes, start, end, this.#row);
      this.#rows.add(this.#row);
      if (this.#row.id !== undefined) this.#ids.settle(this.#row.id);
    } catch (thrown) {
      if (!(thrown instanceof Rejection)) throw thrown;
      const { line, column } = this.#window.place(start + (thrown.offset ?? 0));
      this.#rows.reject(thrown.message, line, column, bytes.toString('utf8', start, end));
    }
  }
}

async function* read(source: Source, options: ReadOptions): AsyncIterable<InTable> {
  yield await Promise.resolve({
    name: undefined,
    dimension: undefined,
    distanceMetric: undefined,
    idType: undefined,
    count: undefined,
    rows: () => new LineReader(source, options).rows(),
  });
}

async function* write(tables: AsyncIterable<OutTable>): AsyncIterable<Uint8Array> {
  let first = true;
  const output = new TextOutput();
  for await (const table of tables) {
    if (!first) {
      const message = `a jsonl file holds one database, and ${table.name} is a second one; use the format json`;
      throw new JvdbError('JVDB_INVALID_ARGUMENT', message);
    }
    first = false;
    yield* jsonRecords(table, output, '\n', '');
    if (table.count > 0) output.text('\n');
  }
  yield* output.take(true);
}

/** A record a line, as JSON. */
export const jsonl: Format = {
  name: 'jsonl',
  extensions: ['.jsonl', '.ndjson'],
  keepsIds: true,
  recognises: isJsonLine,
  read,
  write,
};
