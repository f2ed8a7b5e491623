/** Files of earlier releases open, whole and unchanged, and take more. */
import { copyFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore, type VectorRecord } from '../../lib/index.js';
import { Directory, ROOT } from '../support.js';

const directory = new Directory();

function fixture(name: string): string {
  const file = directory.file();
  copyFileSync(path.join(ROOT, 'test/fixtures', name), file);
  return file;
}

interface Expected {
  name: string;
  facts: object;
  /** In the order of last write: id, vector, metadata. */
  entries: [id: number | bigint | string, vector: number[], metadata?: object][];
}

const CASES: Expected[] = [
  {
    name: 'int64-v1.jvdb',
    facts: { dimension: 4, metric: 'cosine', idType: 'int64', vectorCount: 7, lastLsn: 11, durableLsn: 11 },
    entries: [
      [0, [-1, 0.5, 0, 0]],
      [9223372036854775807n, [0, 0, 0, 0], { größe: 'ß', list: [1, { b: null }] }],
      [1, [0, 0.125, 0.25, 0.375], { n: 1 }],
      [4, [1.5, 1.625, 1.75, 1.875]],
      [5, [2, 2.125, 2.25, 2.375], { n: 5 }],
      [7, [4, 3, 2, 1], { a: 1 }],
      [3, [1, 1.125, 1.25, 1.375]],
    ],
  },
  {
    name: 'string-v1.jvdb',
    facts: { dimension: 3, metric: 'euclidean', idType: 'string', vectorCount: 5, lastLsn: 7, durableLsn: 7 },
    entries: [
      ['a', [1, 0, 0], { word: 'a' }],
      ['日本語', [0, 1, 0]],
      ['x'.repeat(1024), [3.4028234663852886e38, 1.401298464324817e-45, -0]],
      ['nan', [NaN, Infinity, -Infinity]],
      ['b', [0, 0, 2], { again: true }],
    ],
  },
];

async function entriesOf(store: MemoryMappedVectorStore): Promise<VectorRecord[]> {
  const out = [];
  for await (const entry of store.entries()) out.push(entry);
  return out;
}

test.each(CASES)('$name', async ({ name, facts, entries }) => {
  const file = fixture(name);
  const bytes = readFileSync(file);
  using reader = MemoryMappedVectorStore.open(file, { readOnly: true });
  expect(reader).toMatchObject(facts);
  expect((await entriesOf(reader)).map(({ id, vector, metadata }) => ({ id, vector, metadata }))).toEqual(
    entries.map(([id, vector, metadata]) => ({ id, vector: new Float32Array(vector), metadata })),
  );
  reader.close();
  expect(readFileSync(file).equals(bytes)).toBe(true);
});

test.each(CASES)('$name takes more', async ({ name, entries }) => {
  const file = fixture(name);
  const more = name.startsWith('int64') ? 12 : 'more';
  {
    using store = MemoryMappedVectorStore.open(file);
    const vector = new Float32Array(store.dimension).fill(1);
    for (const [id] of entries.slice(0, 2)) store.deleteVector(id);
    store.storeVector(more, vector, { more });
  }
  using store = MemoryMappedVectorStore.open(file);
  const found = await entriesOf(store);
  expect(found.map(({ id }) => id)).toEqual([...entries.slice(2).map(([id]) => id), more]);
  expect(found.at(-1)).toMatchObject({ metadata: { more } });
});
