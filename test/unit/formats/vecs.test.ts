/** fvecs, ivecs and bvecs: what comes back, what is refused, what damage does. */
import fc from 'fast-check';
import { bvecs, fvecs, ivecs } from '../../../lib/formats/vecs.js';
import type { Format } from '../../../lib/formats/types.js';
import { found, sourceOf, tableOf, written, type Found } from '../../formats.js';

const PIECES = [1, 3, 7, 64, 1e6];

const bitsOf = (rows: readonly ArrayLike<number>[]): number[][] =>
  rows.map((row) => [...new Uint32Array(Float32Array.from(row).buffer)]);
const row = (dimension: number, values: number[], put: (out: Buffer, value: number, at: number) => void, size = 4) => {
  const out = Buffer.alloc(4 + values.length * size);
  out.writeInt32LE(dimension);
  values.forEach((value, i) => {
    put(out, value, 4 + i * size);
  });
  return out;
};
const floats = (...values: number[]): Buffer =>
  row(values.length, values, (out, value, at) => out.writeFloatLE(value, at));
const integers = (...values: number[]): Buffer =>
  row(values.length, values, (out, value, at) => out.writeInt32LE(value, at));
const ids = (rows: readonly unknown[]): number[] => rows.map((_, i) => i);

// What is found, and how reading ended.
async function ending(format: Format, bytes: Buffer, piece = 1e6): Promise<{ rows: Float32Array[]; error?: string }> {
  const rows: Float32Array[] = [];
  try {
    const how = { dimension: undefined, idType: undefined, allowNonFinite: true, batchBytes: 20 };
    for await (const table of format.read(sourceOf(bytes, { piece }), how)) {
      for await (const batch of table.rows()) {
        const width = batch.vectors.length / batch.count;
        for (let i = 0; i < batch.count; i++) rows.push(batch.vectors.slice(i * width, (i + 1) * width));
      }
    }
    return { rows };
  } catch (error) {
    expect(error).toMatchObject({ code: 'JVDB_INVALID_ARGUMENT' });
    return { rows, error: (error as Error).message };
  }
}

const any = fc.integer({ min: 0, max: 0xffffffff }).map((bits) => new Float32Array(Uint32Array.of(bits).buffer)[0]!);
const float = fc.oneof(fc.constant(-0), fc.constant(1e-45), fc.float({ noDefaultInfinity: true, noNaN: true }), any);

test.each([
  [fvecs, float.filter((value) => Number.isFinite(value))],
  [ivecs, fc.oneof(fc.constantFrom(-(2 ** 31), 2 ** 24, -16777216), fc.integer({ min: -(2 ** 24), max: 2 ** 24 }))],
  [bvecs, fc.integer({ min: 0, max: 255 })],
])('what is written comes back (%#)', async (format, value) => {
  const tables = fc
    .integer({ min: 1, max: 9 })
    .chain((dimension) => fc.array(fc.array(value, { minLength: dimension, maxLength: dimension }), { maxLength: 20 }));
  await fc.assert(
    fc.asyncProperty(
      tables,
      fc.constantFrom(...PIECES),
      fc.integer({ min: 1, max: 200 }),
      async (rows, piece, size) => {
        const bytes = await written(format, tableOf(ids(rows), rows));
        expect(format.recognises(bytes)).not.toBe(false);
        const [table] = await found(format, sourceOf(bytes, { piece }), { batchBytes: size });
        expect(bitsOf(table!.vectors)).toEqual(bitsOf(rows));
        expect(table).toMatchObject({ position: rows.length, invalid: [] });
        if (rows.length > 0) expect(table).toMatchObject({ ids: undefined, count: rows.length });
      },
    ),
    { numRuns: 60 },
  );
});

test('the bytes are those of the format', async () => {
  const table = (): ReturnType<typeof tableOf> => tableOf([7, 8], [[1, 2], [3, 4]]); // prettier-ignore
  expect((await written(fvecs, table())).toString('hex')).toBe('020000000000803f00000040' + '020000000000404000008040');
  expect((await written(ivecs, table())).toString('hex')).toBe('020000000100000002000000' + '020000000300000004000000');
  expect((await written(bvecs, table())).toString('hex')).toBe('020000000102' + '020000000304');
});

