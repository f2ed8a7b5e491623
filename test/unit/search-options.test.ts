import { MemoryMappedVectorStore, type SearchOptions } from '../../lib/index.js';
import { Directory, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();
const DIMENSION = 12;
const COUNT = 700;

let numbers: MemoryMappedVectorStore<{ n: number }>;
let texts: MemoryMappedVectorStore<{ n: number }, string>;
const query = vectorOf(DIMENSION, 5000);

beforeAll(() => {
  numbers = new MemoryMappedVectorStore(directory.file(), DIMENSION, { metric: 'euclidean' });
  texts = new MemoryMappedVectorStore(directory.file(), DIMENSION, { idType: 'string' });
  for (let n = 0; n < COUNT; n++) {
    numbers.storeVector(n, vectorOf(DIMENSION, n), { n });
    texts.storeVector(`id ${n}`, vectorOf(DIMENSION, n), { n });
  }
  numbers.storeVector(2n ** 60n, vectorOf(DIMENSION, 5000));
});
afterAll(() => {
  numbers.close();
  texts.close();
});

const everything = { topK: 2 * COUNT } as const;

test('pages put together are the whole', async () => {
  const all = await texts.search(query, everything);
  const pages = [];
  for (let offset = 0; offset < COUNT; offset += 99) pages.push(...(await texts.search(query, { topK: 99, offset })));
  expect(pages).toEqual(all);
  expect(await texts.search(query, { offset: Number.MAX_SAFE_INTEGER })).toEqual([]);
});

test('limits of score and distance are kept to the bit', async () => {
  for (const store of [numbers, texts]) {
    const all = await store.search(query, everything);
    const { score: minScore, distance: maxDistance } = all[41]!;
    expect(await store.search(query, { ...everything, minScore })).toEqual(all.slice(0, 42));
    expect(await store.search(query, { ...everything, maxDistance })).toEqual(all.slice(0, 42));
    expect(await store.search(query, { topK: 5, minScore, maxDistance })).toEqual(all.slice(0, 5));
    expect(store.searchSync(query, { maxDistance: -1 })).toEqual([]);
    expect(store.searchSync(query, { minScore: Infinity })).toEqual([]);
  }
});

test('filterIds and excludeIds take every iterable, and absent ids', async () => {
  const all = await numbers.search(query, everything);
  const some = [1, 5, 1, 699, 700, 2 ** 53 - 1];
  const expected = all.filter(({ id }) => some.includes(Number(id)));
  expect(expected).toHaveLength(3);
  const columns = [
    some,
    new Set(some),
    some.map(BigInt),
    Float64Array.from(some),
    BigInt64Array.from(some.map(BigInt)),
  ];
  for (const filterIds of columns) expect(await numbers.search(query, { filterIds })).toEqual(expected);
  for (const excludeIds of columns) {
    const rest = all.filter((hit) => !expected.includes(hit));
    expect(await numbers.search(query, { ...everything, excludeIds })).toEqual(rest);
  }
  expect(await numbers.search(query, { filterIds: [3, 4, 5], excludeIds: [4] })).toHaveLength(2);
  expect(await numbers.search(query, { filterIds: [] })).toEqual([]);
  expect((await texts.search(query, { filterIds: ['id 7', 'nobody'].values() })).map(({ id }) => id)).toEqual(['id 7']);
});

test('any number of threads finds the same', async () => {
  const count = 100_000; // more than a block for each
  using store = new MemoryMappedVectorStore(directory.file(), 4, { initialCapacity: count });
  const values = Float32Array.from({ length: count * 4 }, (_, i) => Math.sin(i * i));
  store.batchStore(
    Float64Array.from({ length: count }, (_, i) => i),
    values,
  );
  const expected = store.searchSync([1, 2, 3, 4], { topK: 100, threads: 1 });
  for (const threads of [2, 3, 1024]) {
    expect(await store.search([1, 2, 3, 4], { topK: 100, threads })).toEqual(expected);
  }
});

test('searchBatch answers as one query after the other', async () => {
  const queries = Array.from({ length: 70 }, (_, i) => vectorOf(DIMENSION, 9000 + i));
  const options: SearchOptions<string> = { topK: 4, excludeIds: ['id 1'], includeVectors: true };
  const expected = await Promise.all(queries.map((one) => texts.search(one, options)));
  expect(await texts.searchBatch(queries, options)).toEqual(expected);
  const flat = new Float32Array(70 * DIMENSION);
  queries.forEach((one, i) => {
    flat.set(one, i * DIMENSION);
  });
  expect(await texts.searchBatch(flat, options)).toEqual(expected);
  expect(await texts.searchBatch([Array.from(queries[0]!)], options)).toEqual(expected.slice(0, 1));
  expect(await texts.searchBatch([])).toEqual([]);
  expect(await texts.searchBatch(new Float32Array(0))).toEqual([]);
});

test('searchBatch takes nothing but vectors', async () => {
  const gone = new Float32Array(DIMENSION);
  structuredClone(gone, { transfer: [gone.buffer] });
  const bad = [undefined, null, '', {}, { length: 0 }, new Float64Array(0), new Float64Array(DIMENSION), gone, [gone]];
  for (const queries of bad as Float32Array[]) {
    await expect(texts.searchBatch(queries)).rejects.toMatchObject({ name: 'JvdbError' });
  }
  const store = new MemoryMappedVectorStore(directory.file(), 2);
  store.close();
  await expect(store.searchBatch([])).rejects.toMatchObject({ code: 'JVDB_CLOSED' });
});

test('searchRaw answers of one moment, whatever is stored meanwhile', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 2, { metric: 'euclidean' });
  store.storeVector(0, [1000, 0]);
  for (let i = 1; i < 300; i++) {
    const answer = store.searchRaw([0, 0], { topK: 1000 });
    store.storeVector(i, [1000 - i, 0]);
    const { ids, count } = await answer;
    expect([i, i + 1]).toContain(count);
    expect(Array.from(ids as unknown as BigInt64Array, Number)).toEqual(
      Array.from({ length: count }, (_, k) => count - 1 - k),
    );
  }
});

