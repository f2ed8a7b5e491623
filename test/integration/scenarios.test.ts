/** The scenarios of earlier systems, with assertions on every value; and what broke there. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { MemoryMappedVectorStore, type VectorId } from '../../lib/index.js';
import { Directory, expectError, runScript, vectorOf } from '../support.js';

const directory = new Directory();

type Model = Map<VectorId, { vector: Float32Array; metadata: Record<string, unknown> | undefined }>;

/** A store holds exactly what the model says. */
async function expectModel(store: MemoryMappedVectorStore, model: Model): Promise<void> {
  expect(store.vectorCount).toBe(model.size);
  const seen = new Set<VectorId>();
  for await (const { id, vector, metadata } of store.entries()) {
    const wanted = model.get(id);
    expect(wanted).toBeDefined();
    expect(vector).toEqual(wanted!.vector);
    expect(metadata).toEqual(wanted!.metadata);
    seen.add(id);
  }
  expect(seen.size).toBe(model.size);
  for (const [id, wanted] of [...model].slice(0, 100)) expect(store.retrieveVector(id)).toMatchObject(wanted);
}

describe('restart', () => {
  test.each([
    [100, 128],
    [10000, 64],
  ])('%d vectors of dimension %d come back exactly', async (count, dimension) => {
    const file = directory.file();
    const model: Model = new Map();
    {
      using store = new MemoryMappedVectorStore(file, dimension);
      for (let id = 0; id < count; id++) {
        const value = { vector: vectorOf(dimension, id), metadata: id % 2 === 0 ? { id } : undefined };
        store.storeVector(id, value.vector, value.metadata);
        model.set(id, value);
      }
    }
    using store = new MemoryMappedVectorStore(file, dimension);
    await expectModel(store, model);
  });

  test('another process finds everything', async () => {
    const file = directory.file();
    {
      using store = new MemoryMappedVectorStore(file, 16);
      for (let id = 0; id < 100; id++) store.storeVector(id, vectorOf(16, id), { id });
    }
    const { stdout } = await runScript(
      `const store = MemoryMappedVectorStore.open(process.argv[1]);
       console.log(JSON.stringify([...store.ids()].map((id) => [id, [...store.retrieveVector(id).vector], store.retrieveVector(id).metadata])));`,
      file,
    );
    expect(JSON.parse(stdout)).toEqual([...Array(100).keys()].map((id) => [id, [...vectorOf(16, id)], { id }]));
  });

  test('three databases of three dimensions do not mix', async () => {
    const parts = [
      [64, 50],
      [256, 30],
      [1024, 20],
    ] as const;
    const files = parts.map(() => directory.file());
    parts.forEach(([dimension, count], part) => {
      using store = new MemoryMappedVectorStore(files[part]!, dimension);
      store.batchStore(
        [...Array(count).keys()],
        [...Array(count).keys()].map((id) => vectorOf(dimension, id * 7 + part)),
      );
    });
    for (const [part, [dimension, count]] of parts.entries()) {
      using store = MemoryMappedVectorStore.open(files[part]!);
      expect(store.dimension).toBe(dimension);
      const values = [...Array(count).keys()].map(
        (id) => [id, { vector: vectorOf(dimension, id * 7 + part), metadata: undefined }] as const,
      );
      await expectModel(store, new Map(values));
    }
  });

  test.each([128, 384, 768, 1536, 1, 3, 100, 65536])('dimension %d', async (dimension) => {
    const file = directory.file();
    const model: Model = new Map();
    {
      using store = new MemoryMappedVectorStore(file, dimension, { initialCapacity: 2 });
      for (let id = 0; id < 12; id++) {
        model.set(id, { vector: vectorOf(dimension, id), metadata: undefined });
        store.storeVector(id, vectorOf(dimension, id));
      }
    }
    using store = MemoryMappedVectorStore.open(file);
    await expectModel(store, model);
    const best = await store.search(vectorOf(dimension, 5), { topK: 1 });
    expect(best[0]!.score).toBeCloseTo(1, 12);
  });
});

