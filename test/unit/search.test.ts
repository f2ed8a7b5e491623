import { MemoryMappedVectorStore, type DistanceMetric } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { Directory, expectError, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();

function scoreOf(metric: DistanceMetric, q: Float32Array, v: Float32Array): number {
  let dot = 0;
  let qq = 0;
  let vv = 0;
  let l2 = 0;
  for (let i = 0; i < q.length; i++) {
    dot += q[i]! * v[i]!;
    qq += q[i]! ** 2;
    vv += v[i]! ** 2;
    l2 += (q[i]! - v[i]!) ** 2;
  }
  if (metric === 'dot') return dot;
  return metric === 'cosine' ? dot / Math.sqrt(qq * vv) : -Math.sqrt(l2);
}

describe.each(['cosine', 'dot', 'euclidean'] as const)('search by %s', (metric) => {
  const dimension = 24;
  let store: MemoryMappedVectorStore<{ n: number }, string>;

  beforeAll(() => {
    store = new MemoryMappedVectorStore(directory.file(), dimension, { metric, idType: 'string' });
    for (let n = 0; n < 500; n++) store.storeVector(`id ${n}`, vectorOf(dimension, n), n % 2 === 0 ? { n } : undefined);
    store.batchDelete(['id 3', 'id 4']);
  });
  afterAll(() => {
    store.close();
  });

  test('finds the same as plain arithmetic', async () => {
    for (let seed = 1000; seed < 1020; seed++) {
      const query = vectorOf(dimension, seed);
      const expected = [...Array(500).keys()]
        .filter((n) => n !== 3 && n !== 4)
        .map((n) => ({ id: `id ${n}`, score: scoreOf(metric, query, vectorOf(dimension, n)) }))
        .sort((a, b) => b.score - a.score)
        .slice(0, 7);
      const hits = await store.search(query, { topK: 7 });
      expect(hits.map((hit) => hit.id)).toEqual(expected.map((hit) => hit.id));
      hits.forEach((hit, i) => {
        expect(hit.score).toBeCloseTo(expected[i]!.score, 12);
        expect(hit.distance).toBe(metric === 'cosine' ? 1 - hit.score : 0 - hit.score);
      });
      expect(store.searchSync(query, { topK: 7 })).toEqual(hits);
    }
  });

  test('gives metadata and vectors as asked', async () => {
    const query = vectorOf(dimension, 10);
    const plain = await store.search(query, { topK: 20, includeMetadata: false });
    const full = await store.search(query, { topK: 20, includeVectors: true });
    expect(plain.every((hit) => !('metadata' in hit) && !('vector' in hit))).toBe(true);
    for (const hit of full) {
      const n = Number(hit.id.slice(3));
      expect(hit.metadata).toEqual(n % 2 === 0 ? { n } : undefined);
      expect(hit.vector).toEqual(vectorOf(dimension, n));
      expect(hit.vector!.buffer.byteLength).toBe(4 * dimension);
    }
  });

  test('gives ten by default, and all there are at most', async () => {
    expect(await store.search(vectorOf(dimension, 1))).toHaveLength(10);
    const all = await store.search(vectorOf(dimension, 1), { topK: 1e9, includeMetadata: false });
    expect(new Set(all.map((hit) => hit.id)).size).toBe(498);
    expect(all.map((hit) => hit.score)).toEqual(all.map((hit) => hit.score).sort((a, b) => b - a));
  });
});

describe('search', () => {
  test('of an empty store finds nothing', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 3);
    expect(await store.search([1, 2, 3])).toEqual([]);
    expect(store.searchSync([1, 2, 3])).toEqual([]);
  });

  test('equal scores come by id', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 2);
    store.batchStore([9, 10, 2, 100, 1], new Float32Array(10).fill(1));
    expect((await store.search([1, 1], { topK: 4 })).map((hit) => hit.id)).toEqual([1, 2, 9, 10]);
  });

  test('a zero vector has cosine 0 with everything', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 2);
    store.batchStore([1, 2, 3], new Float32Array([1, 0, 0, 0, -1, 0]));
    expect((await store.search([1, 0])).map((hit) => [hit.id, hit.score])).toEqual([
      [1, 1],
      [2, 0],
      [3, -1],
    ]);
    expect((await store.search([0, 0])).map((hit) => [hit.id, hit.score])).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
  });

  test('refuses queries and options of the wrong kind', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 3);
    store.storeVector(1, [1, 2, 3]);
    await expectRejection(store.search([1, 2]), 'JVDB_DIMENSION_MISMATCH', /2 values.*3/);
    await expectRejection(store.search([1, 2, NaN]), 'JVDB_INVALID_VECTOR', /component 2/);
    await expectRejection(store.search([1, 2, 1e39]), 'JVDB_INVALID_VECTOR', /component 2/);
    await expectRejection(store.search('abc' as never), 'JVDB_INVALID_VECTOR');
    await expectRejection(store.search([1, 'a' as never, 2]), 'JVDB_INVALID_VECTOR', /component 1.*"a"/);
    for (const topK of [0, -1, 1.5, NaN, Infinity, '3' as never]) {
      await expectRejection(store.search([1, 2, 3], { topK }), 'JVDB_INVALID_ARGUMENT', /topK/);
    }
    await expectRejection(store.search([1, 2, 3], { limit: 3 } as never), 'JVDB_INVALID_ARGUMENT', /"limit".*topK/);
    await expectRejection(store.search([1, 2, 3], { includeVectors: 1 as never }), 'JVDB_INVALID_ARGUMENT');
    await expectRejection(store.search([1, 2, 3], { signal: {} as never }), 'JVDB_INVALID_ARGUMENT', /AbortSignal/);
    await expectRejection(store.search([1, 2, 3], 5 as never), 'JVDB_INVALID_ARGUMENT');
    expectError(() => store.searchSync([1, 2]), 'JVDB_DIMENSION_MISMATCH');
    expect(store.vectorCount).toBe(1);
  });

  test('stops with the signal’s reason: before the start, in the queue and on the way', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 256, { scanColumn: 'none' });
    const count = 60000;
    store.batchStore(
      Float64Array.from({ length: count }, (_, i) => i),
      new Float32Array(count * 256).fill(0.5),
    );
    const query = vectorOf(256, 1);
    const reason = new Error('enough');
    await expect(store.search(query, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const order: string[] = [];
    const controller = new AbortController();
    const others = Array.from({ length: 20 }, () =>
      store.search(query, { topK: count }).finally(() => order.push('other')),
    );
    const { signal } = controller;
    const aborted = store.search(query, { signal }).finally(() => order.push('aborted'));
    const cancel = jest.spyOn(native, 'cancelJob');
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(cancel).toHaveBeenCalledTimes(1);
    cancel.mockRestore();
    await Promise.all(others);
    expect(order[0]).toBe('aborted');
    const unused = new AbortController();
    expect(await store.search(query, { signal: unused.signal })).toHaveLength(10);
    unused.abort();
  });

  test('one signal may stop any number of searches', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 2);
    store.storeVector(1, [1, 2]);
    const warned = jest.spyOn(process, 'emitWarning');
    const { signal } = new AbortController();
    const searches = Array.from({ length: 30 }, () => store.search([1, 2], { signal }));
    for (const hits of await Promise.all(searches)) expect(hits).toHaveLength(1);
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  test('takes the query as it is at the call', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 2);
    store.batchStore([1, 2], new Float32Array([1, 0, 0, 1]));
    const query = new Float32Array([1, 0]);
    const search = store.search(query, { topK: 1 });
    query.set([0, 1]);
    expect((await search)[0]!.id).toBe(1);
  });
});
