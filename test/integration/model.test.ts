/** Random histories against a Map: every answer is the same, before and after reopening. */
import fc from 'fast-check';
import { MemoryMappedVectorStore, type VectorId } from '../../lib/index.js';
import { Directory, vectorOf } from '../support.js';

const directory = new Directory();
const RUNS = Number(process.env['JVDB_MODEL_RUNS'] ?? 2000);
const DIMENSION = 5;

interface Value {
  vector: Float32Array;
  metadata: Record<string, unknown> | undefined;
}

class Pair {
  readonly model = new Map<VectorId, Value>();
  store: MemoryMappedVectorStore;
  lsn = 0;

  constructor(readonly idType: 'int64' | 'string') {
    this.store = new MemoryMappedVectorStore(directory.file(), DIMENSION, { idType, initialCapacity: 3 });
  }
  id(number: number): VectorId {
    return this.idType === 'int64' ? number : `ключ ${number}`;
  }
  changed(lsn: number, by: number): void {
    this.lsn += by;
    expect(lsn).toBe(by === 0 ? 0 : this.lsn);
  }
}

type Command = (pair: Pair) => void | Promise<void>;

const number = fc.integer({ min: 0, max: 15 });
const seed = fc.integer({ min: 0, max: 1000 });
const metadata = fc.option(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.constant(null))), {
  nil: undefined,
});
// What comes back went through JSON.
const json = (value: Record<string, unknown> | undefined): Record<string, unknown> | undefined =>
  value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as Record<string, unknown>);

const commands: fc.Arbitrary<Command>[] = [
  fc.tuple(number, seed, metadata).map(([n, s, meta]) => (pair) => {
    const value = { vector: vectorOf(DIMENSION, s), metadata: json(meta) };
    pair.changed(pair.store.storeVector(pair.id(n), value.vector, meta), 1);
    pair.model.set(pair.id(n), value);
  }),
  fc.tuple(number, seed).map(([n, s]) => (pair) => {
    const old = pair.model.get(pair.id(n));
    pair.changed(pair.store.updateVector(pair.id(n), vectorOf(DIMENSION, s)), old === undefined ? 0 : 1);
    if (old !== undefined) pair.model.set(pair.id(n), { ...old, vector: vectorOf(DIMENSION, s) });
  }),
  fc.tuple(number, metadata).map(([n, meta]) => (pair) => {
    const old = pair.model.get(pair.id(n));
    pair.changed(pair.store.updateMetadata(pair.id(n), meta ?? ''), old === undefined ? 0 : 1);
    if (old !== undefined) pair.model.set(pair.id(n), { ...old, metadata: json(meta) });
  }),
  number.map((n) => (pair) => {
    pair.changed(pair.store.deleteVector(pair.id(n)), pair.model.delete(pair.id(n)) ? 1 : 0);
  }),
  fc.array(fc.tuple(number, seed, metadata), { maxLength: 12 }).map((items) => (pair) => {
    const ids = items.map(([n]) => pair.id(n));
    const vectors = items.map(([, s]) => vectorOf(DIMENSION, s));
    const stored = pair.store.batchStore(
      ids,
      vectors,
      items.map(([, , meta]) => meta),
    );
    expect(stored).toBe(new Set(ids).size);
    items.forEach(([, , meta], i) => pair.model.set(ids[i]!, { vector: vectors[i]!, metadata: json(meta) }));
    pair.lsn += items.length;
  }),
  fc.array(number, { maxLength: 12 }).map((numbers) => (pair) => {
    const present = new Set(numbers.map((n) => pair.id(n)).filter((id) => pair.model.has(id)));
    expect(pair.store.batchDelete(numbers.map((n) => pair.id(n)))).toBe(present.size);
    for (const id of present) pair.model.delete(id);
    pair.lsn += present.size;
  }),
  fc.constant((pair) => {
    pair.store.flushSync();
    expect(pair.store.durableLsn).toBe(pair.lsn);
  }),
  fc.constant((pair) => {
    pair.store.close();
    pair.store = MemoryMappedVectorStore.open(pair.store.filePath);
  }),
  fc.constant(async (pair) => {
    const { deadCount } = pair.store.stats();
    expect(await pair.store.compact()).toMatchObject({ compacted: deadCount > 0, vectorCount: pair.model.size });
    expect(pair.store.stats().deadCount).toBe(0);
  }),
  seed.map((s) => (pair) => {
    const hits = pair.store.searchSync(vectorOf(DIMENSION, s), { topK: 100 });
    expect(new Set(hits.map((hit) => hit.id))).toEqual(new Set(pair.model.keys()));
  }),
];

function compare({ store, model, lsn }: Pair): void {
  expect(store.lastLsn).toBe(lsn);
  expect(store.vectorCount).toBe(model.size);
  expect(new Set(store.ids())).toEqual(new Set(model.keys()));
  for (const [id, value] of model) {
    const record = store.retrieveVector(id)!;
    expect(record.vector).toEqual(value.vector);
    expect(record.metadata).toEqual(value.metadata);
  }
}

test.each(['int64', 'string'] as const)(
  '%s ids',
  async (idType) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(...commands), { maxLength: 30 }), async (list) => {
        const pair = new Pair(idType);
        try {
          for (const command of list) await command(pair);
          compare(pair);
          pair.store.close();
          pair.store = MemoryMappedVectorStore.open(pair.store.filePath);
          compare(pair);
        } finally {
          pair.store.close();
        }
      }),
      { numRuns: RUNS / 2 },
    );
  },
  RUNS * 20 + 60000,
);
