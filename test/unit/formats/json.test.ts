/** JSON documents of databases. */
import { JsonInput } from '../../../lib/formats/text/json-input.js';
import { json } from '../../../lib/formats/text/json.js';
import type { ReadOptions } from '../../../lib/formats/types.js';
import { found, sourceOf, tableOf, written, type Found } from '../../formats.js';

const read = (text: string | Uint8Array, options: Partial<ReadOptions> = {}, piece = 1000): Promise<Found[]> =>
  found(json, sourceOf(text, { piece }), { batchBytes: 1000, ...options });
const plain = ({ vectors }: Found): number[][] => vectors.map((vector) => [...vector]);

// The document of the migration guide, as the old server may have written it.
const DOCUMENT = `{
  "version": [1, {"a": "}]"}],
  "databases": [
    {"name": "a\\u00e9", "schema": {"dimension": 2, "distance_metric": "INNER_PRODUCT", "more": 1}, "vectors": [
      {"id": 1, "data": [0.5, 1], "metadata": {"label": "x"}},
      {"vector_id": 2, "data": [-0, 2], "metadata": "{\\"label\\": \\"y\\"}"}
    ]},
    {"name": "b", "schema": {"dimension": 3, "distance_metric": "l2", "id_type": "string"}, "vectors": [], "x": null},
    {"name": "c", "schema": {"dimension": 1}}
  ],
  "exported": "now"
}
`;

test.each([1, 5, 100, 100000])('reads several databases, in pieces of %p', async (piece) => {
  const [a, b, c, ...others] = await read(DOCUMENT, {}, piece);
  expect(others).toEqual([]);
  expect(a).toMatchObject({
    name: 'aé',
    dimension: 2,
    distanceMetric: 'dot',
    idType: undefined,
    ids: [1, 2],
    invalid: [],
  });
  expect(plain(a!)).toEqual([
    [0.5, 1],
    [-0, 2],
  ]);
  expect(a!.metadata).toEqual([{ label: 'x' }, { label: 'y' }]);
  expect(b).toMatchObject({ name: 'b', dimension: 3, distanceMetric: 'euclidean', idType: 'string', vectors: [] });
  expect(c).toMatchObject({ name: 'c', dimension: 1, count: 0, vectors: [] });
});

test('writes the document, and reads it with its types', async () => {
  const big = tableOf(
    [9007199254740993n, 2],
    [
      [1, 2],
      [3, 4],
    ],
    [{ a: 1 }],
    { name: 'x "y"' },
  );
  const none = tableOf([], [], [], { name: 'none', dimension: 7, idType: 'string', distanceMetric: 'euclidean' });
  const bytes = await written(json, big, none);
  expect(bytes.toString()).toBe(
    '{"databases":[\n' +
      '{"name":"x \\"y\\"","schema":{"dimension":2,"distance_metric":"cosine","id_type":"int64"},"vectors":[\n' +
      '{"id":"9007199254740993","data":[1,2],"metadata":{"a":1}},\n{"id":2,"data":[3,4],"metadata":null}\n]},\n' +
      '{"name":"none","schema":{"dimension":7,"distance_metric":"euclidean","id_type":"string"},"vectors":[\n\n]}\n]}\n',
  );
  const tables = await read(bytes);
  expect(tables.map(({ name, ids }) => [name, ids])).toEqual([
    ['x "y"', [9007199254740993n, 2]],
    ['none', []],
  ]);
  expect((await read(await written(json))).length).toBe(0);
});

test('a database alone, records alone, a schema behind its vectors', async () => {
  const [one] = await read('{"vectors":[{"id":"a","data":[1]}],"name":"late"}');
  expect(one).toMatchObject({ name: undefined, dimension: undefined, ids: ['a'] });
  await expect(read('{"vectors":[{"id":"a","data":[1]}],"schema":{"dimension":5}}')).rejects.toThrow(
    'the schema of a database stands behind its vectors; put it before them',
  );
  const [array] = await read('\uFEFF [ {"id":1,"embedding":[1,2]} , {"id":2,"embedding":[3,4]} ] ');
  expect(array).toMatchObject({ name: undefined, ids: [1, 2], invalid: [] });
  expect((await read('[]'))[0]).toMatchObject({ ids: [], position: 0 });
});

test('invalid records say where, in a text of many lines', async () => {
  const [table] = await read(
    '{"name":"a","schema":{"dimension":2},"vectors":[\n{"id":1,"data":[1,2]},\n  {"id":2,"data":[1]},\n' +
      '{"id":3,\n "data":[1,,2]}, 5, "x", [{"id":4}],\n{"id":6,"data":[3,4]}]}',
  );
  expect(table!.ids).toEqual([1, 6]);
  expect(table!.records).toEqual([1, 7]);
  expect(table!.invalid.map(({ record, line, column }) => [record, line, column])).toEqual([
    [2, 3, 3],
    [3, 5, 12],
    [4, 5, 18],
    [5, 5, 21],
    [6, 5, 26],
  ]);
  expect(table!.invalid[1]!.text).toBe('{"id":3,\n "data":[1,,2]}');
});

