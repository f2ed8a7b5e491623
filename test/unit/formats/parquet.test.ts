/** Parquet: what is written comes back, files as other writers make them, what is refused, what damage does. */
import { createHash } from 'node:crypto';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects, type CompressionCodec, type SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { parquet } from '../../../lib/formats/parquet/parquet.js';
import type { OutTable } from '../../../lib/formats/types.js';
import { anyRows, damageEachByte, tableOf, written, type Found } from '../../formats.js';
import { fileOf, list, read, text, vectorsOnly, type Options } from './parquet-files.js';

const code = 'JVDB_INVALID_ARGUMENT';
const rows = ({ vectors }: Found): number[][] => vectors.map((one) => [...one]);
const reasons = ({ invalid }: Found): [number, string][] => invalid.map(({ record, reason }) => [record, reason]);

test('what is written comes back', async () => {
  await fc.assert(
    fc.asyncProperty(anyRows(20), fc.integer({ min: 1, max: 999 }), fc.boolean(), async (all, batchBytes, seekable) => {
      const [ids, values, more] = [all.map(([id]) => id), all.map(([, vector]) => vector), all.map(([, , one]) => one)];
      const bytes = await written(parquet, tableOf(ids, values, more, { distanceMetric: 'dot', name: 'words' }));
      expect(parquet.recognises(bytes)).toBe(true);
      const back = await read(bytes, { batchBytes }, seekable);
      const dimension = ids.length === 0 ? 1 : undefined; // else the rows say it
      const about = { name: 'words', distanceMetric: 'dot', dimension, count: ids.length };
      expect(back).toMatchObject({ ids, position: ids.length, invalid: [], ...about });
      expect(rows(back)).toEqual(values);
      expect(JSON.stringify(back.metadata)).toBe(JSON.stringify(more));
      if (ids.length > 0) expect(back.idType).toBe(typeof ids[0] === 'string' ? 'string' : 'int64');
    }),
    { numRuns: 100 },
  );
});

test('hyparquet reads what is written, over many groups and pages', async () => {
  const [count, dimension] = [2200, 2000];
  const vector = (i: number): number[] =>
    Array.from({ length: dimension }, (_, k) => ((i * 31 + k * 7) % 1000) - 500.5);
  const ids = Array.from({ length: count }, (_, i) => 2n ** 60n + BigInt(i));
  const table = (): OutTable => ({
    ...tableOf(ids, [vector(0)], [], {}),
    count,
    async *rows() {
      for (let from = 0; from < count; from += 700) {
        const part = ids.slice(from, from + 700);
        const vectors = Float32Array.from(part.flatMap((_, i) => vector(from + i)));
        yield await Promise.resolve({ count: part.length, ids: part, vectors, metadata: undefined });
      }
    },
  });
  const bytes = await written(parquet, table());
  const { buffer, byteOffset, byteLength } = bytes;
  const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  expect(parquetMetadata(file).row_groups.length).toBe(2);
  const [first, last] = await parquetReadObjects({ file, rowStart: 2096, rowEnd: 2098 });
  expect(first).toEqual({ id: ids[2096], metadata: null, vector: vector(2096) });
  expect(last).toEqual({ id: ids[2097], metadata: null, vector: vector(2097) });
  const back = await read(bytes, { batchBytes: 1 << 20 });
  expect(back.ids).toEqual(ids);
  const hash = (all: Iterable<ArrayLike<number>>): string => {
    const sum = createHash('sha256');
    for (const one of all) sum.update(new Uint8Array(Float32Array.from(one).buffer));
    return sum.digest('hex');
  };
  expect(hash(back.vectors)).toBe(hash(ids.map((_, i) => vector(i))));
  expect(back.batches).toBeGreaterThan(10);
  const piped = await read(bytes, { batchBytes: 1 << 20 }, false);
  expect(hash(piped.vectors)).toBe(hash(back.vectors));
});