test('options may be inherited', async () => {
  const options = Object.create({ topK: 3 }) as { topK: number };
  expect(await texts.search(query, options)).toHaveLength(3);
  expect((await texts.searchRaw(query, options)).count).toBe(3);
});

test('an abort for any reason is that reason', async () => {
  const controller = new AbortController();
  const answer = texts.search(query, { signal: controller.signal });
  controller.abort(NaN);
  await expect(answer).rejects.toBeNaN();
});

test('searchRaw gives the same as columns', async () => {
  const hits = await numbers.search(query, { topK: 20, offset: 1 });
  const raw = await numbers.searchRaw(query, { topK: 20, offset: 1 });
  expect(raw.count).toBe(20);
  expect(raw.ids).toEqual(BigInt64Array.from(hits, ({ id }) => BigInt(id)));
  expect(raw.scores).toEqual(Float64Array.from(hits, ({ score }) => score));
  expect((await numbers.searchRaw(query, { topK: 1 })).ids).toEqual(BigInt64Array.of(2n ** 60n));
  const few = await numbers.searchRaw(query, { topK: 1e9, filterIds: [3, 4] });
  expect([few.count, few.ids.length, few.scores.length]).toEqual([2, 2, 2]);
  const named = await texts.searchRaw(query, { topK: 3 });
  const expected = await texts.search(query, { topK: 3 });
  expect(named).toEqual({
    ids: expected.map(({ id }) => id),
    scores: Float64Array.from(expected, ({ score }) => score),
    count: 3,
  });
});

describe('refused are', () => {
  test.each<[string, unknown, RegExp]>([
    ['offset', -1, /offset.*-1/],
    ['offset', 1.5, /offset/],
    ['minScore', NaN, /minScore.*NaN/],
    ['maxDistance', '1', /maxDistance.*"1"/],
    ['threads', 0, /threads.*0/],
    ['threads', 1025, /threads/],
    ['filterIds', 'abc', /filterIds.*"abc"/],
    ['excludeIds', 7, /excludeIds.*7/],
    ['filterIds', null, /filterIds/],
  ])('%s %p', async (name, value, message) => {
    await expectRejection(numbers.search(query, { [name]: value }), 'JVDB_INVALID_ARGUMENT', message);
    await expectRejection(numbers.searchBatch([query], { [name]: value }), 'JVDB_INVALID_ARGUMENT', message);
    await expectRejection(numbers.searchRaw(query, { [name]: value }), 'JVDB_INVALID_ARGUMENT', message);
  });

  test('ids of another type', async () => {
    await expectRejection(numbers.search(query, { filterIds: ['a'] as never }), 'JVDB_INVALID_ID');
    await expectRejection(numbers.search(query, { excludeIds: [1.5] }), 'JVDB_INVALID_ID', /1\.5/);
    await expectRejection(texts.search(query, { filterIds: [1] as never }), 'JVDB_INVALID_ID');
    await expectRejection(texts.search(query, { filterIds: new Float64Array(2) as never }), 'JVDB_INVALID_ID');
  });

  test('queries of the wrong kind in a batch, and several where one is asked for', async () => {
    const two = new Float32Array(2 * DIMENSION);
    await expectRejection(numbers.search(two), 'JVDB_DIMENSION_MISMATCH', /24 values.*12/);
    await expectRejection(numbers.searchRaw(two), 'JVDB_DIMENSION_MISMATCH', /24 values.*12/);
    await expectRejection(numbers.searchBatch(new Float32Array(13)), 'JVDB_DIMENSION_MISMATCH');
    await expectRejection(numbers.searchBatch([query, [1, 2]]), 'JVDB_DIMENSION_MISMATCH', /vector 1/);
    await expectRejection(numbers.searchBatch([query, 5] as Float32Array[]), 'JVDB_INVALID_VECTOR');
    two[DIMENSION + 3] = NaN;
    await expectRejection(numbers.searchBatch(two), 'JVDB_INVALID_VECTOR', /component 3 of query 1/);
    await expectRejection(
      numbers.searchRaw(query, { includeMetadata: true } as never),
      'JVDB_INVALID_ARGUMENT',
      /includeMetadata/,
    );
  });
});

test('an iterable that closes the store, or throws, ends the search', async () => {
  const store = new MemoryMappedVectorStore(directory.file(), 2);
  store.storeVector(1, [1, 2]);
  const failing = {
    *[Symbol.iterator](): Generator<number> {
      yield 1;
      throw new Error('no more');
    },
  };
  await expect(store.search([1, 2], { filterIds: failing })).rejects.toThrow('no more');
  const closing = {
    *[Symbol.iterator](): Generator<number> {
      store.close();
      yield 1;
    },
  };
  await expectRejection(store.search([1, 2], { filterIds: closing }), 'JVDB_CLOSED');
});

test('a batch stops with the signal’s reason', async () => {
  const reason = new Error('enough');
  await expect(numbers.searchBatch([query], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const search = numbers.searchBatch(
    Array.from({ length: 3000 }, () => query),
    { ...everything, signal: controller.signal },
  );
  controller.abort(reason);
  await expect(search).rejects.toBe(reason);
});
