/** Arrow: what is written comes back, files as apache-arrow writes them, what is refused, what damage does. */
import {
  Bool,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  Field,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  LargeUtf8,
  makeData,
  Map_,
  Null,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  TimestampMicrosecond,
  TimestampSecond,
  Uint64,
  Utf8,
  Utf8View,
  Vector,
  vectorFromArray,
  type DataType,
} from 'apache-arrow';
import fc from 'fast-check';
import { arrow, arrowStream } from '../../../lib/formats/arrow/arrow.js';
import { anyRows, found, sourceOf, tableOf, written, type Found } from '../../formats.js';
import { column, fileOf, floats, list } from './arrow-files.js';

const code = 'JVDB_INVALID_ARGUMENT';
const read = async (bytes: Uint8Array, options = {}, seekable = true): Promise<Found> =>
  (await found(arrow, sourceOf(bytes, { seekable }), options))[0]!;
const rows = ({ vectors }: Found): number[][] => vectors.map((one) => [...one]);
const reasons = ({ invalid }: Found): [number, string][] => invalid.map(({ record, reason }) => [record, reason]);

test.each([arrow, arrowStream])('what is written comes back: $name', async (format) => {
  await fc.assert(
    fc.asyncProperty(anyRows(20), fc.integer({ min: 1, max: 999 }), fc.boolean(), async (all, batchBytes, seekable) => {
      const [ids, values, more] = [all.map(([id]) => id), all.map(([, vector]) => vector), all.map(([, , one]) => one)];
      const bytes = await written(format, tableOf(ids, values, more, { distanceMetric: 'dot', name: 'words' }));
      expect(format.recognises(bytes)).toBe(true);
      const back = await read(bytes, { batchBytes }, seekable);
      const about = { name: 'words', distanceMetric: 'dot', dimension: values[0]?.length ?? 1 };
      expect(back).toMatchObject({ ids, position: ids.length, invalid: [], ...about });
      expect(back.idType).toBe(typeof ids[0] === 'string' ? 'string' : 'int64');
      expect(rows(back)).toEqual(values);
      expect(JSON.stringify(back.metadata)).toBe(JSON.stringify(more));
      const other = tableFromIPC(bytes);
      expect(
        [...other].map((row) => ((row as Record<string, unknown>)['id'] as number | bigint | string).toString()),
      ).toEqual(ids.map(String));
      expect([...other].map((row) => [...((row as Record<string, unknown>)['vector'] as Iterable<number>)])).toEqual(
        values,
      );
    }),
    { numRuns: 100 },
  );
});

test('a file is also a stream between its marks', async () => {
  const bytes = await written(arrow, tableOf(['a', 'b'], [[1], [2]]));
  const end = bytes.indexOf(Buffer.from('ffffffff00000000', 'hex')) + 8;
  expect((await read(bytes.subarray(8, end))).ids).toEqual(['a', 'b']);
});