describe('files of other writers', () => {
  const ids = Array.from({ length: 500 }, (_, i) => `name ${i % 7}`);
  const data = ids.map((_, i) => [i, i / 3, -1 - i]);
  const rounded = data.map((one) => one.map(Math.fround));
  const codecs: [CompressionCodec, ((bytes: Uint8Array) => Uint8Array) | undefined][] = [
    ['UNCOMPRESSED', undefined],
    ['SNAPPY', undefined],
    ['GZIP', gzipSync],
    ['BROTLI', brotliCompressSync],
  ];

  test.each(codecs)('dictionaries, lists of doubles, small pages and groups, %s', async (codec, compress) => {
    const compressors = compress && { [codec]: compress };
    for (const pageSize of [64, 1000, 1 << 20]) {
      for (const encoding of ['PLAIN', 'RLE_DICTIONARY', undefined] as const) {
        const more = encoding && { encoding };
        const columns = [
          { name: 'key', data: ids, ...more },
          { name: 'embedding', data, ...more },
        ];
        const options = { codec, pageSize, rowGroupSize: 300, ...(compressors && { compressors }) };
        const table = await read(fileOf([text('key'), ...list('embedding', 'DOUBLE')], columns, options));
        expect(table).toMatchObject({ ids, idType: 'string', count: 500, invalid: [], name: undefined });
        expect(rows(table)).toEqual(rounded);
      }
    }
  });

  test.each(['DELTA_BINARY_PACKED', 'BYTE_STREAM_SPLIT', 'RLE_DICTIONARY', 'PLAIN'] as const)(
    'ids by %s',
    async (encoding) => {
      const given = ids.map((_, i) => BigInt(i) * 2n ** 54n + (i % 2 === 0 ? 0n : 7n));
      const vectors = given.map(() => [1]);
      const columns = [{ name: 'ID', data: given, encoding }, { name: 'v', data: vectors }]; // prettier-ignore
      const schema: SchemaElement[] = [{ name: 'ID', type: 'INT64', repetition_type: 'REQUIRED' }, ...list('v')];
      const table = await read(fileOf(schema, columns));
      expect(table.ids).toEqual(given.map((id) => (id < 2n ** 53n ? Number(id) : id)));
      expect(table.idType).toBe('int64');
      const asText = await read(fileOf(schema, columns), { idType: 'string' });
      expect(asText.ids).toEqual(given.map(String));
    },
  );

  test.each(['DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY'] as const)('texts by %s', async (encoding) => {
    const columns = [{ name: 'id', data: ids, encoding }, { name: 'v', data }]; // prettier-ignore
    expect((await read(fileOf([text('id'), ...list('v')], columns, { pageSize: 999 }))).ids).toEqual(ids);
  });

  test('unsigned and small integers as ids, numbers as texts', async () => {
    const schema: SchemaElement[] = [
      { name: 'id', type: 'INT32', converted_type: 'UINT_32', repetition_type: 'OPTIONAL' },
      ...list('vector', 'INT32'), // integers are vectors by name only
    ];
    const columns = [{ name: 'id', data: [1, null, 4294967291, 7] }, { name: 'vector', data: [[1], [2], [3], [4]] }]; // prettier-ignore
    const table = await read(fileOf(schema, columns));
    expect(table.ids).toEqual([1, 4294967291, 7]);
    expect(reasons(table)).toEqual([[2, 'there is no id']]);
    const columns64 = [{ name: 'id', data: [1n, -1n] }, { name: 'vector', data: [[1], [2]] }]; // prettier-ignore
    const signed: SchemaElement[] = [{ name: 'id', type: 'INT64', repetition_type: 'REQUIRED' }, ...list('vector')];
    expect(reasons(await read(fileOf(signed, columns64)))).toEqual([[2, 'the id -1 is not from 0 to 2^63-1']]);
    const texts = [{ name: 'id', data: ['9223372036854775807', '1.5', ''] }, { name: 'vector', data: [[1], [2], [3]] }]; // prettier-ignore
    const asNumbers = await read(fileOf([text('id'), ...list('vector')], texts), { idType: 'int64' });
    expect(asNumbers.ids).toEqual([2n ** 63n - 1n]);
    expect(asNumbers.invalid.length).toBe(2);
  });

  test('vectors that are none are invalid', async () => {
    const given = [[1, 2], null, [], [3], [NaN, 1], [1, null], [1e39, 0], [5, 6]];
    const double = fileOf(list('vector', 'DOUBLE'), [{ name: 'vector', data: given as [] }]);
    for (const pageSize of [1, 1 << 20]) {
      const table = await read(vectorsOnly(given, { pageSize }));
      expect(rows(table)).toEqual([[1, 2], [5, 6]]); // prettier-ignore
      expect(table).toMatchObject({ ids: undefined, records: [1, 8], position: 8 });
      expect(reasons(table).slice(0, 5)).toEqual([
        [2, 'there is no vector'],
        [3, 'the vector has no values'],
        [4, 'the vector has 1 values, not 2'],
        [5, 'value 0 of the vector is NaN, no finite number'],
        [6, 'value 1 of the vector is null, not a number'],
      ]);
    }
    expect(reasons(await read(double)).at(-1)).toEqual([
      7,
      'value 0 of the vector is 1e+39, which does not fit float32',
    ]);
    expect((await read(double, { allowNonFinite: true })).records).toEqual([1, 5, 8]);
    expect((await read(double, { dimension: 1 })).records).toEqual([4]);
  });

  test('the first whole vector says of which dimension all are', async () => {
    const table = await read(vectorsOnly([[NaN], [NaN, 1, 2], [1, 2], [3], [4, 5]]), { batchBytes: 4 });
    expect(rows(table)).toEqual([[1, 2], [4, 5]]); // prettier-ignore
    expect(table.invalid.map(({ record }) => record)).toEqual([1, 2, 4]);
  });

  test('a note of the dimension counts only where there is no vector', async () => {
    const noted = (dimension: number, name: string): Options => ({
      kvMetadata: [{ key: 'jvdb', value: JSON.stringify({ name, dimension }) }],
    });
    const table = await read(vectorsOnly([[1, 2], [3, 4]], noted(8, 'reduced'))); // prettier-ignore
    expect(rows(table)).toEqual([[1, 2], [3, 4]]); // prettier-ignore
    expect(table).toMatchObject({ name: 'reduced', dimension: undefined, invalid: [] });
    expect(await read(vectorsOnly([], noted(8, 'empty')))).toMatchObject({ name: 'empty', dimension: 8, vectors: [] });
  });

  test('all other columns become metadata', async () => {
    const schema: SchemaElement[] = [
      ...list('vector'),
      text('metadata'),
      text('title'),
      { name: 'big', type: 'INT64', repetition_type: 'OPTIONAL' },
      { name: 'at', type: 'INT64', converted_type: 'TIMESTAMP_MICROS', repetition_type: 'OPTIONAL' },
      { name: 'day', type: 'INT32', converted_type: 'DATE', repetition_type: 'OPTIONAL' },
      { name: 'is', type: 'BOOLEAN', repetition_type: 'OPTIONAL' },
      { name: 'raw', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
      { name: 'tags', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { ...text('element') },
      { name: 'in', repetition_type: 'OPTIONAL', num_children: 2 },
      { name: 'x', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
      text('y'),
    ];
    const columns = [
      { name: 'vector', data: [[1], [2], [3]] },
      { name: 'metadata', data: ['{"title":"own","n":1}', null, null] },
      { name: 'title', data: ['a', 'é', null] },
      { name: 'big', data: [2n ** 60n, 5n, null] },
      { name: 'at', data: [-1n, 1_700_000_000_123_456n, null] },
      { name: 'day', data: [-1, 19_000, null] },
      { name: 'is', data: [true, false, null] },
      { name: 'raw', data: [Uint8Array.of(1), Uint8Array.of(2), null] },
      { name: 'tags', data: [['x', null, 'y'], [], null] },
      { name: 'in', data: [{ x: 0.5, y: null }, { x: null, y: 'z' }, null] },
    ];
    const table = await read(fileOf(schema, columns));
    expect(table.invalid).toEqual([]);
    expect(table.metadata).toEqual([
      {
        ...{ title: 'own', n: 1, big: '1152921504606846976', at: '1969-12-31T23:59:59.999999Z', day: '1969-12-31' },
        ...{ is: true, tags: ['x', null, 'y'], in: { x: 0.5, y: null } },
      },
      {
        ...{ title: 'é', big: 5, at: '2023-11-14T22:13:20.123456Z', day: '2022-01-08', is: false, tags: [] },
        in: { x: null, y: 'z' },
      },
      undefined,
    ]);
  });

  test('metadata as a struct, or that is none', async () => {
    const struct: SchemaElement[] = [
      { name: 'metadata', repetition_type: 'OPTIONAL', num_children: 1 },
      { name: '__proto__', type: 'INT32', repetition_type: 'OPTIONAL' },
      ...list('vector'),
    ];
    const given = [JSON.parse('{"__proto__":7}') as object, null];
    const columns = [{ name: 'metadata', data: given as [] }, { name: 'vector', data: [[1], [2]] }]; // prettier-ignore
    const table = await read(fileOf(struct, columns));
    expect(table.metadata.map((one) => JSON.stringify(one))).toEqual(['{"__proto__":7}', undefined]);
    const wrong = [{ name: 'metadata', data: ['[1]', '{', '{}'] }, { name: 'vector', data: [[1], [2], [3]] }]; // prettier-ignore
    const other = await read(fileOf([text('metadata'), ...list('vector')], wrong));
    expect(other).toMatchObject({ records: [3], metadata: [{}] });
    expect(other.invalid.map(({ record }) => record)).toEqual([1, 2]);
  });

  test('texts that are no UTF-8 are invalid', async () => {
    const bad = Uint8Array.of(0xc3);
    const schema: SchemaElement[] = [{ name: 'id', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' }, ...list('v')];
    const columns = [{ name: 'id', data: [bad, Buffer.from('é')] }, { name: 'v', data: [[1], [2]] }]; // prettier-ignore
    const table = await read(fileOf(schema, columns));
    expect(table.ids).toEqual(['é']);
    expect(reasons(table)).toEqual([[1, 'the id is not UTF-8']]);
  });
});

describe('what is refused', () => {
  const one = [{ name: 'a', data: [1.5] }];
  const both = [...list('a'), ...list('b')];
  const two = [{ name: 'a', data: [[1]] }, { name: 'b', data: [[1]] }]; // prettier-ignore
  const zstd = (bytes: Uint8Array): Uint8Array => bytes;
  test.each<[string, Buffer]>([
    [
      'test: no column holds vectors, which are lists of numbers; its columns are "a" (DOUBLE)',
      Buffer.from(parquetWriteBuffer({ columnData: one })),
    ],
    ['any of the columns "a" (list of FLOAT), "b" (list of FLOAT) could hold the vectors', fileOf(both, two)],
    [
      'the column "id" has values of type DOUBLE; ids are integers or texts',
      Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'id', data: [1.5] }] })),
    ],
    [
      'row group 1: it is compressed by LZO, which is not read',
      vectorsOnly([[1]], { codec: 'LZO', compressors: { LZO: zstd } }),
    ],
    ['it does not end with PAR1: get the whole file', Buffer.from('PAR1 and so on')],
    ['it does not end with PAR1: get the whole file', Buffer.from('PAR1')],
    ['it is encrypted', Buffer.from('PAR1....PARE')],
    ['its footer is said to have 255 bytes, in a file of 12', Buffer.from('PAR1\xff\0\0\0PAR1', 'latin1')],
  ])('%s', async (message, bytes) => {
    const wanted = { code, message: expect.stringContaining(message) as string };
    await expect(read(bytes)).rejects.toMatchObject(wanted);
    await expect(read(bytes, {}, false)).rejects.toMatchObject(wanted);
  });

  test('a second table, or none, or half a character', async () => {
    const table = tableOf([1], [[1]]);
    await expect(written(parquet, table, table)).rejects.toThrow('parquet holds one table');
    await expect(written(parquet)).rejects.toThrow('parquet holds one table: there is none to write');
    await expect(written(parquet, tableOf(['\ud800'], [[1]]))).rejects.toMatchObject({ code });
  });
});

