/** JSON Lines. */
import fc from 'fast-check';
import { jsonl } from '../../../lib/formats/text/jsonl.js';
import type { ReadOptions } from '../../../lib/formats/types.js';
import { found, sourceOf, tableOf, written, type Found } from '../../formats.js';

const read = async (text: string | Uint8Array, options: Partial<ReadOptions> = {}): Promise<Found> =>
  (await found(jsonl, sourceOf(text), { batchBytes: 1000, ...options }))[0]!;
const plain = ({ vectors }: Found): number[][] => vectors.map((vector) => [...vector]);
const reasons = ({ invalid }: Found): string[] => invalid.map(({ reason }) => reason);

test('writes a record a line', async () => {
  const table = tableOf(
    [1, 9007199254740993n],
    [
      [0.1, -0],
      [1e-45, 3e38],
    ],
    [{ a: 'é' }, undefined],
  );
  expect((await written(jsonl, table)).toString()).toBe(
    '{"id":1,"data":[0.1,-0],"metadata":{"a":"é"}}\n{"id":"9007199254740993","data":[1e-45,3e+38]}\n',
  );
  await expect(written(jsonl, table, table)).rejects.toThrow(/one database.*json/);
});

test('metadata is written as it is, but in one line', async () => {
  const table = tableOf([1], [[1]]);
  const rows = async function* (): AsyncIterable<{
    count: number;
    ids: number[];
    vectors: Float32Array;
    metadata: string[];
  }> {
    yield await Promise.resolve({ count: 1, ids: [1], vectors: Float32Array.of(1), metadata: ['{\n"a":\r\n1e2}'] });
  };
  expect((await written(jsonl, { ...table, rows })).toString()).toBe('{"id":1,"data":[1],"metadata":{ "a":  1e2}}\n');
});

test('reads what others write: names, order, blank lines, CRLF, a mark in front, more keys', async () => {
  const table = await read(
    '\uFEFF{"embedding": [1, 2.5e0], "vector_id": 7, "text": "x", "tags": [1, {"id": 2}]}\r\n\r\n \n' +
      '{"metadata":{"k":[1,"é"]},"values":[-0,1E2],"id":8,"k":2,"__proto__":3}\n{"vector":[0.1,3],"id":9,"metadata":null}',
  );
  expect(table.invalid).toEqual([]);
  expect(table.ids).toEqual([7, 8, 9]);
  expect(plain(table)).toEqual([
    [1, 2.5],
    [-0, 100],
    [Math.fround(0.1), 3],
  ]);
  expect(table.metadata.map((one) => JSON.stringify(one))).toEqual([
    '{"text":"x","tags":[1,{"id":2}]}',
    '{"__proto__":3,"k":[1,"é"]}',
    undefined,
  ]);
  expect(table.records).toEqual([1, 2, 3]);
});

test('an escaped key, two of one name: as JSON.parse has them', async () => {
  const table = await read(
    '{"\\u0069d":5,"data":[1]}\n{"id":1,"id":2,"data":[1],"data":[2]}\n{"vector":[3],"data":[4],"id":3}',
  );
  expect(table.ids).toEqual([5, 2, 3]);
  expect(plain(table)).toEqual([[1], [2], [4]]);
});

test('damaged in any way, a line is what JSON.parse says it is, or invalid', async () => {
  const line = '{"id":12,"data":[0.5,-1e3,0],"metadata":{"a":[1,"\\\\"]},"x":"y"}';
  const byte = fc.constantFrom(...'{}[],:"\\\\0e-. \ta1'.split(''));
  const edit = fc.tuple(fc.nat(line.length), fc.nat(2), byte);
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 2 }), async (edits) => {
      let text = line;
      for (const [at, gone, put] of edits) text = text.slice(0, at) + put + text.slice(at + gone);
      const table = await read(text);
      let parsed: { data?: unknown; id?: unknown } | undefined;
      try {
        parsed = JSON.parse(text) as typeof parsed;
      } catch {
        expect([table.vectors, table.invalid.length]).toEqual([[], 1]);
      }
      if (table.vectors.length === 0) return;
      expect(plain(table)).toEqual([(parsed!.data as number[]).map(Math.fround)]);
      expect(table.ids?.[0]).toBe(Object.is(parsed!.id, -0) ? 0 : parsed!.id);
    }),
    { numRuns: 2000 },
  );
});

