/**
 * Writes Arrow: `id`, `vector` (lists of a fixed size, of floats) and `metadata` (JSON text). Memory is a batch of rows,
 * of about 16 MiB of vectors. Threads: no state.
 */
import type { Data, FixedSizeList, Float32, RecordBatchWriter, Schema } from 'apache-arrow';
import { invalid } from '../../arguments.js';
import type { Arrow } from './messages.js';
import { oneTable } from '../flat-rows.js';
import { lacking } from '../optional-package.js';
import { groupsOf, wellFormed } from '../columns/groups.js';
import { NOTES_KEY, notesOf } from '../columns/notes.js';
import type { Batch, OutTable } from '../types.js';

const BATCH_BYTES = 16 * 1024 * 1024;

function textData(arrow: Arrow, texts: readonly (string | undefined)[]): Data {
  const data = Buffer.from(texts.map((text) => (text === undefined ? '' : wellFormed(text))).join(''));
  const valueOffsets = new Int32Array(texts.length + 1);
  const nullBitmap = new Uint8Array((texts.length + 7) >> 3);
  let [end, nullCount] = [0, 0];
  texts.forEach((text, i) => {
    if (text === undefined) nullCount++;
    else {
      nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7));
      end += Buffer.byteLength(text);
    }
    valueOffsets[i + 1] = end;
  });
  const nulls = nullCount === 0 ? {} : { nullBitmap };
  return arrow.makeData({ type: new arrow.Utf8(), length: texts.length, nullCount, valueOffsets, data, ...nulls });
}

// Files begin with the schema, so that they can be read as streams; the package writes it at the end only.
function fileWriterOf(arrow: Arrow): Arrow['RecordBatchFileWriter'] {
  return class extends arrow.RecordBatchFileWriter {
    protected override _writeSchema(schema: Schema): this {
      super._writeSchema(schema);
      return this._writeMessage(arrow.Message.from(schema));
    }
  };
}

/** Writes batches of one table. */
class BatchWriter {
  readonly #arrow: Arrow;
  readonly #table: OutTable;
  readonly #schema: Schema;
  readonly #writer: RecordBatchWriter;
  #pieces: Uint8Array[] = [];

  constructor(arrow: Arrow, table: OutTable, isFile: boolean) {
    this.#arrow = arrow;
    this.#table = table;
    const { Field, FixedSizeList, Float32, Int64, Utf8 } = arrow;
    const list = new FixedSizeList(table.dimension, new Field('item', new Float32(), false));
    const fields = [
      new Field('id', table.idType === 'int64' ? new Int64() : new Utf8(), false),
      new Field('vector', list, false),
      new Field('metadata', new Utf8(), true),
    ];
    this.#schema = new arrow.Schema(fields, new Map([[NOTES_KEY, notesOf(table)]]));
    const Writer = isFile ? fileWriterOf(arrow) : arrow.RecordBatchStreamWriter;
    this.#writer = new Writer({ autoDestroy: false }) as RecordBatchWriter;
    this.#writer.reset(this.#sink(), this.#schema);
  }

  // A queue that is emptied after each batch.
  #sink(): InstanceType<Arrow['AsyncByteQueue']> {
    const queue = new this.#arrow.AsyncByteQueue();
    queue.write = (piece) => void this.#pieces.push(piece as Uint8Array);
    return queue;
  }

  #taken(): Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  batch({ count: length, ids = [], vectors, metadata }: Batch): Uint8Array[] {
    const { makeData, Float32, Int64, RecordBatch, Struct } = this.#arrow;
    const [, vector] = this.#schema.fields;
    const values = makeData({ type: new Float32(), length: vectors.length, nullCount: 0, data: vectors });
    const children = [
      this.#table.idType === 'int64'
        ? makeData({ type: new Int64(), length, nullCount: 0, data: BigInt64Array.from(ids as number[], BigInt) })
        : textData(this.#arrow, ids.map(String)),
      makeData({ type: vector?.type as FixedSizeList<Float32>, length, nullCount: 0, child: values }),
      textData(
        this.#arrow,
        Array.from({ length }, (_, i) => metadata?.[i]),
      ),
    ];
    const data = makeData({ type: new Struct(this.#schema.fields), length, nullCount: 0, children });
    this.#writer.write(new RecordBatch(this.#schema, data as never));
    return this.#taken();
  }

  end(): Uint8Array[] {
    this.#writer.finish();
    return this.#taken();
  }
}

/**
 * Writes a table.
 *
 * @param tables - one
 * @param isFile - whether as a file, else as a stream
 * @yields {Uint8Array} the file
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` for more than one table, or none, and where the package is missing
 */
export async function* writeArrow(tables: AsyncIterable<OutTable>, isFile: boolean): AsyncGenerator<Uint8Array> {
  const name = isFile ? 'arrow' : 'arrow-stream';
  const arrow = await import(/* webpackIgnore: true */ 'apache-arrow').catch(lacking('apache-arrow', name));
  let found = false;
  for await (const table of oneTable(tables, name)) {
    found = true;
    const writer = new BatchWriter(arrow, table, isFile);
    for await (const group of groupsOf(table, BATCH_BYTES)) yield* writer.batch(group);
    yield* writer.end();
  }
  if (!found) throw invalid(`${name} holds one table: there is none to write`);
}
