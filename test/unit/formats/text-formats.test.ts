/** What holds for all formats that are text: round trips, pieces of any size, cuts and damage. */
import fc from 'fast-check';
import { JvdbError } from '../../../lib/errors.js';
import { csv } from '../../../lib/formats/text/csv.js';
import { json } from '../../../lib/formats/text/json.js';
import { jsonl } from '../../../lib/formats/text/jsonl.js';
import type { IdType } from '../../../lib/types.js';
import { found, sourceOf, tableOf, written, type Found } from '../../formats.js';

const FORMATS = [json, jsonl, csv];
const each = test.each(FORMATS.map((format) => [format.name, format] as const));

const pattern = new Uint32Array(1);
const single = new Float32Array(pattern.buffer);
const float = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }).map((bits) => {
    pattern[0] = bits;
    return Number.isFinite(single[0]!) ? single[0]! : -0;
  }),
  fc.constantFrom(0, -0, 1, 0.1, 1e-45, 3.4028234663852886e38, 0.5),
);
const integer = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n })) as fc.Arbitrary<
  number | bigint | string
>;
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const metadata = fc.option(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), { nil: undefined });
const tables = fc.constantFrom<IdType>('int64', 'string').chain((idType) =>
  fc.record({ idType: fc.constant(idType), dimension: fc.integer({ min: 1, max: 5 }) }).chain(({ dimension }) =>
    fc.record({
      idType: fc.constant(idType),
      rows: fc.array(
        fc.record({
          id: idType === 'int64' ? integer : text,
          vector: fc.array(float, { minLength: dimension, maxLength: dimension }),
          metadata,
        }),
        { minLength: 1, maxLength: 12 },
      ),
    }),
  ),
);

const bitsOf = (vectors: Iterable<number>[]): number[][] =>
  vectors.map((vector) => [...new Uint32Array(Float32Array.from(vector).buffer)]);

each('%s: what is written is what is read, bit by bit, in pieces of any size', async (_, format) => {
  await fc.assert(
    fc.asyncProperty(tables, fc.constantFrom(1, 2, 3, 7, 64, 100000), async ({ idType, rows }, piece) => {
      const ids = rows.map(({ id }) => id);
      const vectors = rows.map(({ vector }) => vector);
      const objects = rows.map((row) => row.metadata);
      const bytes = await written(format, tableOf(ids, vectors, objects, { idType }));
      const [table] = await found(format, sourceOf(bytes, { piece }), { idType });
      expect(table!.invalid).toEqual([]);
      expect(table!.ids).toEqual(ids);
      expect(bitsOf(table!.vectors)).toEqual(bitsOf(vectors));
      // In JSON, keys that are numbers come first, and -0 is 0.
      const texts = objects.map((one) => one && JSON.stringify(JSON.parse(JSON.stringify(one))));
      expect(table!.metadata.map((one) => one && JSON.stringify(one))).toEqual(texts);
    }),
    { numRuns: 150 },
  );
});

each('%s: infinities come back where they are allowed, and are invalid where not', async (_, format) => {
  const bytes = await written(
    format,
    tableOf(
      [1, 2, 3],
      [
        [NaN, 1],
        [Infinity, 2],
        [-Infinity, 3],
      ],
    ),
  );
  const [allowed] = await found(format, sourceOf(bytes), { allowNonFinite: true });
  expect(allowed!.vectors.map((vector) => [...vector])).toEqual([
    [NaN, 1],
    [Infinity, 2],
    [-Infinity, 3],
  ]);
  const [refused] = await found(format, sourceOf(bytes));
  expect(refused!.invalid.map(({ record, line }) => [record, line! - refused!.invalid[0]!.line!])).toEqual([
    [1, 0],
    [2, 1],
    [3, 2],
  ]);
  expect(refused!.invalid[1]!.reason).toMatch(/value 0 .*Infinity/);
});

each('%s: batches are as large as asked for, and memory is bounded where nothing is valid', async (_, format) => {
  const count = 1000;
  const ids = Array.from({ length: count }, (__, i) => i);
  const bytes = await written(
    format,
    tableOf(
      ids,
      ids.map((i) => [i, 1, 2, NaN]),
    ),
  );
  const [valid] = await found(format, sourceOf(bytes), { batchBytes: 1600, allowNonFinite: true });
  expect(valid!.batches).toBe(10);
  const [invalid] = await found(format, sourceOf(bytes), { batchBytes: 1600 });
  expect([invalid!.invalid.length, invalid!.position]).toEqual([count, count]);
  expect(invalid!.batches).toBeGreaterThan(10);
});

const SMALL = tableOf(
  [1, 9007199254740993n, 3],
  [
    [0.5, -2.25],
    [1e-7, 4],
    [7, 8],
  ],
  [{ a: 'x"y,é' }, undefined, {}],
);

// Reads what may be broken: either all is well, or it is an error of ours.
async function tried(format: (typeof FORMATS)[number], bytes: Buffer, piece = 1000): Promise<Found[] | string> {
  try {
    return await found(format, sourceOf(bytes, { piece }), { batchBytes: 8, idType: 'int64' });
  } catch (thrown) {
    if (!(thrown instanceof JvdbError) || thrown.code !== 'JVDB_INVALID_ARGUMENT') throw thrown;
    expect(thrown.message).toMatch(/^test: /);
    expect(thrown.message).not.toContain('\n');
    return thrown.message;
  }
}

each('%s: cut short anywhere, it gives rows that were there, and says so where it can', async (_, format) => {
  const bytes = await written(format, SMALL);
  const whole = (await found(format, sourceOf(bytes), { idType: 'int64' }))[0]!;
  for (let length = 0; length < bytes.length - 1; length++) {
    const cut = await tried(format, bytes.subarray(0, length));
    if (format === json) expect(typeof cut).toBe('string');
    if (typeof cut === 'string') continue;
    const { vectors, ids } = cut[0]!;
    expect(bitsOf(vectors)).toEqual(bitsOf(whole.vectors.slice(0, vectors.length)));
    expect(ids).toEqual(whole.ids!.slice(0, vectors.length));
  }
});

each('%s: any byte may be any other one', async (_, format) => {
  const bytes = await written(format, SMALL);
  for (let at = 0; at < bytes.length; at++) {
    for (const byte of [10, 34, 0x7d, 0xff, bytes[at]! ^ 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = byte;
      const one = await tried(format, damaged);
      expect(await tried(format, damaged, 3)).toEqual(one);
      if (typeof one === 'string') continue;
      for (const { vectors, position, invalid } of one) {
        expect(vectors.length + invalid.length).toBe(position);
        expect(new Set(vectors.map(({ length }) => length)).size).toBeLessThanOrEqual(1);
      }
    }
  }
});