test('invalid records say where and why, and the others are read', async () => {
  const table = await read(
    [
      '{"id":1,"data":[1,2]}',
      '{"id":2,"data":[1,,2]}',
      '',
      '{"id":3,"data":[1,2,3]}',
      ' {"id":4,"data":[1,"x"]}',
      '{"id":5,"data":[1,1e39]}',
      '{"id":6,"data":"no"}',
      '[1,2]',
      '{"id":7,"data":[1,2],"metadata":[1]}',
      '{"data":[1,2]}',
      '{"id":8,"data":[]}',
      '{"id":9,"data":[1,01]}',
      '{"id":10}',
      '{"id":11,"data":[3,4]}',
    ].join('\n'),
  );
  expect(table.ids).toEqual([1, 11]);
  expect(table.records).toEqual([1, 13]);
  expect(table.position).toBe(13);
  expect(table.invalid.map(({ record, line, column }) => [record, line, column])).toEqual([
    [2, 2, 19],
    [3, 4, 1],
    [4, 5, 2],
    [5, 6, 1],
    [6, 7, 1],
    [7, 8, 1],
    [8, 9, 1],
    [9, 10, 1],
    [10, 11, 1],
    [11, 12, 19],
    [12, 13, 1],
  ]);
  expect(table.invalid[0]!.text).toBe('{"id":2,"data":[1,,2]}');
  expect(reasons(table)).toEqual([
    expect.stringContaining('not JSON'),
    'the vector has 3 values, not 2',
    'value 1 of the vector is "x", not a number',
    'value 1 of the vector is 1e+39, too large for a float32',
    'data is "no", not an array of numbers',
    'it is not a JSON object with an id and a vector',
    'metadata is an array of 1, not a JSON object',
    'there is no id',
    'the vector has no values',
    expect.stringContaining('not JSON'),
    'it has no vector: none of data, vector, values, embedding',
  ]);
});

test('numbers too large for a float32 are invalid where infinities are allowed', async () => {
  const records = ['[1e300,1]', '["NaN",-1e39]', '[1,1e400]', '["-Infinity",1]'].map((data) => `{"data":${data}}`);
  const table = await read(records.join('\n'), { allowNonFinite: true });
  expect(plain(table)).toEqual([[-Infinity, 1]]);
  expect(reasons(table)).toEqual([
    'value 0 of the vector is 1e+300, too large for a float32',
    'value 1 of the vector is -1e+39, too large for a float32',
    'value 1 of the vector is a number, too large for a float32',
  ]);
});

test('bytes that are no UTF-8 are an invalid record, wherever they stand', async () => {
  const line = (json: string): Buffer => Buffer.concat([Buffer.from(json, 'latin1'), Buffer.from('\n')]);
  const table = await read(
    Buffer.concat([
      line('{"id":"\xff","data":[1]}'),
      line('{"id":"b","data":[1],"metadata":{"a":"\xff"}}'),
      line('{"id":"c","data":[1],"more":"\xff"}'),
      line('{"id":"d","\xff":1,"data":[1]}'),
      line('{"id":"e","data":[1]}'),
    ]),
  );
  expect(table.ids).toEqual(['e']);
  expect(reasons(table)).toEqual(Array<string>(4).fill('it is not valid UTF-8'));
});

