/** npz: files of numpy's own, what is written comes back, what is refused, what damage does. */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { npyHeader } from '../../../lib/formats/numpy/npy-header.js';
import { writeNpz } from '../../../lib/formats/numpy/npz-writer.js';
import { npz } from '../../../lib/formats/numpy/npz.js';
import type { OutTable } from '../../../lib/formats/types.js';
import { ZipWriter } from '../../../lib/formats/numpy/zip-writer.js';
import { anyRows, found, sourceOf, tableOf, written, type Found } from '../../formats.js';

const code = 'JVDB_INVALID_ARGUMENT';
const read = async (bytes: Buffer, options = {}): Promise<Found> => (await found(npz, sourceOf(bytes), options))[0]!;
const rows = ({ vectors }: Found): number[][] => vectors.map((one) => [...one]);
// Made by numpy 2.4: savez_compressed, or savez for 'plain'.
const ofNumpy = (name: string): Buffer => readFileSync(path.join(__dirname, '../../fixtures/npz', `${name}.npz`));

type Values = Uint8Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array | Int32Array | Uint32Array;
type Arrays = Record<string, [descr: string, shape: number[], values: Values]>;

// A zip file of arrays.
async function zipOf(arrays: Arrays): Promise<Buffer> {
  const zip = new ZipWriter();
  const pieces: Uint8Array[] = [];
  for (const [name, [descr, shape, { buffer, byteOffset, byteLength }]] of Object.entries(arrays)) {
    const bytes = Buffer.concat([npyHeader(descr, shape), new Uint8Array(buffer, byteOffset, byteLength)]);
    for await (const piece of zip.entry(`${name}.npy`, bytes.length, [bytes])) pieces.push(piece);
  }
  return Buffer.concat([...pieces, zip.end()]);
}
const vectors = (count: number): Arrays => ({
  vectors: ['<f4', [count, 1], Float32Array.from({ length: count }, (_, i) => i)],
});
const flat = (name: string, texts: (string | Buffer)[]): Arrays => {
  const parts = texts.map((text) => Buffer.from(text as string));
  const offsets = [0];
  for (const part of parts) offsets.push(offsets.at(-1)! + part.length);
  const bytes = Buffer.concat(parts);
  return {
    [`${name}_utf8`]: ['|u1', [bytes.length], bytes],
    [`${name}_offsets`]: ['<i8', [offsets.length], BigInt64Array.from(offsets, BigInt)],
  };
};
const all = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const list: Uint8Array[] = [];
  for await (const piece of pieces) list.push(piece);
  return Buffer.concat(list);
};
async function* one(table: OutTable): AsyncGenerator<OutTable> {
  yield await Promise.resolve(table);
}

describe('files of numpy', () => {
  test('deflated, float16, texts of code points', async () => {
    expect(npz.recognises(ofNumpy('packed'))).toBe(true);
    const table = await read(ofNumpy('packed'));
    expect(rows(table)).toEqual([[1.5, 2], [-0, 4], [5, 65504]]); // prettier-ignore
    expect(table).toMatchObject({
      ids: ['a', 'ü😀', 'x y'],
      metadata: [{ n: 1 }, undefined, { é: [] }],
      ...{ idType: 'string', dimension: 2, count: 3, invalid: [], position: 3 },
    });
  });

  test('float64, texts of bytes, metadata that is no object', async () => {
    const table = await read(ofNumpy('bytes'));
    expect(rows(table)).toEqual([[1.5, 2], [-0, 4]]); // prettier-ignore
    expect(table).toMatchObject({ ids: ['a', 'ü'], metadata: [{ n: 1 }, undefined], records: [1, 2], position: 3 });
    expect(table.invalid).toMatchObject([
      { record: 3, reason: expect.stringContaining('must be an object') as string },
    ]);
  });

  test('stored, one array of floats among others, unsigned ids', async () => {
    for (const batchBytes of [1, 16, 1000]) {
      const table = await read(ofNumpy('plain'), { batchBytes });
      expect(rows(table)).toEqual([[1.5, 2], [5, 65504]]); // prettier-ignore
      expect(table).toMatchObject({ ids: [1, 3], idType: 'int64', records: [1, 3] });
      expect(table.invalid).toEqual([{ record: 2, reason: 'id 9223372036854775808 is not from 0 to 2^63-1' }]);
    }
  });
});

