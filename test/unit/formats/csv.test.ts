/** CSV. */
import { csv } from '../../../lib/formats/text/csv.js';
import type { ReadOptions } from '../../../lib/formats/types.js';
import { found, sourceOf, tableOf, written, type Found } from '../../formats.js';

const read = async (text: string | Uint8Array, options: Partial<ReadOptions> = {}, piece = 1000): Promise<Found> =>
  (await found(csv, sourceOf(text, { piece }), { batchBytes: 1000, ...options }))[0]!;
const plain = ({ vectors }: Found): number[][] => vectors.map((vector) => [...vector]);
const reasons = ({ invalid }: Found): string[] => invalid.map(({ reason }) => reason);

test('writes a column for each value', async () => {
  const ids = ['a', 'b,"c"', ' d', 'e\nf'];
  const table = tableOf(
    ids,
    [
      [0.1, -0],
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    [{ a: 'x"' }],
  );
  const bytes = await written(csv, table);
  expect(bytes.toString()).toBe(
    'id,v0,v1,metadata\na,0.1,-0,"{""a"":""x\\""""}"\n"b,""c""",1,2,\n" d",3,4,\n"e\nf",5,6,\n',
  );
  expect((await read(bytes)).ids).toEqual(ids);
  await expect(written(csv, table, table)).rejects.toThrow(/one database.*json/);
});

test.each([
  ['id,v0,v1\n1,0.5,2\n', 'commas'],
  ['\uFEFFid;v0;v1\r\n\r\n1;0.5;2', 'semicolons, CRLF, a mark in front, no newline at the end'],
  ['id\tv0\tv1\n1\t0.5\t2\n \n', 'tabs, blanks'],
  ['"id","v0","v1"\n"1","0.5","2"\n', 'quotes everywhere'],
  ['v1,ID, v0\n 2 ,1, +.5e0 \n', 'any order, blanks around, signs'],
  ['vector_id,dim_1,dim_2\n1,5.e-1,02\n', 'from 1, other names'],
  ['id,0,1\n1,.5,2\n', 'plain numbers'],
  ['id,data\n1,"[0.5, 2]"\n', 'an array'],
  ['embedding;id\n[0.5,2];1\n', 'an array without quotes'],
])('reads %j: %s', async (text) => {
  for (const piece of [1, 4, 1000]) {
    const table = await read(text, {}, piece);
    expect(table).toMatchObject({ ids: [1], invalid: [] });
    expect(plain(table)).toEqual([[0.5, 2]]);
  }
});

test('other columns become strings in the metadata, under its own', async () => {
  const table = await read(
    ',id,v0,title,metadata,__proto__\n0,1,1,"a ""b"",\nc",,\n1,2,2,x,"{""title"":7,""k"":[1]}",p\n2,3,3,,{},\n3,4,4,,,\n',
  );
  expect(table.invalid).toEqual([]);
  expect(table.metadata.map((one) => JSON.stringify(one))).toEqual([
    '{"title":"a \\"b\\",\\nc"}',
    '{"__proto__":"p","title":7,"k":[1]}',
    '{}',
    undefined,
  ]);
});

test('metadata beside other columns stays as it is written', async () => {
  const table = await read('v0,t,metadata\n1,x,"  {""n"":12345678901234567890, ""m"":1.0}"\n2,x," { } "\n');
  expect(table.texts).toEqual(['{"t":"x","n":12345678901234567890, "m":1.0}', '{"t":"x"}']);
});

test('other columns may have the same number in their names', async () => {
  for (const [header, row] of [
    ['id,v0,v1,tag1,tag01', '1,2,3,a,b'],
    ['tag1,id,tag01,v2,v1', 'a,1,b,3,2'],
    ['id,tag0,tag1,tag01,v0,v1', '1,,a,b,2,3'],
  ]) {
    const table = await read(`${header}\n${row}\n`);
    expect(table).toMatchObject({ ids: [1], metadata: [{ tag1: 'a', tag01: 'b' }] });
    expect(plain(table)).toEqual([[2, 3]]);
  }
});

test('no ids', async () => {
  expect(await read('x0,x1\n1,2\n3,4\n')).toMatchObject({ ids: undefined, dimension: 2, position: 2 });
});

describe('ids', () => {
  const id = (...ids: string[]): string => `id,v0\n${ids.map((one) => `${one},1\n`).join('')}`;

  test('are integers where the first one is', async () => {
    const table = await read(id('0', '9007199254740993', '9223372036854775807', 'x', '007', '9223372036854775808'));
    expect(table.ids).toEqual([0, 9007199254740993n, 9223372036854775807n]);
    expect(reasons(table)[0]).toBe('the id "x" is no integer from 0 to 2^63-1, as the first one is');
    expect(table.invalid.length).toBe(3);
  });

  test('are strings where the first one is none', async () => {
    for (const first of ['007', 'x', '-1', '9223372036854775808']) {
      expect((await read(id(first, '8'))).ids).toEqual([first, '8']);
    }
  });

  test('are what is asked for', async () => {
    expect((await read(id('1', 'x'), { idType: 'string' })).ids).toEqual(['1', 'x']);
    expect((await read(id('x', '1'), { idType: 'int64' })).ids).toEqual([1]);
    expect((await read(id('', 'é'.repeat(513), 'y'), { idType: 'string' })).ids).toEqual(['y']);
  });
});

test('invalid records say where and why, and the others are read', async () => {
  const table = await read(
    [
      'id,v0,v1,metadata',
      '1,1,2,',
      '2,1,x,',
      '3,1,,',
      '',
      '4,1',
      '5,1,2,,',
      '6,1,0x10,',
      '7,1,1e39,',
      '8,1,NaN,',
      '9,1,2,[1]',
      '10,1,2,"{""a"":""\n""}"',
      '11,"1"2,2,',
      '12,1 1,2,',
      '13,1,1e,',
      '14,3,4,"{""a"":\n1}"',
      '15,1,2,{',
      '16,5,6,',
    ].join('\n'),
  );
  expect(table.ids).toEqual([1, 14, 16]);
  expect(table.records).toEqual([1, 14, 16]);
  expect(table.metadata[1]).toEqual({ a: 1 });
  const lines = [3, 4, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 19];
  expect(table.invalid.map(({ line }) => line)).toEqual(lines);
  expect(table.invalid.map(({ record }) => record)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15]);
  expect(table.invalid[0]).toMatchObject({
    column: 5,
    text: '2,1,x,',
    reason: 'value 1 of the vector is "x", not a number',
  });
  expect(reasons(table).slice(1, 6)).toEqual([
    'value 1 of the vector is "", not a number',
    'it has 2 fields, the first line 4',
    'it has more fields than the first line, which has 4',
    'value 1 of the vector is "0x10", not a number',
    'value 1 of the vector is 1e39, no finite float32',
  ]);
});

