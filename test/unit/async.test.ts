import { MemoryMappedVectorStore } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { Directory, expectError, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();

test('a batch off the event loop is stored whole, from the inputs as they were', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 16);
  const ids = Float64Array.from({ length: 5000 }, (_, i) => i);
  const vectors = new Float32Array(5000 * 16);
  for (let i = 0; i < 5000; i++) vectors.set(vectorOf(16, i), i * 16);
  const stored = store.batchStoreAsync(
    ids,
    vectors,
    Array.from(ids, (n) => ({ n })),
  );
  ids.fill(7);
  vectors.fill(NaN);
  expect(await stored).toBe(5000);
  for (let i = 0; i < 5000; i += 97) {
    expect(store.retrieveVector(i)).toMatchObject({ vector: vectorOf(16, i), metadata: { n: i } });
  }
});

test('calls beside a batch see none of it, or all', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 64);
  const count = 20000;
  const ids = Float64Array.from({ length: count }, (_, i) => i);
  const batches = [1, 2, 3].map((value) => store.batchStoreAsync(ids, new Float32Array(count * 64).fill(value)));
  let settled = false as boolean;
  const all = Promise.all(batches).then((counts) => {
    settled = true;
    return counts;
  });
  const seen = new Set<number>();
  while (!settled) {
    const hits = await store.search(new Float32Array(64).fill(1), {
      topK: count,
      includeMetadata: false,
      includeVectors: true,
    });
    expect([0, count]).toContain(hits.length);
    const values = new Set(hits.map((hit) => hit.vector![0]!));
    expect(values.size).toBeLessThanOrEqual(1);
    for (const value of values) seen.add(value);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await all).toEqual([count, count, count]);
  expect(store.vectorCount).toBe(count);
  expect(store.retrieveVector(5)!.vector[0]).toBe(3);
});

test('a bad batch rejects and stores nothing', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 2);
  await expectRejection(
    store.batchStoreAsync(
      [1, 2],
      [
        [1, 2],
        [1, NaN],
      ],
    ),
    'JVDB_INVALID_VECTOR',
    /id 2/,
  );
  await expectRejection(store.batchStoreAsync([1, -2], new Float32Array(4)), 'JVDB_INVALID_ID');
  await expectRejection(store.batchStoreAsync([1], new Float32Array(4)), 'JVDB_INVALID_ARGUMENT', /1 ids.*4 values/);
  await expectRejection(store.batchStoreAsync([1], new Float32Array(3)), 'JVDB_DIMENSION_MISMATCH');
  expect(store.vectorCount).toBe(0);
});

test('flush makes durable what was stored before', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 2);
  store.storeVector(1, [1, 2]);
  expect(store.durableLsn).toBe(0);
  await store.flush();
  expect(store.durableLsn).toBe(1);
  store.storeVector(2, [1, 2]);
  store.flushSync();
  expect(store.durableLsn).toBe(2);
});

test("with durability 'commit' every change is durable when its call returns", async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 2, { durability: 'commit' });
  for (let i = 1; i <= 20; i++) {
    expect(store.storeVector(i, [1, 2])).toBe(i);
    expect(store.durableLsn).toBe(i);
  }
  store.batchDelete([1, 2, 3]);
  expect(store.durableLsn).toBe(23);
  await store.batchStoreAsync([1, 2], new Float32Array(4));
  expect(store.durableLsn).toBe(25);
});

test('opening off the event loop gives the same store', async () => {
  const file = directory.file();
  new MemoryMappedVectorStore(file, 2).close();
  using first = MemoryMappedVectorStore.open(file);
  using second = await MemoryMappedVectorStore.openAsync<{ a: number }, number>(file);
  first.storeVector(1, [1, 2], { a: 5 });
  expect(second.retrieveVector(1)!.metadata!.a).toBe(5);
  await expectRejection(MemoryMappedVectorStore.openAsync(file, { metric: 'dot' }), 'JVDB_INVALID_ARGUMENT');
});

test('handles of one process share a file; each closes for itself', () => {
  const file = directory.file();
  const first = new MemoryMappedVectorStore(file, 2);
  const second = new MemoryMappedVectorStore(file, 2, { readOnly: true });
  first.storeVector(1, [1, 2]);
  expect(second.has(1)).toBe(true);
  expectError(() => second.storeVector(2, [1, 2]), 'JVDB_READ_ONLY');
  first.close();
  expect(second.has(1)).toBe(true);
  using third = new MemoryMappedVectorStore(file, 2);
  third.storeVector(2, [3, 4]);
  expect(second.retrieveVector(2)!.vector).toEqual(new Float32Array([3, 4]));
  second.close();
});