describe('hostile bytes', () => {
  const outcome = async (bytes: Buffer, options = {}): Promise<Found | undefined> => {
    try {
      return await read(bytes, options);
    } catch (error) {
      expect(error).toMatchObject({ code });
      return undefined;
    }
  };
  const files = async (): Promise<Buffer[]> => {
    const schema = [text('id'), ...list('vector'), { ...text('tag') }];
    const ids = Array.from({ length: 12 }, (_, i) => `id ${i % 3}`);
    const columns = [
      { name: 'id', data: ids },
      { name: 'vector', data: ids.map((_, i) => (i === 7 ? null : [i % 2, 1, 2])) as [] },
      { name: 'tag', data: ids.map((_, i) => (i % 4 === 0 ? null : 'x'.repeat(i))) },
    ];
    return [
      await written(parquet, tableOf(['a', 'bé'], [[1, 2], [3, 4]], [{ a: 1 }])), // prettier-ignore
      fileOf(schema, columns, { pageSize: 60 }),
      fileOf(schema, columns, { codec: 'GZIP', compressors: { GZIP: gzipSync } }),
      fileOf(
        [{ name: 'id', type: 'INT64', repetition_type: 'REQUIRED' }, ...list('v')],
        [
          { name: 'id', data: [5n, 7n, 2n ** 40n], encoding: 'DELTA_BINARY_PACKED' },
          { name: 'v', data: [[1], [2], [3]], encoding: 'BYTE_STREAM_SPLIT' },
        ],
      ),
    ];
  };

  test('every cut is an error', async () => {
    for (const bytes of await files()) {
      for (let length = 0; length < bytes.length; length++) {
        expect(await outcome(bytes.subarray(0, length))).toBeUndefined();
      }
    }
  });

  test('every damaged byte is an error, or rows', async () => {
    await damageEachByte(await files(), [1, 0x80, 0xff], outcome);
  });

  test('random bytes between the marks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(300), async (bytes, length) => {
        const end = Buffer.from('\0\0\0\0PAR1', 'latin1');
        end.writeUInt32LE(Math.min(length, bytes.length));
        await outcome(Buffer.concat([Buffer.from('PAR1'), bytes, end]));
      }),
      { numRuns: 500 },
    );
  });
});

test('what is recognised', () => {
  expect(parquet.recognises(Buffer.from('PAR1'))).toBe(true);
  expect(parquet.recognises(Buffer.from('PAR'))).toBe(false);
});
