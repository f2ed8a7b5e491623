import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, vectorOf } from '../support.js';

const directory = new Directory();

describe('a new store', () => {
  test('is empty and has the capacity asked for', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 384, { initialCapacity: 500 });
    expect(store.dimension).toBe(384);
    expect(store.metric).toBe('cosine');
    expect(store.idType).toBe('int64');
    expect(store.readOnly).toBe(false);
    expect(store.vectorCount).toBe(0);
    expect(store.capacity).toBe(500);
    expect(store.lastLsn).toBe(0);
    expect([...store.ids()]).toEqual([]);
  });

  test('stays what it was created as', () => {
    const file = directory.file();
    new MemoryMappedVectorStore(file, 3, { metric: 'dot', idType: 'string', scanColumn: 'none' }).close();
    using store = MemoryMappedVectorStore.open(file);
    expect([store.dimension, store.metric, store.idType]).toEqual([3, 'dot', 'string']);
  });
});

describe.each(['int64', 'string'] as const)('a store of %s ids', (idType) => {
  const id = (number: number): number | string => (idType === 'int64' ? number : `id ${number} äöü €`);
  const open = (dimension: number): MemoryMappedVectorStore =>
    new MemoryMappedVectorStore(directory.file(), dimension, { idType });

  test('gives back what was stored, exactly', () => {
    using store = open(128);
    const vector = vectorOf(128, 1);
    const before = Date.now();
    expect(store.storeVector(id(7), vector, { label: 'cat', deep: { list: [1, 2.5, null] } })).toBe(1);
    const record = store.retrieveVector(id(7))!;
    expect(record.vector).toEqual(vector);
    expect(record.id).toBe(id(7));
    expect(record.metadata).toEqual({ label: 'cat', deep: { list: [1, 2.5, null] } });
    expect(record.createdAt).toBeGreaterThanOrEqual(before);
    expect(record.createdAt).toBeLessThanOrEqual(Date.now());
    expect(record.updatedAt).toBe(record.createdAt);
    expect(store.has(id(7))).toBe(true);
    expect(store.has(id(8))).toBe(false);
    expect(store.retrieveVector(id(8))).toBeUndefined();
  });

  test('takes arrays of numbers', () => {
    using store = open(3);
    store.storeVector(id(1), [0.5, -1, 1e-3]);
    expect(store.retrieveVector(id(1))!.vector).toEqual(new Float32Array([0.5, -1, 1e-3]));
  });

  test('replaces: the count stays, the metadata goes', () => {
    using store = open(4);
    store.storeVector(id(1), vectorOf(4, 1), { a: 1 });
    expect(store.storeVector(id(1), vectorOf(4, 2))).toBe(2);
    expect(store.vectorCount).toBe(1);
    expect(store.retrieveVector(id(1))).toMatchObject({ vector: vectorOf(4, 2), metadata: undefined });
  });

  test('updates only what exists', () => {
    using store = open(4);
    expect(store.updateVector(id(1), vectorOf(4, 1))).toBe(0);
    expect(store.updateMetadata(id(1), { a: 1 })).toBe(0);
    store.storeVector(id(1), vectorOf(4, 1), { a: 1 });
    expect(store.updateVector(id(1), vectorOf(4, 2))).toBe(2);
    expect(store.retrieveVector(id(1))).toMatchObject({ vector: vectorOf(4, 2), metadata: { a: 1 } });
    expect(store.updateVector(id(1), vectorOf(4, 3), { b: 2 })).toBe(3);
    expect(store.retrieveVector(id(1))).toMatchObject({ vector: vectorOf(4, 3), metadata: { b: 2 } });
    expect(store.updateMetadata(id(1), { c: 3 })).toBe(4);
    expect(store.retrieveVector(id(1))).toMatchObject({ vector: vectorOf(4, 3), metadata: { c: 3 } });
    expect(store.updateMetadata(id(1), '')).toBe(5);
    expect(store.retrieveVector(id(1))!.metadata).toBeUndefined();
    expect(store.vectorCount).toBe(1);
  });

  test('deletes once', () => {
    using store = open(4);
    store.storeVector(id(1), vectorOf(4, 1));
    expect(store.deleteVector(id(1))).toBe(2);
    expect(store.deleteVector(id(1))).toBe(0);
    expect(store.retrieveVector(id(1))).toBeUndefined();
    expect(store.vectorCount).toBe(0);
    expect(store.stats()).toMatchObject({ vectorCount: 0, deadCount: 1 });
  });

  test('stores a batch of 20 and finds 3 of 4 ids', () => {
    using store = open(16);
    const ids = Array.from({ length: 20 }, (_, i) => id(i));
    const vectors = ids.map((_, i) => vectorOf(16, i));
    const metadata = ids.map((_, i) => (i % 2 === 0 ? { i } : undefined));
    expect(store.batchStore(ids, vectors, metadata)).toBe(20);
    expect(store.vectorCount).toBe(20);
    const found = store.batchRetrieve([id(3), id(99), id(0), id(19)]);
    expect(found.map((record) => record?.metadata)).toEqual([undefined, undefined, { i: 0 }, undefined]);
    expect(found.map((record) => record?.vector)).toEqual([
      vectorOf(16, 3),
      undefined,
      vectorOf(16, 0),
      vectorOf(16, 19),
    ]);
  });

  test('of equal ids in a batch the last wins', () => {
    using store = open(2);
    expect(store.batchStore([id(1), id(2), id(1)], new Float32Array([1, 2, 3, 4, 5, 6]))).toBe(2);
    expect(store.vectorCount).toBe(2);
    expect(store.retrieveVector(id(1))!.vector).toEqual(new Float32Array([5, 6]));
  });

  test('deletes a batch, passing over absent ids', () => {
    using store = open(2);
    store.batchStore([id(1), id(2), id(3)], new Float32Array(6));
    expect(store.batchDelete([id(1), id(9), id(3), id(1)])).toBe(2);
    expect([...store.ids()]).toEqual([id(2)]);
  });

  test('reads into the caller’s arrays', () => {
    using store = open(3);
    store.batchStore([id(1), id(2)], new Float32Array([1, 2, 3, 4, 5, 6]));
    const out = new Float32Array(4).fill(9);
    expect(store.readVector(id(2), out)).toBe(true);
    expect(out).toEqual(new Float32Array([4, 5, 6, 9]));
    expect(store.readVector(id(3), out)).toBe(false);
    expect(out).toEqual(new Float32Array([4, 5, 6, 9]));
    const rows = new Float32Array(9);
    expect(store.readVectors([id(2), id(3), id(1)], rows)).toBe(2);
    expect(rows).toEqual(new Float32Array([4, 5, 6, NaN, NaN, NaN, 1, 2, 3]));
  });

  test('a copy is a copy', () => {
    using store = open(2);
    store.storeVector(id(1), [1, 2]);
    store.retrieveVector(id(1))!.vector.fill(0);
    expect(store.retrieveVector(id(1))!.vector).toEqual(new Float32Array([1, 2]));
  });

  test('iterates in the order of the last write, over one snapshot', async () => {
    using store = open(2);
    for (let i = 0; i < 2500; i++) store.storeVector(id(i), [i, 0], i % 3 === 0 ? { i } : undefined);
    store.storeVector(id(5), [5, 5]);
    store.deleteVector(id(6));
    const expected = [...Array(2500).keys()].filter((i) => i !== 5 && i !== 6).concat(5);
    const ids = store.ids();
    const entries = store.entries();
    store.batchDelete(expected.map(id));
    store.storeVector(id(9999), [1, 1]);
    expect([...ids]).toEqual(expected.map(id));
    const seen = [];
    for await (const entry of entries) seen.push(entry);
    expect(seen.map((entry) => entry.id)).toEqual(expected.map(id));
    expect(seen.map((entry) => entry.metadata)).toEqual(expected.map((i) => (i % 3 === 0 ? { i } : undefined)));
    expect(seen.every((entry) => entry.vector.length === 2 && entry.updatedAt >= entry.createdAt)).toBe(true);
    expect([...store.ids()]).toEqual([id(9999)]);
  });

  test('is there again after closing', () => {
    const file = directory.file();
    {
      using store = new MemoryMappedVectorStore(file, 8, { idType });
      for (let i = 0; i < 300; i++) store.storeVector(id(i % 100), vectorOf(8, i), { i });
      store.batchDelete([id(1), id(2)]);
    }
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(98);
    expect(store.lastLsn).toBe(302);
    expect(store.stats().recovery).toMatchObject({ clean: true, recoveredLsn: 302, droppedRecords: 0 });
    for (let i = 3; i < 100; i++) {
      expect(store.retrieveVector(id(i))).toMatchObject({ vector: vectorOf(8, 200 + i), metadata: { i: 200 + i } });
    }
  });
});