test('long rows, in pieces smaller and larger than one', async () => {
  const rows = [0, 1, 2].map((n) => Array.from({ length: 65536 }, (_, i) => i + n));
  const bytes = await written(fvecs, tableOf(ids(rows), rows));
  // One byte further on nothing lies where words do.
  for (const piece of [65536, 99_999, 1e7]) {
    const [table] = await found(fvecs, sourceOf(bytes, { piece }));
    const all = Buffer.concat(table!.vectors.map((one) => Buffer.from(one.buffer)));
    expect(all.equals(Buffer.from(Float32Array.from(rows.flat()).buffer))).toBe(true);
  }
});

test.each([fvecs, ivecs])('bytes that do not lie where words do (%#)', async (format) => {
  const rows = Array.from({ length: 1000 }, (_, i) => [i, -i || 0, 3 * i]);
  const bytes = await written(format, tableOf(ids(rows), rows));
  const moved = Buffer.concat([Buffer.alloc(1), bytes]).subarray(1);
  const source = { ...sourceOf(bytes), bytes: () => (async function* () { yield await Promise.resolve(moved); })() }; // prettier-ignore
  const [table] = await found(format, source);
  expect(table!.vectors).toEqual(rows.map((one) => Float32Array.from(one)));
});

describe('invalid records', () => {
  const outcome = (tables: Found[]): unknown => {
    const { vectors, records, invalid, position } = tables[0]!;
    return { vectors: vectors.map((one) => [...one]), records, invalid, position };
  };

  test('values that are no finite numbers', async () => {
    const bytes = Buffer.concat([floats(1, 2), floats(3, NaN), floats(-Infinity, 4), floats(5, 6)]);
    expect(outcome(await found(fvecs, sourceOf(bytes)))).toEqual({
      vectors: [[1, 2], [5, 6]], // prettier-ignore
      records: [1, 4],
      invalid: [
        { record: 2, reason: 'value 1 is NaN, no finite number' },
        { record: 3, reason: 'value 0 is -Infinity, no finite number' },
      ],
      position: 4,
    });
    const [all] = await found(fvecs, sourceOf(bytes), { allowNonFinite: true });
    expect(all!.vectors.map((one) => [...one])).toEqual([[1, 2], [3, NaN], [-Infinity, 4], [5, 6]]); // prettier-ignore
  });

  test('integers that float32 cannot hold, whatever is allowed', async () => {
    const bytes = Buffer.concat([integers(1), integers(2 ** 24 + 1), integers(2 ** 31 - 1), integers(-(2 ** 31))]);
    expect(outcome(await found(ivecs, sourceOf(bytes), { allowNonFinite: true }))).toEqual({
      vectors: [[1], [-(2 ** 31)]],
      records: [1, 4],
      invalid: [
        { record: 2, reason: 'value 0 is 16777217, which float32 cannot hold exactly' },
        { record: 3, reason: 'value 0 is 2147483647, which float32 cannot hold exactly' },
      ],
      position: 4,
    });
  });

  test('rows of another dimension than the first whole one, or than is asked for', async () => {
    const bytes = Buffer.concat([floats(NaN), floats(1, 2), floats(3), floats(4, 5)]);
    expect(outcome(await found(fvecs, sourceOf(bytes)))).toMatchObject({
      vectors: [[1, 2], [4, 5]], // prettier-ignore
      records: [2, 4],
      invalid: [{ record: 1 }, { record: 3, reason: 'its dimension is 1, not 2' }],
    });
    const asked = await found(fvecs, sourceOf(bytes), { dimension: 1 });
    expect(asked[0]!.dimension).toBeUndefined();
    expect(outcome(asked)).toMatchObject({ vectors: [[3]], records: [3], invalid: [{}, {}, {}] });
  });

  test('thousands of them are given in batches', async () => {
    const bytes = Buffer.concat(Array.from({ length: 2500 }, () => floats(NaN)));
    const [table] = await found(fvecs, sourceOf(bytes), { batchBytes: 1e6 });
    expect(table!.invalid.map(({ record }) => record)).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
    expect(table!.batches).toBe(3);
  });
});