test('infinities as others write them', async () => {
  const table = await read('v0\nnan\n-inf\n"Infinity"\n+INF \ninfinite\n', { allowNonFinite: true });
  expect(plain(table).flat()).toEqual([NaN, -Infinity, Infinity, Infinity]);
  expect(table.invalid.map(({ record }) => record)).toEqual([5]);
});

test('numbers too large for a float32 are invalid where infinities are allowed', async () => {
  const texts = ['1e39', '-1e300', '"1e400"', ' +1e39 ', '9'.repeat(400)];
  for (const allowNonFinite of [false, true]) {
    const table = await read(`v0\n${texts.join('\n')}\n1\n`, { allowNonFinite });
    expect(reasons(table)).toEqual(texts.map((text) => `value 0 of the vector is ${text}, no finite float32`));
    expect(reasons(await read('data\n"[1,1e39]"\n"[1,1e400]"\n"[1,2]"\n', { allowNonFinite })).length).toBe(2);
  }
});

test('arrays: other lengths, no numbers, infinities', async () => {
  const table = await read('data\n"[1,2]"\n"[1]"\n"[1,,2]"\n7\n"[1,""NaN""]"\n"[1,null]"\n"[3,4] "\n');
  expect(plain(table)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(table.invalid.map(({ record }) => record)).toEqual([2, 3, 4, 5, 6]);
  expect(plain(await read('data\n"[1,""NaN""]"\n', { allowNonFinite: true }))).toEqual([[1, NaN]]);
});

test('bytes that are no UTF-8 are an invalid record', async () => {
  const table = await read(Buffer.from('id,v0,t\na,1,\xff\nb,1,x\n\xff,1,x\n', 'latin1'));
  expect(table.ids).toEqual(['b']);
  expect(reasons(table)).toEqual(['it is not valid UTF-8', 'it is not valid UTF-8']);
});

test('a quote within a field opens nothing', async () => {
  const table = await read('id,v0,title\n1,1,5" disk\n2,2,x\n');
  expect(table.metadata).toEqual([{ title: '5" disk' }, { title: 'x' }]);
});

test.each([
  ['', /^test: there is no first line; it must name the columns/],
  ['\n\n', /there is no first line/],
  ['1,0.5,0.25\n', /the first line is all numbers; it must name the columns, such as id,v0,v1,metadata/],
  ['a,0.1,0.2\n', /no column holds vectors.*"a,0.1,0.2"/],
  ['id,name\n', /no column holds vectors/],
  ['id,v0,v2\n', /"v0", "v1" and so on.*without gaps/],
  ['id,v5,v6\n', /without gaps/],
  ['v0,v00\n', /the columns "v0" and "v00" have the same number; rename one/],
  ['id,v0,v1,v01,tag1,tag01\n', /the columns "v1" and "v01" have the same number/],
  ['a0,a1,b0,b1\n', /both "a…" and "b…" could be the vector/],
  ['id,v0,id\n', /two columns are named "id"/],
  ['id,"v0"x\n', /the first line: a field in quotes goes on/],
  ['id,v0,t\n1,1,"x\n2,2,y\n', /quotes in the record at line 2 never end/],
])('what cannot be read is refused, case %#', async (text, message) => {
  for (const piece of [1, 1000]) await expect(read(text, {}, piece)).rejects.toThrow(message);
});

test('what comes before quotes that never end has been given', async () => {
  const ids: unknown[] = [];
  const options = { dimension: undefined, idType: undefined, allowNonFinite: false, batchBytes: 1000 };
  const reading = async (): Promise<void> => {
    for await (const table of csv.read(sourceOf('id,v0,t\n1,1,x\n2,1,"x'), options)) {
      for await (const batch of table.rows()) ids.push(...batch.ids!);
    }
  };
  await expect(reading()).rejects.toThrow(/line 3/);
  expect(ids).toEqual([1]);
});

test('the dimension that is asked for', async () => {
  expect(reasons(await read('v0,v1\n1,2\n', { dimension: 3 }))).toEqual(['the vector has 2 values, not 3']);
});

test('goes by its name, but has no zero bytes', () => {
  expect([csv.recognises(Buffer.from('id,v0\n')), csv.recognises(Buffer.from('a\0'))]).toEqual([undefined, false]);
});
