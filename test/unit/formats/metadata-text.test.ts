/** Metadata of JSON and JSON Lines stays as it is written, digit by digit, whichever way a record is read. */
import fc from 'fast-check';
import { json } from '../../../lib/formats/text/json.js';
import { jsonl } from '../../../lib/formats/text/jsonl.js';
import { metadataWith } from '../../../lib/formats/values.js';
import { found, sourceOf, type Found } from '../../formats.js';

const N = '12345678901234567890';

const read = async (text: string, piece = 1000): Promise<Found> =>
  (await found(jsonl, sourceOf(text, { piece }), { allowNonFinite: true, idType: 'string', batchBytes: 1000 }))[0]!;

// What JSON.parse has to read, since something in it is unusual.
test.each([
  ['"id":"é"', '"data":[1]'],
  ['"id":"a\\"b"', '"data":[1]'],
  ['"id":"a"', '"data":["NaN"]'],
  ['"id":"a"', '"d\\u0061ta":[1]'],
  ['"id":"a","id":"b"', '"data":[1]'],
])('with %s, %s', async (id, data) => {
  const own = `{"n":${N}, "m" : 1.0,"n":-0}`;
  const table = await read(
    [
      `{${id},${data},"metadata":${own}}`,
      `{ "metadata" : ${own} , ${id} , ${data} }`,
      `{${id},"m\\u0065tadata":${own},${data}}`,
      `{${id},"metadata":[1],${data},"metadata":${own}}`,
      `{${id},${data},"metadata":${JSON.stringify(own)}}`,
      `{"n":1,${id},"t":2.0,"t":[${N}],${data},"metadata":${own}}`,
      `{"t":${N},"__proto__":1e2,${id},${data},"metadata":{ }}`,
      `{"t":"\\u0061",${id},${data},"metadata":null}`,
      `{${id},${data},"metadata":""}`,
    ].join('\n'),
  );
  expect(table.invalid).toEqual([]);
  expect(table.texts).toEqual([
    ...Array<string>(5).fill(own),
    `{"t":[${N}],"n":${N}, "m" : 1.0,"n":-0}`,
    `{"t":${N},"__proto__":1e2}`,
    '{"t":"\\u0061"}',
    undefined,
  ]);
});

const space = fc.constantFrom('', ' ', '\t ');
const number = fc.constantFrom('1.0', '-0', '1e2', N, '0.10000000000000000001');
const text = fc.oneof(
  { weight: 2, arbitrary: number },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme' }).map((one) => JSON.stringify(one)) },
  fc.jsonValue({ maxDepth: 2 }).map((one) => JSON.stringify(one)),
  fc.constantFrom('"]}"', '"\\\\\\""', '[[{"a":"}"}],{}]'),
);
const name = fc.oneof(fc.constantFrom('a', 'b', 'n', '1', '__proto__', 'toString'), fc.string({ maxLength: 3 }));
const member = fc
  .tuple(name, space, text, space)
  .map(([key, s, value, t]) => `${JSON.stringify(key)}${s}:${t}${value}`);
const object = fc.tuple(fc.array(member, { maxLength: 4 }), space).map(([all, s]) => `{${s}${all.join(`${s},`)}${s}}`);
const own = fc.oneof({ weight: 4, arbitrary: object }, fc.constant('null'), object.map((one) => JSON.stringify(one))); // prettier-ignore
const others = fc.array(
  member.filter((one) => !/^"(id|vector_id|data|vector|values|embedding|metadata)"/.test(one)),
  { maxLength: 4 },
);

test('read in one pass or by JSON.parse, it is the same text', async () => {
  await fc.assert(
    fc.asyncProperty(own, others, fc.nat(4), fc.constantFrom(1, 7, 1000), async (metadata, fields, at, piece) => {
      const record = (id: string): string => {
        const members = [...fields];
        members.splice(at, 0, `"id":${id}`, '"data":[1]', `"metadata":${metadata}`);
        return `{${members.join(',')}}`;
      };
      const records = [record('"a"'), record('"\\u0061"')];
      const lines = await read(records.join('\n'), piece);
      const [document] = await found(json, sourceOf(`[${records.join(',')}]`, { piece }));
      for (const { texts, ids, invalid } of [lines, document!]) {
        expect([ids, invalid]).toEqual([['a', 'a'], []]);
        expect(texts[1]).toBe(texts[0]);
        // The same values as JSON.parse has them, the record's own going before those beside it.
        const beside = JSON.parse(`{${fields.join(',')}}`) as object;
        let parsed = JSON.parse(metadata) as object | string | null;
        if (typeof parsed === 'string') parsed = JSON.parse(parsed) as object;
        const expected = fields.length === 0 && parsed === null ? undefined : { ...beside, ...parsed };
        expect(texts[0] === undefined ? undefined : JSON.parse(texts[0])).toEqual(expected);
        if (fields.length === 0 && metadata.startsWith('{')) expect(texts[0]).toBe(metadata);
      }
    }),
    { numRuns: 300 },
  );
});

test('columns of any format stand before it', () => {
  const fields = { t: 'x', n: 2, list: [1, null], ['__proto__']: { a: 1 } };
  const text = '{"t":"x","list":[1,null],"__proto__":{"a":1},"n":1.0 }';
  expect(metadataWith('{"n":1.0 }', fields)).toBe(text);
  expect(metadataWith(' {\n} ', { t: 'x' })).toBe('{"t":"x"}');
  expect(metadataWith('{"n":1.0}', { n: 2 })).toBe('{"n":1.0}');
  expect(metadataWith(null, { n: 2 })).toBe('{"n":2}');
  expect([metadataWith('{"n":1.0}', {}), metadataWith('', undefined)]).toEqual(['{"n":1.0}', undefined]);
});

test('limits hold for what stands beside it too', async () => {
  const deep = (levels: number): string => '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1);
  const wide = (bytes: number): string => JSON.stringify('x'.repeat(bytes));
  const record = (field: string, id = '"é"'): string => `{"id":${id},"data":[1],"f":${field},"metadata":{"n":1.0}}`;
  for (const id of ['"a"', '"é"']) {
    const texts = [deep(63), deep(64), deep(1000), wide((1 << 20) - 20), wide(1 << 20)];
    const table = await read(texts.map((one) => record(one, id)).join('\n'));
    expect(table.records).toEqual([1, 4]);
    expect(table.invalid.map(({ reason }) => reason)).toEqual([
      'metadata may be nested 64 levels deep at most',
      'metadata may be nested 64 levels deep at most',
      expect.stringMatching(/^metadata has \d+ bytes, more than 1048576$/),
    ]);
  }
});
