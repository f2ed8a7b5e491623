/** npy: what numpy writes is read, what is written comes back, what damage does. */
import fc from 'fast-check';
import { parseNpyHeader } from '../../../lib/formats/numpy/npy-header.js';
import { npy } from '../../../lib/formats/numpy/npy.js';
import { found, sourceOf, tableOf, written, type Found } from '../../formats.js';

const PIECES = [1, 3, 7, 64, 1e6];
const code = 'JVDB_INVALID_ARGUMENT';

// A file of numpy's, of version 1 unless told.
function file(descr: string, shape: string, values: Uint8Array, { order = 'False', version = 1 } = {}): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUInt16LE(text.length);
  return Buffer.concat([
    Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0`, 'latin1'),
    length,
    Buffer.from(text),
    values,
  ]);
}
const bytesOf = (array: Float32Array | Float64Array | Uint16Array): Uint8Array => new Uint8Array(array.buffer);
const rows = ([table]: Found[]): number[][] => table!.vectors.map((one) => [...one]);
const read = async (bytes: Buffer, options = {}, piece = 1e6): Promise<Found> =>
  (await found(npy, sourceOf(bytes, { piece }), options))[0]!;

// How many rows are given, and how reading ended.
async function ending(bytes: Buffer, piece = 1e6): Promise<[rows: number[], error: string]> {
  const values: number[] = [];
  try {
    const how = { dimension: undefined, idType: undefined, allowNonFinite: true, batchBytes: 20 };
    for await (const table of npy.read(sourceOf(bytes, { piece }), how)) {
      for await (const batch of table.rows()) values.push(...batch.vectors);
    }
    return [values, ''];
  } catch (error) {
    expect(error).toMatchObject({ code });
    return [values, (error as Error).message];
  }
}

const value = fc.oneof(fc.constant(-0), fc.constant(1e-45), fc.float({ noDefaultInfinity: true, noNaN: true }));

test('what is written comes back', async () => {
  const tables = fc
    .integer({ min: 1, max: 9 })
    .chain((dimension) =>
      fc.array(fc.array(value, { minLength: dimension, maxLength: dimension }), { minLength: 1, maxLength: 20 }),
    );
  await fc.assert(
    fc.asyncProperty(
      tables,
      fc.constantFrom(...PIECES),
      fc.integer({ min: 1, max: 200 }),
      async (given, piece, size) => {
        const bytes = await written(npy, tableOf(given.map((_, i) => i), given)); // prettier-ignore
        const table = await read(bytes, { batchBytes: size }, piece);
        expect(table.vectors.flatMap((one) => [...new Uint32Array(one.buffer)])).toEqual([
          ...new Uint32Array(Float32Array.from(given.flat()).buffer),
        ]);
        const { length } = given;
        expect(table).toMatchObject({ position: length, count: length, dimension: given[0]!.length, ids: undefined });
      },
    ),
    { numRuns: 60 },
  );
});

test('the bytes are those that numpy.save writes', async () => {
  const bytes = await written(npy, tableOf([5, 6, 7], [[1, 2], [3, 4], [5, 6]])); // prettier-ignore
  expect(bytes.length).toBe(128 + 24);
  expect(bytes.toString('latin1', 0, 128)).toBe(
    `\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }${' '.repeat(58)}\n`,
  );
  const none = await written(npy, tableOf([], [], [], { dimension: 7 }));
  expect(await read(none)).toMatchObject({ dimension: 7, count: 0, vectors: [] });
});

test('all float16 values', async () => {
  const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const table = await read(file('<f2', '(256, 256)', bytesOf(halves)), { allowNonFinite: true, batchBytes: 1e5 });
  const values = table.vectors.flatMap((one) => [...one]);
  // By the definition of the format.
  const expected = [...halves].map((half) => {
    const [exponent, mantissa] = [(half >> 10) & 31, half & 1023];
    const size = exponent === 31 ? (mantissa === 0 ? Infinity : NaN) : mantissa + (exponent === 0 ? 0 : 1024);
    return (half >= 0x8000 ? -1 : 1) * size * 2 ** (Math.max(exponent, 1) - 25);
  });
  expect(values.findIndex((one, i) => !Object.is(one, expected[i]))).toBe(-1);
  expect(await read(file('<f2', '(1, 2)', Uint8Array.of(0, 0, 0, 0x7c)))).toMatchObject({
    vectors: [],
    invalid: [{ record: 1, reason: 'value 1 is Infinity, no finite number' }],
  });
});

test('float64 is rounded to the nearest; what overflows is invalid', async () => {
  const doubles = Float64Array.of(0.1, 1e300, 1 + 2 ** -25, NaN, -1e-46, 3.4028235e38);
  const bytes = file('<f8', '(3, 2)', bytesOf(doubles));
  const table = await read(bytes, {}, 3);
  expect(rows([table])).toEqual([[-0, Math.fround(3.4028235e38)]]);
  expect(table).toMatchObject({ records: [3], position: 3 });
  expect(table.invalid).toEqual([
    { record: 1, reason: 'value 1 is 1e+300, which does not fit float32' },
    { record: 2, reason: 'value 1 is NaN, no finite number' },
  ]);
  const allowed = await read(bytes, { allowNonFinite: true });
  expect(rows([allowed])).toEqual([
    [1, NaN],
    [-0, Math.fround(3.4028235e38)],
  ]);
  expect(allowed.invalid).toEqual(table.invalid.slice(0, 1));
  const odd = bytesOf(Float64Array.of(NaN, -1e39, -Infinity, NaN));
  expect(await read(file('<f8', '(2, 2)', odd), { allowNonFinite: true })).toMatchObject({
    vectors: [Float32Array.of(-Infinity, NaN)],
    invalid: [{ record: 1, reason: 'value 1 is -1e+39, which does not fit float32' }],
  });
});

test('invalid rows leave the others as they are, in batches of any size', async () => {
  const bytes = file('<f4', '(5, 2)', bytesOf(Float32Array.of(1, 2, NaN, 0, 3, 4, 0, -Infinity, 5, 6)));
  for (const batchBytes of [1, 16, 24, 1000]) {
    const table = await read(bytes, { batchBytes });
    expect(rows([table])).toEqual([[1, 2], [3, 4], [5, 6]]); // prettier-ignore
    expect(table).toMatchObject({ records: [1, 3, 5], position: 5, invalid: [{ record: 2 }, { record: 4 }] });
  }
  const other = await read(bytes, { dimension: 3 });
  expect(other).toMatchObject({ vectors: [], position: 5, dimension: 2 });
  expect(other.invalid[4]).toEqual({ record: 5, reason: 'its dimension is 2, not 3' });
});

test('one axis is one vector; no values are no rows', async () => {
  const one = bytesOf(Float32Array.of(1, 2));
  expect(rows([await read(file('<f4', '(2,)', one))])).toEqual([[1, 2]]);
  expect(await read(file('<f8', '(0,)', new Uint8Array()))).toMatchObject({ count: 0, dimension: undefined });
  expect(await read(file('<f4', '(0, 3)', new Uint8Array()))).toMatchObject({ count: 0, dimension: 3 });
});

test('versions 2 and 3', async () => {
  for (const version of [2, 3]) {
    expect(rows([await read(file('<f4', '(1, 2)', bytesOf(Float32Array.of(1, 2)), { version }))])).toEqual([[1, 2]]);
  }
});

describe('the header', () => {
  test.each([
    `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n`,
    `{"shape": (3L, 4L), "fortran_order": False, "descr": "<f4"}`,
    ` { 'fortran_order' :False,'shape':( 3,4 , ),'descr':'<f4' , } \n`,
  ])('%j is read', (text) => {
    expect(parseNpyHeader(text, 'test')).toEqual({ descr: '<f4', isFortran: false, shape: [3, 4] });
  });

  test.each([
    '',
    '{}',
    `{'descr': '<f4', 'fortran_order': False}`,
    `{'descr': '<f4', 'fortran_order': False, 'shape': (3)}`,
    `{'descr': '<f4', 'fortran_order': False, 'shape': (,)}`,
    `{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}`,
    `{'descr': '<f4', 'fortran_order': False, 'shape': (3,,4)}`,
    `{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 4)}`,
    `{'descr': '<f4", 'fortran_order': False, 'shape': (3, 4)}`,
    `{'descr': False, 'fortran_order': False, 'shape': (3, 4)}`,
    `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), 'more': 'a'}`,
    `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), 'shape': (3, 4)}`,
    `{'descr': '<f4' 'fortran_order': False, 'shape': (3, 4)}`,
    `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)} x`,
    `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)`,
  ])('%j is refused', (text) => {
    expect(() => parseNpyHeader(text, 'test')).toThrow(/the npy header of test is .* does not write/);
  });

  test.each([
    ['>f4', '(1, 1)', 'False', `test has big-endian values (">f4"): save a.astype('<f4') with numpy`],
    ['<i8', '(1, 1)', 'False', `test has values of type "<i8"; float16, float32 and float64 ('<f2', '<f4', '<f8') are`],
    ['|O', '(1, 1)', 'False', 'test has values of type "|O"'],
    ['toString', '(1, 1)', 'False', 'test has values of type "toString"'],
    ['<f4', '(1, 1)', 'True', 'save np.ascontiguousarray(a)'],
    ['<f4', '(1, 1, 1)', 'False', 'test has the shape (1, 1, 1), not (rows, dimension)'],
    ['<f4', '()', 'False', 'test has the shape ()'],
    ['<f4', '(1, 65537)', 'False', 'test has vectors of 65537 values'],
    ['<f4', '(1, 0)', 'False', 'test has vectors of 0 values'],
    ['<f4', '(9007199254740991, 2)', 'False', 'more than can be stored'],
    ['<f4', '(9999999999999999, 9999999999999999)', 'False', 'more than can be stored'],
  ])('%s %s %s is refused', async (descr, shape, order, message) => {
    await expect(read(file(descr, shape, new Uint8Array(4), { order }))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  test('fields, other versions, endless headers and other files are refused', async () => {
    const fields = `{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,), }`;
    expect(() => parseNpyHeader(fields, 'test')).toThrow('test has values of several fields');
    const good = file('<f4', '(1, 1)', new Uint8Array(4), { version: 2 });
    const changed = (at: number, byte: number): Buffer => Buffer.from(good.map((old, i) => (i === at ? byte : old)));
    await expect(read(changed(6, 4))).rejects.toThrow('test is an npy file of version 4.0');
    await expect(read(changed(11, 255))).rejects.toThrow('bytes; 65536 are possible');
    await expect(read(Buffer.from('PK\x03\x04'))).rejects.toThrow(
      `test is no npy file: it begins with the bytes '504b0304', not '934e554d5059'`,
    );
  });
});

describe('hostile bytes', () => {
  const bytes = file('<f4', '(3, 2)', bytesOf(Float32Array.of(1, 2, 3, 4, 5, 6)));
  const start = bytes.length - 24;

  test('every cut: whole rows, then an error', async () => {
    for (let length = 0; length < bytes.length; length++) {
      for (const piece of PIECES) {
        const [values, error] = await ending(bytes.subarray(0, length), piece);
        expect(values).toEqual([1, 2, 3, 4, 5, 6].slice(0, 2 * Math.max(0, Math.floor((length - start) / 8))));
        expect(error).not.toBe('');
      }
    }
    expect((await ending(bytes.subarray(0, start + 9)))[1]).toBe(
      `test ends at byte ${start + 9}, in record 2 of 3, each 2 values in 8 bytes: get the whole file`,
    );
  });

  test('bytes behind the rows: all rows, then an error', async () => {
    const [values, error] = await ending(Buffer.concat([bytes, Buffer.alloc(1)]));
    expect(values).toEqual([1, 2, 3, 4, 5, 6]);
    expect(error).toMatch(`its 3 records of 2 values end at byte ${bytes.length}`);
  });

  test('every damaged byte of the header is an error, or changes nothing', async () => {
    for (let at = 0; at < start; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bad = Buffer.from(bytes);
        bad[at]! ^= 1 << bit;
        const [values, error] = await ending(bad, 1 + (at % 9));
        if (error === '') expect(values).toEqual([1, 2, 3, 4, 5, 6]);
      }
    }
  });
});

test('a second table, none at all, or rows other than said are refused', async () => {
  const table = tableOf([1], [[1]]);
  await expect(written(npy, table, table)).rejects.toThrow('npy holds one table');
  await expect(written(npy)).rejects.toThrow('npy holds one table: there is none to write');
  await expect(written(npy, { ...table, count: 2 })).rejects.toMatchObject({ code: 'JVDB_CONFLICT' });
});

test('what is recognised', () => {
  expect(npy.recognises(file('<f4', '(1, 1)', new Uint8Array(4)))).toBe(true);
  expect(npy.recognises(Buffer.from('NUMPY'))).toBe(false);
  expect(npy.recognises(Buffer.alloc(0))).toBe(false);
});
