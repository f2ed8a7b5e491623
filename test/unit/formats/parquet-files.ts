/** What the tests of Parquet share: files as other writers make them, the table of one. */
import type { CompressionCodec, SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter, type ColumnSource } from 'hyparquet-writer';
import { parquet } from '../../../lib/formats/parquet/parquet.js';
import { found, sourceOf, type Found } from '../../formats.js';

/** The table in a file. */
export const read = async (bytes: Uint8Array, options = {}, seekable = true): Promise<Found> =>
  (await found(parquet, sourceOf(bytes, { seekable }), options))[0]!;

/** How to write one. */
export type Options = Partial<{
  codec: CompressionCodec;
  compressors: Record<string, (bytes: Uint8Array) => Uint8Array>;
  rowGroupSize: number;
  pageSize: number;
  kvMetadata: { key: string; value: string }[];
}>;

/** A list of numbers as a column of three levels, each of them optional. */
export const list = (name: string, type: 'FLOAT' | 'DOUBLE' | 'INT32' = 'FLOAT'): SchemaElement[] => [
  { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', repetition_type: 'OPTIONAL', type },
];

/** A column of texts. */
export const text = (name: string): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: 'OPTIONAL',
});

/** A file as hyparquet-writer makes it. */
export function fileOf(schema: SchemaElement[], columnData: ColumnSource[], options: Options = {}): Buffer {
  const { codec = 'SNAPPY', compressors, kvMetadata = [], ...how } = options;
  const writer = new ByteWriter();
  const root = { name: 'root', num_children: columnData.length };
  const all = [root, ...schema];
  const file = new ParquetWriter({ writer, schema: all, codec, kvMetadata, ...(compressors && { compressors }) });
  void file.write({ columnData, ...how });
  void file.finish();
  return Buffer.from(writer.getBuffer());
}

/** One of vectors alone. */
export const vectorsOnly = (data: unknown[], options?: Options): Buffer =>
  fileOf(list('vector'), [{ name: 'vector', data: data as [] }], options);