test('what is written comes back, with zip64 or without', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyRows(5),
      fc.integer({ min: 1, max: 99 }),
      fc.integer({ min: 1, max: 999 }),
      async (all, batchBytes, bigFrom) => {
        const [ids, values] = [all.map(([id]) => id), all.map(([, vector]) => vector)];
        const table = (): OutTable =>
          tableOf(
            ids,
            values,
            all.map(([, , more]) => more),
          );
        const pieces: Uint8Array[] = [];
        for await (const piece of writeNpz(one(table()), bigFrom)) pieces.push(piece);
        const back = await read(Buffer.concat(pieces), { batchBytes });
        expect(back).toMatchObject({ ids, position: ids.length, invalid: [], count: ids.length });
        expect(rows(back)).toEqual(values);
        expect(JSON.stringify(back.metadata)).toBe(JSON.stringify(all.map(([, , more]) => more)));
        if (ids.length > 0) expect(back.idType).toBe(typeof ids[0] === 'string' ? 'string' : 'int64');
      },
    ),
    { numRuns: 100 },
  );
});

test('two files of the same rows are the same; no metadata takes no room', async () => {
  const table = (): OutTable => tableOf(['a', 'b\0'], [[1], [2]]);
  const bytes = await written(npz, table());
  expect(bytes.equals(await written(npz, table()))).toBe(true);
  expect(bytes.includes('metadata')).toBe(false);
  expect(npz.recognises(bytes)).toBe(true);
  expect(await read(bytes)).toMatchObject({ ids: ['a', 'b\0'], metadata: [undefined, undefined] });
});

test('much metadata is kept in a file that goes', async () => {
  const more = Array.from({ length: 50 }, (_, i) => ({ text: `é${i}`.repeat(20_000) }));
  const ids = more.map((_, i) => i);
  const temporary = (): string[] => readdirSync(tmpdir()).filter((name) => /^jvdb-.*\.tmp$/.test(name));
  const before = temporary();
  const table = (): OutTable => tableOf(ids, ids.map((id) => [id]), more); // prettier-ignore
  expect((await read(await written(npz, table()))).metadata).toEqual(more);
  for await (const piece of npz.write!(one(table()))) if (piece.length > 1e6) break;
  const failing = { ...table(), count: 51 };
  await expect(written(npz, failing)).rejects.toMatchObject({ code: 'JVDB_CONFLICT' });
  expect(temporary()).toEqual(before);
});

describe('ids', () => {
  const idsOf = async (arrays: Arrays, options = {}): Promise<Found> => {
    const [, [count]] = Object.values(arrays)[0]!;
    return read(
      await zipOf({ ...vectors(arrays['ids_offsets'] ? arrays['ids_offsets'][1][0]! - 1 : count!), ...arrays }),
      options,
    );
  };

  test.each([
    ['<i4', Int32Array.of(7, -1, 2 ** 31 - 1), [7, 2 ** 31 - 1], 'id -1 is not from 0 to 2^63-1'],
    ['<u4', Uint32Array.of(7, 2 ** 32 - 1), [7, 2 ** 32 - 1], undefined],
    ['<i8', BigInt64Array.of(2n ** 53n, -5n, 2n ** 53n - 1n), [2n ** 53n, 2 ** 53 - 1], 'id -5 is not from'],
    ['<u8', BigUint64Array.of(2n ** 63n - 1n, 2n ** 64n - 1n), [2n ** 63n - 1n], 'id 18446744073709551615 is not from'],
  ])('%s', async (descr, values, ids, reason) => {
    const table = await idsOf({ ids: [descr, [values.length], values] });
    expect(table.ids).toEqual(ids);
    expect(table.invalid.map((wrong) => wrong.reason)).toEqual(
      reason === undefined ? [] : [expect.stringContaining(reason) as string],
    );
  });

  test('are read as the type that is asked for', async () => {
    const texts = flat('ids', ['12', '9223372036854775807', 'a', '9223372036854775808', '1.5']);
    const table = await idsOf(texts, { idType: 'int64' });
    expect(table).toMatchObject({ ids: [12, 2n ** 63n - 1n], idType: 'int64' });
    expect(table.invalid.map(({ reason }) => reason)).toEqual([
      'id "a" is no integer',
      'id "9223372036854775808" is above 2^63-1',
      'id "1.5" is no integer',
    ]);
    const numbers: Arrays = { ids: ['<i8', [2], BigInt64Array.of(12n, 2n ** 60n)] };
    expect(await idsOf(numbers, { idType: 'string' })).toMatchObject({ ids: ['12', `${2n ** 60n}`], idType: 'string' });
  });

  test('that are none are invalid', async () => {
    const long = 'é'.repeat(512);
    const table = await idsOf(flat('ids', ['a', '', long, `${long}x`, Buffer.of(0xc3), Buffer.of(0xa9), 'b']));
    expect(table.ids).toEqual(['a', long, 'b']);
    expect(table.invalid.map(({ record, reason }) => [record, reason])).toEqual([
      [2, 'its id is empty'],
      [4, expect.stringContaining('has 1025 bytes; 1024 are possible')],
      [5, 'text "\ufffd" is not UTF-8'], // each half of a character, which together are one
      [6, 'text "\ufffd" is not UTF-8'],
    ]);
  });

  test('of code points that are none are invalid', async () => {
    const points = Uint32Array.of(0x61, 0, 0xd800, 0, 0x110000, 0, 0x10ffff, 0x100, 0, 0x62, 0, 0);
    const table = await idsOf({ ids: ['<U2', [6], points] });
    expect(table.ids).toEqual(['a', '\u{10ffff}\u0100', '\0b']);
    expect(table.invalid.map(({ reason }) => reason)).toEqual([
      'text has 55296, no code point of Unicode, at 0',
      'text has 1114112, no code point of Unicode, at 0',
      'its id is empty',
    ]);
  });

  test('of a wrong value and a wrong vector: one invalid record', async () => {
    const bytes = await zipOf({
      vectors: ['<f4', [2, 1], Float32Array.of(NaN, 1)],
      ids: ['<i8', [2], BigInt64Array.of(-1n, 2n)],
    });
    expect((await read(bytes)).invalid).toEqual([{ record: 1, reason: 'value 0 is NaN, no finite number' }]);
  });
});

