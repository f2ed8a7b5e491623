/** What becomes of an open store whose file is replaced, removed, renamed or made unreadable. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, expectError, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();
const root = process.getuid?.() === 0;
if (root) console.warn('SKIPPED: refusing to open a file made unreadable (root may read everything)');

/** A file of ids 1 to 100, in a directory of its own. */
function filled(): string {
  const inside = directory.file();
  mkdirSync(inside);
  const file = path.join(inside, 'a.jvdb');
  using store = new MemoryMappedVectorStore(file, 8, { initialCapacity: 100 });
  for (let n = 1; n <= 100; n++) store.storeVector(n, vectorOf(8, n), { n });
  return file;
}

/** Another database, of id 1000. */
function other(): string {
  const file = directory.file();
  using store = new MemoryMappedVectorStore(file, 8);
  store.storeVector(1000, vectorOf(8, 1000), { other: true });
  return file;
}

async function expectReads(store: MemoryMappedVectorStore, count: number): Promise<void> {
  expect(store.vectorCount).toBe(count);
  expect([...store.ids()]).toHaveLength(count);
  for (const n of [1, 50, 100])
    expect(store.retrieveVector(n)).toMatchObject({ vector: vectorOf(8, n), metadata: { n } });
  const [hit] = await store.search(vectorOf(8, 7), { topK: 1 });
  expect(hit).toMatchObject({ id: 7, metadata: { n: 7 } });
  expect(store.stats()).toMatchObject({ vectorCount: count });
}

/** Everything works on: reading, and for a writer changing, growing and flushing. */
async function expectWorks(store: MemoryMappedVectorStore): Promise<void> {
  const before = store.vectorCount;
  await expectReads(store, before);
  if (store.readOnly) {
    expectError(() => store.storeVector(1, vectorOf(8, 1)), 'JVDB_READ_ONLY');
    store.flushSync();
    return;
  }
  const { capacity } = store;
  const ids = Array.from({ length: 5000 }, (_, i) => before + 2000 + i);
  expect(store.batchStore(ids, new Float32Array(5000 * 8).fill(1))).toBe(5000);
  expect(store.capacity).toBeGreaterThan(capacity);
  await store.flush();
  expect(store.durableLsn).toBe(store.lastLsn);
  await expectReads(store, before + 5000);
}

describe.each([
  ['a writer', false],
  ['a reader', true],
])('under %s', (_, readOnly) => {
  let file: string;
  let store: MemoryMappedVectorStore;
  beforeEach(() => {
    file = filled();
    store = MemoryMappedVectorStore.open(file, { readOnly });
  });
  afterEach(() => {
    store.close();
  });

  test('the file is replaced: the path is another database, the handle keeps its own', async () => {
    renameSync(other(), file);
    await expectWorks(store);
    {
      using second = MemoryMappedVectorStore.open(file);
      expect([...second.ids()]).toEqual([1000]);
      second.storeVector(1001, vectorOf(8, 1001));
      expect(store.has(1001)).toBe(false);
      expect(second.has(1)).toBe(false);
    }
    await expectWorks(store);
    const bytes = readFileSync(file);
    store.close();
    expect(readFileSync(file).equals(bytes)).toBe(true);
    using third = MemoryMappedVectorStore.open(file);
    expect([...third.ids()]).toEqual([1000, 1001]);
  });

  test('the file is replaced by a copy of itself: still another database', async () => {
    const copy = directory.file();
    copyFileSync(file, copy);
    renameSync(copy, file);
    using second = MemoryMappedVectorStore.open(file);
    second.deleteVector(1);
    await expectWorks(store);
    expect(second.vectorCount).toBe(99);
  });

  test('the file is removed: the handle works on, and a new one may be created', async () => {
    rmSync(file);
    await expectWorks(store);
    expectError(() => MemoryMappedVectorStore.open(file), 'JVDB_NOT_FOUND', /a\.jvdb does not exist; create it/);
    await expectRejection(MemoryMappedVectorStore.openAsync(file, { readOnly: true }), 'JVDB_NOT_FOUND');
    {
      using second = new MemoryMappedVectorStore(file, 8);
      expect(second.vectorCount).toBe(0);
      second.storeVector(1000, vectorOf(8, 1000));
    }
    await expectWorks(store);
    store.close();
    using third = MemoryMappedVectorStore.open(file);
    expect([...third.ids()]).toEqual([1000]);
  });

  test('the file is renamed: it is found by its new path, and shared', async () => {
    const moved = path.join(path.dirname(file), 'b.jvdb');
    renameSync(file, moved);
    await expectWorks(store);
    expect(store.filePath).toBe(file);
    if (!readOnly) {
      using second = MemoryMappedVectorStore.open(moved);
      second.storeVector(1000, vectorOf(8, 1000));
      expect(store.has(1000)).toBe(true);
    }
    expectError(() => MemoryMappedVectorStore.open(file), 'JVDB_NOT_FOUND');
    const count = store.vectorCount;
    store.close();
    using third = MemoryMappedVectorStore.open(moved);
    expect(third.stats().recovery.clean).toBe(true);
    await expectReads(third, count);
  });

  test('its directory is removed', async () => {
    rmSync(path.dirname(file), { recursive: true });
    await expectWorks(store);
    expectError(() => MemoryMappedVectorStore.open(file), 'JVDB_NOT_FOUND', /a\.jvdb does not exist/);
    expectError(
      () => new MemoryMappedVectorStore(file, 8),
      'JVDB_NOT_FOUND',
      /a\.jvdb.*check that its directory exists/,
    );
    expect(existsSync(path.dirname(file))).toBe(false);
  });

  test('its directory is renamed', async () => {
    const moved = directory.file();
    renameSync(path.dirname(file), moved);
    await expectWorks(store);
    const count = store.vectorCount;
    store.close();
    using second = MemoryMappedVectorStore.open(path.join(moved, 'a.jvdb'));
    await expectReads(second, count);
  });

  test('the file is made unreadable: the handle works on', async () => {
    chmodSync(file, 0);
    await expectWorks(store);
    if (!root) {
      for (const again of [false, true]) {
        expectError(
          () => MemoryMappedVectorStore.open(file, { readOnly: again }),
          'JVDB_IO',
          /a\.jvdb: .*check the permissions of the file/,
        );
      }
    }
    const count = store.vectorCount;
    store.close();
    chmodSync(file, 0o600);
    using second = MemoryMappedVectorStore.open(file);
    await expectReads(second, count);
  });
});