describe('ids', () => {
  test('come back as number up to 2^53-1, else as bigint', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 1);
    const large = 2n ** 63n - 1n;
    store.batchStore(
      [0, 5n, Number.MAX_SAFE_INTEGER, BigInt(Number.MAX_SAFE_INTEGER) + 1n, large],
      new Float32Array(5),
    );
    expect([...store.ids()]).toEqual([0, 5, Number.MAX_SAFE_INTEGER, 2n ** 53n, large]);
    expect(store.retrieveVector(5n)!.id).toBe(5);
    expect(store.retrieveVector(large)!.id).toBe(large);
    expect(store.has(5)).toBe(true);
  });

  test('come as typed arrays too', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 1);
    store.batchStore(new Float64Array([1, 2]), new Float32Array(2));
    store.batchStore(new BigInt64Array([3n, 2n ** 60n]), new Float32Array(2));
    expect([...store.ids()]).toEqual([1, 2, 3, 2n ** 60n]);
    expect(store.batchDelete(new BigInt64Array([1n, 3n]))).toBe(2);
  });

  test('of strings are told apart by every byte', () => {
    // The first two had equal hashes in an earlier store, and overwrote each other.
    const ids = [
      'aaaaaaaabbbbbbbb',
      'R2zjKoc40fE7sqsZ',
      'a',
      'A',
      'ä',
      'a\u0308',
      '\0',
      'x'.repeat(1024),
      'x'.repeat(1023),
    ];
    const file = directory.file();
    {
      using store = new MemoryMappedVectorStore<{ n: number }, string>(file, 1, { idType: 'string' });
      ids.forEach((id, n) => store.storeVector(id, [n], { n }));
    }
    using store = MemoryMappedVectorStore.open<{ n: number }, string>(file);
    expect([...store.ids()]).toEqual(ids);
    ids.forEach((id, n) => {
      expect(store.retrieveVector(id)).toMatchObject({ vector: new Float32Array([n]), metadata: { n } });
    });
  });
});