test('what is asked for goes before what the document says', async () => {
  const text = '{"schema":{"dimension":2,"id_type":"string"},"vectors":[{"id":"1","data":[1]},{"id":2,"data":[1,2]}]}';
  const [table] = await read(text, { dimension: 1, idType: 'int64' });
  expect(table).toMatchObject({ dimension: 2, ids: [1] });
  expect(table!.invalid.map(({ reason }) => reason)).toEqual(['the vector has 2 values, not 1']);
});

test.each([
  ['', /^test: the JSON ends at line 1, column 1, where a JSON object/],
  ['\n x', /line 2, column 2 has 'x' where a JSON object/],
  ['{"a":1}', /neither "databases" nor "vectors"/],
  ['{"databases":{}}', /column 14 has '\{' where the array of databases/],
  ['{"databases":[1]}', /has '1' where a database, which is an object,/],
  ['{"databases":[]} x', /has 'x' where the end of the document/],
  ['{"databases":[] "a":1}', /where "," or "}" should be/],
  ['{"databases":[],}', /where a key should be/],
  ['{"vectors":[],"vectors":[]}', /second array of vectors/],
  ['{"vectors":[{"id":1,"data":[1]} {"id":2,"data":[1]}]}', /column 33 has '\{' where "," or "]"/],
  ['{"vectors":[{"id":1,"data":[1]},]}', /where a value should be/],
  ['{"name":7,"vectors":[]}', /the name of a database is 7/],
  [
    '{"name":"a","schema":{"distance_metric":"hamming"}}',
    /distance_metric of the database "a" is "hamming", not one of/,
  ],
  ['{"schema":{"id_type":"uuid"}}', /id_type of a database is "uuid"/],
  ['{"schema":{"dimension":0}}', /^test: the dimension of a database must be an integer from 1 to 65536, not 0/],
  ['{"schema":3}', /schema of a database is 3/],
  [Buffer.from('{"name":"\xff"}', 'latin1'), /where UTF-8 should be/],
])('what is broken is refused, case %#', async (text, message) => {
  for (const piece of [1, 1000]) await expect(read(text, {}, piece)).rejects.toThrow(message);
});

test('what comes before an error has been given', async () => {
  const ids: unknown[] = [];
  const reading = async (): Promise<void> => {
    const options = { dimension: undefined, idType: undefined, allowNonFinite: false, batchBytes: 1000 };
    for await (const table of json.read(sourceOf('[{"id":1,"data":[1]},{"id":2,"data":[2]},{"id'), options)) {
      for await (const batch of table.rows()) ids.push(...batch.ids!);
    }
  };
  await expect(reading()).rejects.toThrow(/cut short/);
  expect(ids).toEqual([1, 2]);
});

test('a table that is not read is passed over', async () => {
  const names: unknown[] = [];
  const options = { dimension: undefined, idType: undefined, allowNonFinite: false, batchBytes: 1000 };
  for await (const table of json.read(sourceOf(DOCUMENT, { piece: 7 }), options)) names.push(table.name);
  expect(names).toEqual(['aé', 'b', 'c']);
});

test('what is not needed may be longer than memory, a record may not', async () => {
  const text = (open: string): Parameters<typeof found>[1] => ({
    ...sourceOf(open),
    async *bytes() {
      yield await Promise.resolve(Buffer.from(open));
      for (let i = 0; i < 80; i++) yield Buffer.alloc(1 << 20, 'a');
      yield Buffer.from('","vectors":[{"id":1,"data":[1]}]}');
    },
  });
  expect((await found(json, text('{"more":"')))[0]!.ids).toEqual([1]);
  const input = new JsonInput(text('"'));
  await input.skip();
  expect(input.bytes.length).toBeLessThan(4 << 20);
  await expect(found(json, text('{\n"vectors":[{"id":"'))).rejects.toThrow(
    'the record at line 2 is longer than 32 MiB',
  );
});

test('nesting of any depth does no harm', async () => {
  const [table] = await read(`[${'['.repeat(300000)}${']'.repeat(300000)},{"id":1,"data":[1]}]`, {}, 65536);
  expect(table).toMatchObject({ ids: [1], position: 2 });
});

test.each([
  ['{"databases":[]}', true],
  ['\uFEFF {"name":"a","vectors":[{"id":1}]}\n', true],
  ['[{"id":1}]', true],
  ['[]', true],
  ['{"databases":[{"name":"a","vectors":[]}}]}', true],
  ['{"version":1,"vectors":[] x', true],
  ['{"databases" []}', false],
  ['{"more":[]}]}', false],
  ['[1,2]', false],
  ['{"id":1,"data":[1]}\n', false],
  ['{"a":1}', false],
  ['\x93NUMPY', false],
  ['', undefined],
  [`{"more":"${'a'.repeat(70000)}`, undefined],
])('recognises its own, case %#', (text, expected) => {
  expect(json.recognises(Buffer.from(text).subarray(0, 65536))).toBe(expected);
});