describe('files of apache-arrow', () => {
  const texts = Array.from({ length: 100 }, (_, i) => (i % 10 === 9 ? `a longer text, the ${i}th` : `t${i % 4}`));
  const vectors = texts.map((_, i) => [i, i / 3, -i]);
  const single = vectors.map((one) => one.map(Math.fround));
  const text: [string, DataType][] = [
    ['texts', new Utf8()],
    ['large texts', new LargeUtf8()],
    ['views', new Utf8View()],
    ['a dictionary', new Dictionary(new Utf8(), new Int16())],
    ['a dictionary of views', new Dictionary(new Utf8View(), new Int32())],
  ];

  test.each(text)('ids by %s', async (_, type) => {
    for (const kind of ['file', 'stream'] as const) {
      const bytes = fileOf({ key: column(texts, type), embedding: column(vectors, list(new Float64())) }, kind);
      for (const seekable of [true, false]) {
        const table = await read(bytes, { batchBytes: 300 }, seekable);
        expect(table).toMatchObject({ ids: texts, idType: 'string', invalid: [], name: undefined });
        expect(rows(table)).toEqual(single);
      }
    }
  });

  test('the dimension is that of the vectors, not of a note', async () => {
    const table = new Table({ v: column([[1, 2]], list(new Float32())) });
    table.schema.metadata.set('jvdb', '{"name":"reduced","dimension":8}');
    const found = await read(Buffer.from(tableToIPC(table)));
    expect(found).toMatchObject({ name: 'reduced', dimension: undefined, invalid: [], position: 1 });
  });

  test('several batches; a dictionary that grows, or is another one, between them', async () => {
    const schema = fileOf({
      id: column(['a'], new Dictionary(new Utf8(), new Int32(), 7)),
      v: column([[1]], floats(1)),
    });
    const type = tableFromIPC(schema).schema.fields[0]!.type as Dictionary<Utf8, Int32>;
    const batch = (indices: number[], dictionary: Vector<Utf8>): Table => {
      const data = makeData({ type, length: indices.length, nullCount: 0, data: Int32Array.from(indices), dictionary });
      return new Table({ id: new Vector([data]), v: column(indices.map((i) => [i]), floats(1)) }); // prettier-ignore
    };
    const first = vectorFromArray(['x', 'y'], new Utf8());
    const grown = first.concat(vectorFromArray(['z'], new Utf8()));
    const other = vectorFromArray(['p', 'q'], new Utf8());
    const writer = new RecordBatchStreamWriter({ autoDestroy: false });
    for (const table of [batch([1, 0], first), batch([2, 0], grown), batch([1, 0], other)])
      writer.write(table.batches[0]);
    writer.finish();
    const table = await read(await streamed(writer));
    expect(table.ids).toEqual(['y', 'x', 'z', 'x', 'q', 'p']);
  });

  function streamed(writer: RecordBatchStreamWriter | RecordBatchFileWriter): Promise<Uint8Array> {
    writer.close();
    return writer.toUint8Array();
  }

  test('float16, integers of all kinds', async () => {
    const half = [[1.5, -0], [65504, 2 ** -24]]; // prettier-ignore
    expect(rows(await read(fileOf({ v: column(half, list(new Float16())) })))).toEqual(half);
    const given = [[1, 2], [-3, 4]]; // prettier-ignore
    expect(rows(await read(fileOf({ values: column(given, list(new Int32())) })))).toEqual(given);
    const ids = [1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 53n];
    const table = await read(fileOf({ ID: column(ids, new Uint64()), v: column(ids.map(() => [1]), floats(1)) })); // prettier-ignore
    expect(table.ids).toEqual([1, 2n ** 63n - 1n, 2n ** 53n]);
    expect(reasons(table)).toEqual([[3, 'the id 9223372036854775808 is not from 0 to 2^63-1']]);
    const asText = await read(fileOf({ id: column([7n], new Int64()), v: column([[1]], floats(1)) }), {
      idType: 'string',
    });
    expect(asText).toMatchObject({ ids: ['7'], idType: 'string', dimension: 1 });
  });

  test('vectors that are none are invalid', async () => {
    const given = [[1, 2], null, [], [3], [NaN, 1], [1, null], [1e39, 0], [5, 6]];
    const table = await read(
      fileOf({ id: column([1, 2, 3, 4, 5, 6, 7, null], new Int32()), v: column(given, list(new Float64())) }),
    );
    expect(reasons(table)).toEqual([
      [2, 'there is no vector'],
      [3, 'the vector has no values'],
      [4, 'the vector has 1 values, not 2'],
      [5, 'value 0 of the vector is NaN, no finite number'],
      [6, 'value 1 of the vector is null, not a number'],
      [7, 'value 0 of the vector is 1e+39, which does not fit float32'],
      [8, 'there is no id'],
    ]);
    const odd = [[NaN, 1e300], [-Infinity, NaN], [1, 2]]; // prettier-ignore
    const allowed = await read(fileOf({ v: column(odd, list(new Float64())) }), { allowNonFinite: true });
    expect(rows(allowed)).toEqual(odd.slice(1));
    expect(reasons(allowed)).toEqual([[1, 'value 1 of the vector is 1e+300, which does not fit float32']]);
    const fixed = await read(fileOf({ v: column([[1, 2], null, [3, 4]], floats(2)) })); // prettier-ignore
    expect(fixed).toMatchObject({ ids: undefined, records: [1, 3] });
    expect((await read(fileOf({ v: column([[1, 2]], floats(2)) }), { dimension: 3 })).position).toBe(1);
  });

  test('all other columns become metadata', async () => {
    type Pair = { key: Utf8; value: Int32 }; // eslint-disable-line @typescript-eslint/consistent-type-definitions
    const pair: Field[] = [new Field('key', new Utf8(), false), new Field('value', new Int32(), true)];
    const map = new Map_(new Field('entries', new Struct<Pair>(pair as Field<Pair[keyof Pair]>[]), false));
    const point = new Struct([new Field('x', new Float64(), true), new Field('y', new Utf8(), true)]);
    const columns: Record<string, Vector> = {
      vector: column([[1], [2], [3]], floats(1)),
      metadata: column(['{"title":"own","n":1}', null, ''], new Utf8()),
      title: column(['a', 'é', null], new Utf8()),
      big: column([2n ** 60n, 5n, null], new Int64()),
      second: column([-1000, 1_700_000_000_000, null], new TimestampSecond()),
      micro: column([0, 1_700_000_000_123, null], new TimestampMicrosecond()),
      day: column([new Date('1969-12-31'), new Date('2022-01-08'), null], new DateDay()),
      milli: column([new Date('1969-12-31'), new Date('2022-01-08T01:00Z'), null], new DateMillisecond()),
      is: column([true, false, null], new Bool()),
      tags: column([['x', null], [], null], list(new Utf8())),
      in: column([{ x: 0.5, y: null }, { x: null, y: 'z' }, null], point),
      map: column([new Map([['a', 1]]), new Map(), null], map),
      none: column([null, null, null], new Null()),
      kind: column(['p', 'q', null], new Dictionary(new Utf8(), new Int32())),
      __index_level_0__: column([0, 1, 2], new Int32()),
    };
    const table = await read(fileOf(columns));
    expect(table.invalid).toEqual([]);
    expect(table.metadata).toEqual([
      {
        ...{ title: 'own', n: 1, big: '1152921504606846976', second: '1969-12-31T23:59:59.000Z' },
        ...{ micro: '1970-01-01T00:00:00.000Z', day: '1969-12-31', milli: '1969-12-31', is: true, tags: ['x', null] },
        ...{ in: { x: 0.5, y: null }, map: { a: 1 }, kind: 'p' },
      },
      {
        ...{
          title: 'é',
          big: 5,
          second: '2023-11-14T22:13:20.000Z',
          micro: '2023-11-14T22:13:20.123Z',
          day: '2022-01-08',
        },
        ...{ milli: '2022-01-08T01:00:00.000Z', is: false, tags: [], in: { x: null, y: 'z' }, map: {}, kind: 'q' },
      },
      undefined,
    ]);
  });

  test('columns of no name are left out; of no such width refused', async () => {
    const columns = { v: column([[1]], floats(1)), '': column([7], new Int32()) };
    expect((await read(fileOf(columns))).metadata).toEqual([undefined]);
    const odd = makeData({ type: new Int32(), length: 1, nullCount: 0, data: Int32Array.of(7) });
    Object.defineProperty(odd.type, 'bitWidth', { value: 24 });
    await expect(read(fileOf({ ...columns, n: new Vector([odd]) }))).rejects.toThrow('has numbers of 24 bits');
  });

  test('decimals, and metadata as a struct', async () => {
    const decimals = makeData({ type: new Decimal(2, 10, 128), length: 2, nullCount: 0, data: Uint32Array.of(150, 0, 0, 0, -7 >>> 0, 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1) }); // prettier-ignore
    const metadata = column([{ a: 1 }, null], new Struct([new Field('a', new Int32(), true)]));
    const table = await read(fileOf({ v: column([[1], [2]], floats(1)), price: new Vector([decimals]), metadata }));
    expect(table.metadata).toEqual([{ price: 1.5, a: 1 }, { price: -0.07 }]);
  });
});

