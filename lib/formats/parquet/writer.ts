/**
 * Writes a Parquet file: `id`, `metadata` (JSON text) and `vector` (a list of floats). hyparquet-writer writes it but
 * for the vectors, which it takes as arrays of numbers only; their pages are plain, and not compressed, since that
 * gains little. Memory is a group of rows, of about 16 MiB of vectors, and what the footer says of all groups.
 * Threads: no state.
 */
import type { ColumnChunk, SchemaElement } from 'hyparquet';
import { invalid } from '../../arguments.js';
import { oneTable } from '../flat-rows.js';
import { lacking } from '../optional-package.js';
import { pageHeader } from './thrift.js';
import { groupsOf, wellFormed } from '../columns/groups.js';
import { NOTES_KEY, notesOf } from '../columns/notes.js';
import type { Batch, OutTable } from '../types.js';

const GROUP_BYTES = 16 * 1024 * 1024;
const PAGE_BYTES = 1024 * 1024;
const PLAIN = 0;

type Package = typeof import('hyparquet-writer');
type Writer = InstanceType<Package['ParquetWriter']>;
type ColumnData = Parameters<Writer['write']>[0]['columnData'];

const REQUIRED = { repetition_type: 'REQUIRED' } as const;
const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } } as const;

function schemaOf({ idType }: OutTable): SchemaElement[] {
  return [
    { name: 'schema', num_children: 3 },
    { name: 'id', ...REQUIRED, ...(idType === 'int64' ? { type: 'INT64' as const } : TEXT) },
    { name: 'metadata', repetition_type: 'OPTIONAL', ...TEXT },
    { name: 'vector', ...REQUIRED, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', ...REQUIRED, type: 'FLOAT' },
  ];
}

function idsOf(table: OutTable, ids: readonly (number | bigint | string)[]): BigInt64Array | string[] {
  if (table.idType === 'int64') return BigInt64Array.from(ids as (number | bigint)[], BigInt);
  return ids.map((id) => wellFormed(String(id)));
}

function columnsOf(table: OutTable, { count, ids = [], metadata }: Batch): ColumnData {
  const texts = Array.from({ length: count }, (_, i) => metadata?.[i] ?? null);
  for (const text of texts) if (text !== null) wellFormed(text);
  return [
    { name: 'id', data: idsOf(table, ids), encoding: 'PLAIN', codec: 'SNAPPY' },
    { name: 'metadata', data: texts, encoding: 'PLAIN', codec: 'SNAPPY', statistics: false },
  ];
}

// The values of some rows, all of them there: where each row begins is a bit.
function* vectorPage(vectors: Float32Array, dimension: number): Generator<Uint8Array> {
  const count = vectors.length;
  const groups = Math.ceil(count / 8);
  const bits = Buffer.alloc(groups, 255);
  for (let i = 0; i < count; i += dimension) bits[i >> 3] = (bits[i >> 3] ?? 0) & ~(1 << (i & 7));
  const repetition = Buffer.concat([Uint8Array.from(varint(groups * 2 + 1)), bits]);
  const definition = [...varint(count * 2), 1];
  const levels = Buffer.alloc(8 + repetition.length + definition.length);
  levels.writeUInt32LE(repetition.length, 0);
  levels.set(repetition, 4);
  levels.writeUInt32LE(definition.length, 4 + repetition.length);
  levels.set(definition, 8 + repetition.length);
  yield Buffer.concat([pageHeader(levels.length + 4 * count, PLAIN, count), levels]);
  yield new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

function* vectorPages({ count, vectors }: Batch, dimension: number): Generator<Uint8Array> {
  const rows = Math.max(Math.floor(PAGE_BYTES / (4 * dimension)), 1);
  for (let from = 0; from < count; from += rows) {
    yield* vectorPage(vectors.subarray(from * dimension, Math.min(from + rows, count) * dimension), dimension);
  }
}

function vectorChunk(offset: number, size: number, values: number): ColumnChunk {
  const bytes = BigInt(size);
  return {
    file_offset: BigInt(offset),
    meta_data: {
      ...{ type: 'FLOAT', encodings: ['PLAIN', 'RLE'], path_in_schema: ['vector', 'list', 'element'] },
      ...{ codec: 'UNCOMPRESSED', num_values: BigInt(values), data_page_offset: BigInt(offset) },
      ...{ total_uncompressed_size: bytes, total_compressed_size: bytes },
    },
  };
}

/** Writes groups of rows. */
class GroupWriter {
  readonly #table: OutTable;
  readonly #bytes: InstanceType<Package['ByteWriter']>;
  readonly #writer: Writer;

  constructor({ ByteWriter, ParquetWriter }: Package, table: OutTable) {
    this.#table = table;
    this.#bytes = new ByteWriter();
    const kvMetadata = [{ key: NOTES_KEY, value: notesOf(table) }];
    const how = { codec: 'UNCOMPRESSED', createdBy: 'jvdb', kvMetadata } as const;
    this.#writer = new ParquetWriter({ writer: this.#bytes, schema: schemaOf(table), ...how });
  }

  // What the package has written so far.
  #taken(): Uint8Array {
    const piece = this.#bytes.getBytes().slice();
    this.#bytes.index = 0;
    return piece;
  }

  async *group(rows: Batch): AsyncGenerator<Uint8Array> {
    await this.#writer.write({ columnData: columnsOf(this.#table, rows), rowGroupSize: rows.count });
    yield this.#taken();
    const start = this.#bytes.offset;
    for (const piece of vectorPages(rows, this.#table.dimension)) {
      yield piece;
      this.#bytes.offset += piece.length;
    }
    const size = this.#bytes.offset - start;
    const group = this.#writer.row_groups.at(-1);
    if (group === undefined) throw new TypeError('hyparquet-writer has written no row group');
    group.columns.push(vectorChunk(start, size, rows.vectors.length));
    group.total_byte_size += BigInt(size);
    group.total_compressed_size = (group.total_compressed_size ?? 0n) + BigInt(size);
  }

  async end(): Promise<Uint8Array> {
    await this.#writer.finish();
    return this.#taken();
  }
}

/**
 * Writes a table.
 *
 * @param tables - one
 * @yields {Uint8Array} the file
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` for more than one table, or none, and where the package is missing
 */
export async function* writeParquet(tables: AsyncIterable<OutTable>): AsyncGenerator<Uint8Array> {
  const loaded = await import(/* webpackIgnore: true */ 'hyparquet-writer').catch(
    lacking('hyparquet-writer', 'parquet'),
  );
  let found = false;
  for await (const table of oneTable(tables, 'parquet')) {
    found = true;
    const writer = new GroupWriter(loaded, table);
    for await (const group of groupsOf(table, GROUP_BYTES)) yield* writer.group(group);
    yield await writer.end();
  }
  if (!found) throw invalid('parquet holds one table: there is none to write');
}