describe('metadata', () => {
  test('is an object or its JSON text, and comes back as an object', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 1);
    store.storeVector(1, [1], ' {"a": [1, {"b": "ü€😀"}]} ');
    store.storeVector(2, [1], '');
    store.storeVector(3, [1], {});
    store.storeVector(4, [1], '{"lone":"\ud800"}');
    expect(store.retrieveVector(1)!.metadata).toEqual({ a: [1, { b: 'ü€😀' }] });
    expect(store.retrieveVector(2)!.metadata).toBeUndefined();
    expect(store.retrieveVector(3)!.metadata).toEqual({});
    expect(store.retrieveVector(4)!.metadata).toEqual({ lone: '\ud800' });
  });

  test('never reaches a prototype', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 1);
    store.storeVector(1, [1], '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    const metadata = store.retrieveVector(1)!.metadata!;
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    expect(Object.keys(metadata)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('may be a mebibyte and 64 levels deep', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 1);
    const text = 'x'.repeat((1 << 20) - 8);
    store.storeVector(1, [1], { a: text });
    expect(store.retrieveVector(1)!.metadata).toEqual({ a: text });
    const deep = `${'{"a":'.repeat(63)}{"[[[":"}}}\\"{"}${'}'.repeat(63)}`;
    store.storeVector(2, [1], deep);
    expect(JSON.stringify(store.retrieveVector(2)!.metadata)).toBe(deep);
  });
});

describe('statistics', () => {
  test('say what is there', async () => {
    const file = directory.file();
    using store = new MemoryMappedVectorStore(file, 8, { initialCapacity: 10 });
    for (let i = 0; i < 50; i++) store.storeVector(i % 40, vectorOf(8, i));
    await store.flush();
    const stats = store.stats();
    expect(stats).toMatchObject({ vectorCount: 40, deadCount: 10, lastLsn: 50, durableLsn: 50, flushCount: 1 });
    expect(stats.capacity).toBeGreaterThanOrEqual(50);
    expect(stats.extentCount).toBeGreaterThan(1);
    expect(stats.fileBytes).toBeGreaterThan(50 * 32);
    expect(stats.memoryBytes).toBeGreaterThan(0);
    expect(Math.abs(stats.durableAt.getTime() - Date.now())).toBeLessThan(60000);
    expect(store.durableLsn).toBe(50);
    expect(store.capacity).toBe(stats.capacity);
  });
});