describe('what is refused', () => {
  const v = column([[1]], floats(1));
  test.each<[string, Buffer]>([
    [
      'no column holds vectors, which are lists of numbers; its columns are "a" (Int32)',
      fileOf({ a: column([1], new Int32()) }),
    ],
    ['any of the columns "a" (FixedSizeList[1]<Float32>), "b"', fileOf({ a: v, b: v })],
    [
      'the column "id" has values of type Float64; ids are integers or texts',
      fileOf({ id: column([1], new Float64()), v }),
    ],
    ['its vectors are lists of 0 values', fileOf({ v: new Vector([makeData({ type: floats(0), length: 2, nullCount: 0, child: makeData({ type: new Float32() }) })]) })], // prettier-ignore
    ['it does not end with ARROW1: get the whole file', Buffer.from('ARROW1\0\0 and so on, at some length')],
    ['its footer is said to have 255 bytes, in a file of 18', Buffer.from('ARROW1\0\0\xff\0\0\0ARROW1', 'latin1')],
    ["is of Feather's first version", Buffer.from('FEA1....FEA1')],
    ['a message that ends at byte 8 has a header of -2 bytes', Buffer.from('fffffffffeffffff', 'hex')],
  ])('%s', async (message, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({ code, message: expect.stringContaining(message) as string });
  });

  test('a second table, or none, or half a character', async () => {
    const table = tableOf([1], [[1]]);
    await expect(written(arrow, table, table)).rejects.toThrow('arrow holds one table');
    await expect(written(arrowStream)).rejects.toThrow('arrow-stream holds one table: there is none to write');
    await expect(written(arrow, tableOf(['\ud800'], [[1]]))).rejects.toMatchObject({ code });
  });
});

test('what is recognised', () => {
  expect(arrow.recognises(Buffer.from('ARROW1\0\0'))).toBe(true);
  expect(arrow.recognises(Buffer.from('ARROW'))).toBe(false);
  expect(arrowStream.recognises(Buffer.from('ffffffff10000000', 'hex'))).toBe(true);
  expect(arrowStream.recognises(Buffer.from('ffffffff00000000', 'hex'))).toBe(false);
  expect(arrowStream.recognises(Buffer.from('ffffffff', 'hex'))).toBe(false);
});