test('five updates and five deletes survive', async () => {
  const file = directory.file();
  const model: Model = new Map();
  {
    using store = new MemoryMappedVectorStore(file, 8);
    for (let id = 0; id < 20; id++) {
      store.storeVector(id, vectorOf(8, id), { id });
      model.set(id, { vector: vectorOf(8, id), metadata: { id } });
    }
    for (let id = 0; id < 5; id++) {
      store.updateVector(id, vectorOf(8, 100 + id));
      model.set(id, { vector: vectorOf(8, 100 + id), metadata: { id } });
      store.deleteVector(id + 5);
      model.delete(id + 5);
    }
  }
  using store = MemoryMappedVectorStore.open(file);
  await expectModel(store, model);
});

test('a batch of 100 × 512 is exact', async () => {
  const file = directory.file();
  const ids = [...Array(100).keys()];
  {
    using store = new MemoryMappedVectorStore(file, 512);
    expect(
      store.batchStore(
        ids,
        ids.map((id) => vectorOf(512, id)),
      ),
    ).toBe(100);
  }
  using store = MemoryMappedVectorStore.open(file);
  await expectModel(store, new Map(ids.map((id) => [id, { vector: vectorOf(512, id), metadata: undefined }])));
});

describe('what broke in earlier stores', () => {
  test('1, 2: growing far past the initial capacity, reopening, growing again', async () => {
    const file = directory.file();
    const model: Model = new Map();
    for (let round = 0; round < 4; round++) {
      using store = new MemoryMappedVectorStore<Record<string, unknown>, string>(file, 24, {
        initialCapacity: 1,
        idType: 'string',
      });
      await expectModel(store, model);
      for (let i = 0; i < 700; i++) {
        const n = round * 500 + i;
        store.storeVector(`id-${n}`, vectorOf(24, n * 3 + round), { n });
        model.set(`id-${n}`, { vector: vectorOf(24, n * 3 + round), metadata: { n } });
      }
    }
    using store = MemoryMappedVectorStore.open(file);
    await expectModel(store, model);
  });

  test('3: space of deleted vectors is not handed out twice', async () => {
    const file = directory.file();
    const model: Model = new Map();
    using store = new MemoryMappedVectorStore(file, 16, { initialCapacity: 4 });
    for (let n = 0; n < 2000; n++) {
      store.storeVector(n, vectorOf(16, n));
      model.set(n, { vector: vectorOf(16, n), metadata: undefined });
      if (n % 3 === 0) {
        store.deleteVector(n / 3);
        model.delete(n / 3);
      }
    }
    await expectModel(store, model);
  });

  test('8: a flipped bit in a vector, an id or metadata is an error, not an answer', () => {
    const file = directory.file();
    {
      using store = new MemoryMappedVectorStore<Record<string, unknown>, string>(file, 16, { idType: 'string' });
      store.storeVector('the id', vectorOf(16, 1), { note: 'the metadata' });
    }
    const bytes = readFileSync(file);
    for (const needle of [Buffer.from(vectorOf(16, 1).buffer), Buffer.from('the id'), Buffer.from('the metadata')]) {
      const at = bytes.indexOf(needle);
      expect(at).toBeGreaterThan(0);
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(at + 1) ^ (1 << bit), at + 1);
        const copy = directory.file();
        writeFileSync(copy, damaged);
        using store = MemoryMappedVectorStore.open<Record<string, unknown>, string>(copy);
        expectError(() => store.retrieveVector('the id'), 'JVDB_CORRUPT');
      }
    }
  });

  test('9: opening an existing database erases nothing', () => {
    const file = directory.file();
    new MemoryMappedVectorStore(file, 4).storeVector(1, [1, 2, 3, 4]);
    using store = new MemoryMappedVectorStore(file, 4, { initialCapacity: 5 });
    expect(store.vectorCount).toBe(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('12: a batch that fails leaves nothing of it', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 4, { initialCapacity: 2 });
    const vectors = new Float32Array(4000).fill(1);
    vectors[3999] = NaN;
    expectError(() => store.batchStore([...Array(1000).keys()], vectors), 'JVDB_INVALID_VECTOR');
    expect(store.vectorCount).toBe(0);
    expect([...store.ids()]).toEqual([]);
    expect(store.lastLsn).toBe(0);
    vectors[3999] = 1;
    expect(store.batchStore([...Array(1000).keys()], vectors)).toBe(1000);
  });
});