test('metadata that is too long or too deep is invalid, whatever memory is for', async () => {
  const long = (length: number): string => `{"a":"${'x'.repeat(length - 8)}"}`;
  const texts = [long(2 ** 20), long(2 ** 20 + 1), '{"a":'.repeat(65) + '1' + '}'.repeat(65), '{', '{"b":1}'];
  const many = Array.from({ length: 10 }, () => texts).flat();
  const table = await read(await zipOf({ ...vectors(50), ...flat('metadata', many) }), { batchBytes: 1e6 });
  expect(table.records).toEqual(many.flatMap((_, i) => (i % 5 === 0 || i % 5 === 4 ? [i + 1] : [])));
  expect(table.batches).toBe(2); // some MiB of text each
  expect(table.ids).toBeUndefined();
  expect(table.invalid.slice(0, 3).map(({ reason }) => reason)).toEqual([
    'a text of 1048577 bytes is too long; 1048576 are possible',
    'metadata may be nested 64 levels deep at most',
    expect.stringMatching(/^metadata "\{" is not JSON/),
  ]);
});

describe('what is refused', () => {
  const two = vectors(2);
  test.each<[string, Arrays]>([
    [`test has no array 'vectors', nor just one of rows of floats: its arrays are none`, {}],
    ['its arrays are "a", "b"; name it', { a: two['vectors']!, b: two['vectors']! }],
    ['test: vectors has one axis: save a.reshape(-1, d)', { vectors: ['<f4', [2], new Float32Array(2)] }],
    ['test: vectors has big-endian values', { vectors: ['>f4', [2, 1], new Float32Array(2)] }],
    ['test has 3 ids for 2 vectors', { ...two, ids: ['<i8', [3], new BigInt64Array(3)] }],
    ['test has 1 metadata for 2 vectors', { ...two, ...flat('metadata', ['{}']) }],
    [`test: ids has values of type "<f8"; integers`, { ...two, ids: ['<f8', [2], new Float64Array(2)] }],
    [`test: metadata has values of type "|O"; JSON texts`, { ...two, metadata: ['|O', [2], new Uint8Array(2)] }],
    ['test: ids has the shape (2, 1), not (rows,)', { ...two, ids: ['<i8', [2, 1], new BigInt64Array(2)] }],
    ['ids_utf8 is there alone', { ...two, ids_utf8: ['|u1', [2], new Uint8Array(2)] }],
    ['texts of 400000000 bytes each', { ...two, ids: ['<U100000000', [2], new Uint8Array(2)] }],
    ['ids ends at byte 136, before its last value', { ...two, ids: ['<i8', [2], new BigInt64Array(1)] }],
    ['ids is longer than its header says', { ...two, ids: ['<i8', [2], new BigInt64Array(3)] }],
    ['the vectors of test end in record 3 of 3', { vectors: ['<f4', [3, 1], new Float32Array(2)] }],
  ])('%s', async (message, arrays) => {
    await expect(read(await zipOf(arrays))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  test.each([
    [[1n, 1n, 2n], 'begins with 1, not 0'],
    [[0n, 2n, 1n], 'has the offset 1 after 2'],
    [[0n, 1n, 3n], 'has the offset 3 after 1'],
    [[0n, 1n, 1n], 'has the offset 1 after 1'],
    [[0n, -1n, 2n], 'has the offset 18446744073709552000 after 0'],
  ])('offsets %j', async (offsets, message) => {
    const arrays = { ...vectors(2), ...flat('ids', ['a', 'b']) };
    const bytes = await zipOf({ ...arrays, ids_offsets: ['<i8', [3], BigInt64Array.from(offsets)] });
    await expect(read(bytes)).rejects.toThrow(message);
  });

  test('a second table, or none', async () => {
    const table = tableOf([1], [[1]]);
    await expect(written(npz, table, table)).rejects.toThrow('npz holds one table');
    await expect(written(npz)).rejects.toThrow('npz holds one table: there is none to write');
  });
});

test('a pipe is kept in a file first', async () => {
  const bytes = await written(npz, tableOf([1, 2], [[1], [2]]));
  const [piped] = await found(npz, sourceOf(bytes, { seekable: false }));
  expect(piped).toEqual((await found(npz, sourceOf(bytes)))[0]);
});

describe('hostile bytes', () => {
  const outcome = async (bytes: Buffer): Promise<unknown> => {
    try {
      const { vectors: values, ids, metadata, invalid } = await read(bytes, { batchBytes: 1000 });
      return { values, ids, metadata, invalid };
    } catch (error) {
      expect(error).toMatchObject({ code });
      return undefined;
    }
  };
  const files = async (): Promise<Buffer[]> => [
    ofNumpy('packed'),
    await written(npz, tableOf(['a', 'bé'], [[1, 2], [3, 4]], [{ a: 1 }])), // prettier-ignore
    await all(writeNpz(one(tableOf([1, 2], [[1, 2], [3, 4]])), 20)), // prettier-ignore
  ];

  test('every cut is an error', async () => {
    for (const bytes of await files()) {
      for (let length = 0; length < bytes.length; length++) {
        expect(await outcome(bytes.subarray(0, length))).toBeUndefined();
      }
    }
  });

  test('every damaged byte is an error or changes nothing, where all fits a batch', async () => {
    for (const bytes of await files()) {
      const whole = await outcome(bytes);
      expect(whole).toBeDefined();
      for (let at = 0; at < bytes.length; at++) {
        const bad = Buffer.from(bytes);
        bad[at]! ^= [1, 0x80, 0xff][at % 3]!;
        const result = await outcome(bad);
        if (result !== undefined) expect(result).toEqual(whole);
      }
    }
  });

  test('a checksum that does not match: what was given before stays, the last batch is held back', async () => {
    const bytes = await zipOf(vectors(100));
    bytes[128 + 60]! ^= 1;
    const given: number[] = [];
    const how = { dimension: undefined, idType: undefined, allowNonFinite: true, batchBytes: 120 };
    const reading = (async () => {
      for await (const table of npz.read(sourceOf(bytes), how)) {
        for await (const batch of table.rows()) given.push(...batch.vectors);
      }
    })();
    await expect(reading).rejects.toThrow('test is no whole zip file: "vectors.npy" does not match its checksum');
    expect(given.length).toBe(90);
  });

  test('deflated bytes that go on, or unpack to more than was said', async () => {
    const array = Buffer.concat([npyHeader('<f4', [2, 1]), new Uint8Array(8)]);
    const file = async (packed: Buffer, size: number): Promise<Buffer> => {
      const zip = new ZipWriter();
      const pieces: Uint8Array[] = [];
      for await (const piece of zip.entry('vectors.npy', packed.length, [packed])) pieces.push(piece);
      const end = zip.end();
      end.writeUInt16LE(8, 10);
      end.writeUInt32LE(crc32(array), 16);
      end.writeUInt32LE(size, 24);
      return Buffer.concat([...pieces, end]);
    };
    const packed = deflateRawSync(array);
    expect(rows(await read(await file(packed, array.length)))).toEqual([[0], [0]]);
    const longer = Buffer.concat([packed, Buffer.alloc(3)]);
    await expect(read(await file(longer, array.length))).rejects.toThrow('more packed bytes than it needs');
    await expect(read(await file(packed, array.length - 1))).rejects.toThrow('has not the 135 bytes');
    await expect(read(await file(packed.subarray(0, -2), array.length))).rejects.toThrow('cannot be unpacked');
  });
});

test('what is recognised', async () => {
  const bytes = await zipOf(vectors(1));
  expect(npz.recognises(bytes)).toBe(true);
  expect(npz.recognises(bytes.subarray(0, 20))).toBeUndefined();
  expect(npz.recognises(Buffer.from(bytes.toString('latin1').replace('.npy', '.txt'), 'latin1'))).toBe(false);
  expect(npz.recognises(Buffer.from('PK'))).toBe(false);
});