describe('closing', () => {
  const count = 50000;
  const full = (): MemoryMappedVectorStore => {
    const store = new MemoryMappedVectorStore(directory.file(), 128);
    store.batchStore(
      Float64Array.from({ length: count }, (_, i) => i),
      new Float32Array(count * 128).fill(1),
    );
    return store;
  };

  test.each(['close', 'closeAsync'] as const)(
    'by %s ends searches, and waits for what else was asked for',
    async (how) => {
      const store = full();
      const searches = Array.from({ length: 50 }, () => store.search(vectorOf(128, 1), { topK: count }));
      const outcomes = Promise.allSettled(searches);
      const batches = [1, 2, 3].map((value) => store.batchStoreAsync([-0, count], new Float32Array(256).fill(value)));
      const flush = store.flush();
      const closed = store[how]();
      expectError(() => store.vectorCount, 'JVDB_CLOSED');
      await closed;
      const rejected = (await outcomes).filter((outcome) => outcome.status === 'rejected');
      expect(rejected.length).toBeGreaterThan(30);
      for (const { reason } of rejected) expect(reason).toMatchObject({ code: 'JVDB_CLOSED' });
      expect(await Promise.all(batches)).toEqual([2, 2, 2]);
      await flush;
      using again = MemoryMappedVectorStore.open(store.filePath);
      expect(again.vectorCount).toBe(count + 1);
      expect(again.retrieveVector(count)!.vector[0]).toBe(3);
      expect(again.stats().recovery.clean).toBe(true);
    },
  );

  test('one of two handles flushes what was written', () => {
    const file = directory.file();
    const first = new MemoryMappedVectorStore(file, 2);
    using second = new MemoryMappedVectorStore(file, 2);
    first.storeVector(1, [1, 2]);
    first.close();
    expect(second.durableLsn).toBe(1);
    const reader = new MemoryMappedVectorStore(file, 2, { readOnly: true });
    second.storeVector(2, [1, 2]);
    reader.close();
    expect(second.durableLsn).toBe(1);
  });
});

test('stores are disposable', async () => {
  const file = directory.file();
  let outside: MemoryMappedVectorStore;
  {
    using store = new MemoryMappedVectorStore(file, 1);
    outside = store;
  }
  expectError(() => outside.vectorCount, 'JVDB_CLOSED');
  {
    await using store = MemoryMappedVectorStore.open(file);
    outside = store;
  }
  expectError(() => outside.vectorCount, 'JVDB_CLOSED');
});

test('an iteration that is left early gives its snapshot back', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 1);
  store.batchStore([...Array(5000).keys()], new Float32Array(5000));
  const ended = jest.spyOn(native, 'cursorEnd');
  try {
    for (const id of store.ids()) if (id === 10) break;
    for await (const entry of store.entries()) if (entry.id === 10) break;
    expect(ended).toHaveBeenCalledTimes(2);
    store.ids().return!();
    await store.entries().return!();
    expect(ended).toHaveBeenCalledTimes(4);
    const entries = store.entries();
    await entries.next();
    await entries.return!();
    expect(await entries.next()).toEqual({ done: true, value: undefined });
    expect(ended).toHaveBeenCalledTimes(5);
  } finally {
    ended.mockRestore();
  }
});

test('iterating takes large metadata in small steps', async () => {
  using store = new MemoryMappedVectorStore<{ text: string }, number>(directory.file(), 1);
  const text = 'ä'.repeat(400_000);
  for (let id = 0; id < 12; id++) store.storeVector(id, [id], { text });
  const steps = jest.spyOn(native, 'cursorEntries');
  const seen = [];
  for await (const { id, metadata } of store.entries()) {
    expect(metadata!.text).toBe(text);
    seen.push(id);
  }
  expect(seen).toEqual([...Array(12).keys()]);
  expect(steps.mock.calls.length).toBeGreaterThanOrEqual(7);
  steps.mockRestore();
});

test('vectors in shared memory are stored and read', () => {
  using store = new MemoryMappedVectorStore(directory.file(), 4);
  const shared = new Float32Array(new SharedArrayBuffer(32));
  shared.set(vectorOf(8, 1));
  store.storeVector(1, shared.subarray(0, 4));
  store.batchStore([2, 3], shared);
  expect(store.readVector(3, shared)).toBe(true);
  expect([...shared.subarray(0, 4)]).toEqual([...vectorOf(8, 1).subarray(4)]);
  expect(store.searchSync(shared.subarray(4))[0]!.id).toBe(3);
});