describe('ids', () => {
  const id = (...ids: string[]): string => ids.map((one) => `{"id":${one},"data":[1]}`).join('\n');

  test('the type is that of the first one', async () => {
    const numbers = await read(id('1', '"2"', '"9007199254740993"', '3'));
    expect(numbers.ids).toEqual([1, 9007199254740993n, 3]);
    const strings = await read(id('"a"', '2', '"3"'));
    expect(strings.ids).toEqual(['a', '3']);
    expect(reasons(strings)).toEqual([expect.stringContaining('the id 2 is a number')]);
  });

  test('the type is the one that is asked for', async () => {
    const int64 = await read(id('"9223372036854775807"', '5', '"x"', '"007"', '"9223372036854775808"'), {
      idType: 'int64',
    });
    expect(int64.ids).toEqual([9223372036854775807n, 5]);
    expect(int64.invalid.map(({ record }) => record)).toEqual([3, 4, 5]);
    expect((await read(id('1', '"b"'), { idType: 'string' })).ids).toEqual(['1', 'b']);
  });

  test('what is no id is invalid', async () => {
    const long = JSON.stringify('é'.repeat(512) + 'x');
    const table = await read(id('-1', '1.5', 'null', '{}', '""', long, '"\\ud800"', '9007199254740993', '01', 'true'));
    expect(table.ids).toEqual([]);
    expect(reasons(table)[7]).toBe(
      'the id 9007199254740992 is no integer from 0 to 2^53-1; write it as a string of digits',
    );
    expect(table.invalid.length).toBe(10);
  });

  test('none at all', async () => {
    const table = await read('{"data":[1]}\n{"data":[2]}\n{"id":3,"data":[3]}');
    expect(table.ids).toBeUndefined();
    expect(table.vectors.length).toBe(2);
    expect(reasons(table)).toEqual(['there is an id, where the first row has none']);
  });

  test('an invalid row settles nothing', async () => {
    const table = await read('{"id":"a","data":[]}\n{"data":[1,2],"metadata":3}\n{"id":5,"data":[1]}');
    expect(table.ids).toEqual([5]);
  });
});

test('metadata: text of JSON is one, limits hold', async () => {
  const record = (metadata: string): string => `{"id":1,"data":[1],"metadata":${metadata}}`;
  const deep = (levels: number): string => '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1);
  const wide = (bytes: number): string => JSON.stringify({ a: 'x'.repeat(bytes - 8) });
  const good = await read([record('"{\\"a\\":1}"'), record('""'), record(deep(64)), record(wide(1 << 20))].join('\n'));
  expect(good.invalid).toEqual([]);
  expect(good.metadata.slice(0, 2)).toEqual([{ a: 1 }, undefined]);
  const texts = [
    record('"{"'),
    record('"[]"'),
    record('7'),
    record(deep(65)),
    record(wide((1 << 20) + 1)),
    record(deep(100000)),
  ];
  const bad = await read(texts.join('\n'));
  expect(bad.ids).toEqual([]);
  expect(bad.invalid.length).toBe(6);
});

test('the dimension that is asked for, vectors too long for any', async () => {
  expect(reasons(await read('{"data":[1]}\n{"data":[1,2]}', { dimension: 2 }))).toEqual([
    'the vector has 1 values, not 2',
  ]);
  const long = (length: number): string => `{"data":[${Array(length).fill('1').join(',')}]}`;
  expect((await read(long(65536))).vectors[0]!.length).toBe(65536);
  expect(reasons(await read(long(65537)))).toEqual(['the vector has 65537 values, more than 65536']);
});

test('a line without end is refused, what is before it is read', async () => {
  const rows: number[] = [];
  const source = {
    ...sourceOf('{'),
    async *bytes() {
      yield await Promise.resolve(Buffer.from('{"data":[1]}\n'));
      for (let i = 0; i < 100; i++) yield Buffer.alloc(1 << 20, 32);
    },
  };
  const reading = async (): Promise<void> => {
    for await (const table of jsonl.read(source, {
      dimension: undefined,
      idType: undefined,
      allowNonFinite: false,
      batchBytes: 99,
    })) {
      for await (const batch of table.rows()) rows.push(batch.count);
    }
  };
  await expect(reading()).rejects.toThrow('test: the record at line 2 is longer than 32 MiB');
  expect(rows).toEqual([1]);
});

test('UTF-16 is named', async () => {
  await expect(read(Buffer.from('\uFEFF{"id":1}', 'utf16le'))).rejects.toThrow('test: the text is UTF-16');
});

test.each([
  ['{"id":1,"data":[1]}\n', true],
  ['\uFEFF \n{"vector":[1]}', true],
  ['{"databases":[]}', false],
  ['{"name":"a","vectors":[{"id":1}]}', false],
  ['{"a":1}\n', false],
  ['{\n"id":1}', false],
  ['{"id":1,"data":[1\n', false],
  ['[{"id":1}]', false],
  ['id,v0\n', false],
  ['', undefined],
  [`{"id":1,"data":[${'0.25,'.repeat(20000)}`, true],
  [`{"more":[${'0.25,'.repeat(20000)}`, undefined],
])('recognises its own, case %#', (text, expected) => {
  expect(jsonl.recognises(Buffer.from(text).subarray(0, 65536))).toBe(expected);
});