describe('hostile bytes', () => {
  test('every cut: whole rows, then an error', async () => {
    const bytes = Buffer.concat([floats(1, 2), floats(3, 4), floats(5, 6)]);
    for (let length = 0; length < bytes.length; length++) {
      for (const piece of [1, 5, 1e6]) {
        const { rows, error } = await ending(fvecs, bytes.subarray(0, length), piece);
        expect(rows.length).toBe(Math.floor(length / 12));
        expect(error === undefined).toBe(length % 12 === 0);
      }
    }
    expect((await ending(fvecs, bytes.subarray(0, 20))).error).toBe(
      'test ends in record 2, which begins at byte 12: 8 bytes of it are there, it takes 12; get the whole file',
    );
  });

  test.each([0, -1, 65537, 0x7fffffff])('dimension %d: the rows before it, then an error', async (dimension) => {
    const bytes = Buffer.concat([floats(1, 2), floats(3, 4), row(dimension, [5, 6], () => undefined)]);
    for (const piece of PIECES) {
      const { rows, error } = await ending(fvecs, bytes, piece);
      expect(rows.map((one) => [...one])).toEqual([[1, 2], [3, 4]]); // prettier-ignore
      expect(error).toMatch(`record 3, at byte 24, has dimension ${dimension}, 1 to 65536 are possible`);
    }
  });

  test('every damaged byte of a dimension is an error or a row that is left out, in pieces of any size', async () => {
    for (const format of [fvecs, ivecs, bvecs]) {
      const rows = [[1, 2], [3, 4], [5, 6]]; // prettier-ignore
      const bytes = await written(format, tableOf(ids(rows), rows));
      for (let at = 0; at < bytes.length; at++) {
        const bad = Buffer.from(bytes);
        bad[at]! ^= 0x81;
        const whole = await ending(format, bad);
        if (at % (bytes.length / 3) < 4) expect(whole.error).toBeDefined();
        for (const piece of PIECES) expect(await ending(format, bad, piece)).toEqual(whole);
      }
    }
  });
});

describe('writing', () => {
  test.each([
    [ivecs, 0.5],
    [ivecs, 2 ** 31],
    [ivecs, -0],
    [ivecs, NaN],
    [bvecs, -1],
    [bvecs, 256],
    [bvecs, 1.5],
    [bvecs, -0],
  ])('what would not come back is refused (%#)', async (format, value) => {
    const table = tableOf([7, 'b'], [[1, 2], [3, value]]); // prettier-ignore
    const shown = Object.is(value, -0) ? '-0' : value;
    await expect(written(format, table)).rejects.toMatchObject({
      code: 'JVDB_INVALID_ARGUMENT',
      message: expect.stringContaining(`value 1 of id "b" is ${shown}, ${format.name} holds integers`) as string,
    });
  });

  test('a second table is refused', async () => {
    const tables = [tableOf([1], [[1]], [], { name: 'a' }), tableOf([1], [[1]], [], { name: 'b' })];
    await expect(written(fvecs, ...tables)).rejects.toMatchObject({
      code: 'JVDB_INVALID_ARGUMENT',
      message: 'fvecs holds one table, not "a" and "b": write each to a file of its own',
    });
  });
});

test('what is recognised', () => {
  const bytes = Buffer.from('0200000001020200000003040200000005', 'hex');
  expect(bvecs.recognises(bytes)).toBe(true);
  expect(bvecs.recognises(bytes.subarray(0, 6))).toBe(true); // one row, and that is all
  expect(bvecs.recognises(bytes.subarray(0, 5))).toBeUndefined();
  expect(bvecs.recognises(Buffer.from('020000000102030000000304', 'hex'))).toBeUndefined(); // cut, or two dimensions
  expect(bvecs.recognises(integers(4, 4, 4, 4))).toBeUndefined(); // fvecs or ivecs too
  for (const format of [fvecs, ivecs]) {
    expect(format.recognises(Buffer.concat([floats(1, 2), floats(3, 4)]))).toBeUndefined();
    expect(format.recognises(Buffer.alloc(0))).toBeUndefined();
    expect(format.recognises(Buffer.from('030000000102030300000001020303000000010203', 'hex'))).toBe(false);
    expect(format.recognises(Buffer.from([1]))).toBe(false);
  }
  for (const format of [fvecs, ivecs, bvecs]) expect(format.recognises(Buffer.from('{"id": 1}'))).toBe(false);
});
