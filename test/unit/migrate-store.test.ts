/** Files of this package into new ones: copied, followed while they are in use, and back. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  exportDatabases,
  importDatabases,
  MemoryMappedVectorStore,
  migrate,
  PersistentDatabasePersistence,
} from '../../lib/index.js';
import { ALL_THE_SAME, OldServer, one, opened, rows, type Store } from '../migrations.js';
import { Directory, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();

const { folder, database: old } = new OldServer(directory);

describe('a database of this package', () => {
  function filled(count: number): Store {
    const store = new MemoryMappedVectorStore<Record<string, unknown>, string>(directory.file(), 4, {
      ...{ idType: 'string', metric: 'dot', scanColumn: 'none', autoCompact: false },
    });
    for (let i = 0; i < count; i++) store.storeVector(`id ${i}`, vectorOf(4, i), i % 2 === 0 ? { i } : undefined);
    store.flushSync();
    return store;
  }

  test('is copied, as it is or with another metric', async () => {
    using store = filled(1000);
    store.storeVector('digits', vectorOf(4, 1), '{"large":12345678901234567890}');
    const to = directory.file();
    expect(await one(store.filePath, to, { validate: true })).toMatchObject({
      ...{ kind: 'jvdb', taken: 1001, deleted: 0, vectorCount: 1001, validation: { ...ALL_THE_SAME, compared: 1001 } },
    });
    const other = directory.file();
    await one(store.filePath, other, { distanceMetric: 'euclidean', scanColumn: 'int8' });
    expect([opened(to).metric, opened(other).metric]).toEqual(['dot', 'euclidean']);
    const idType = { idType: 'int64' } as const;
    await expectRejection(migrate(store.filePath, `${to}3`, idType), 'JVDB_INVALID_ARGUMENT', /export and import/);
  });

  test('is followed while it is in use, only as far as it is durable', async () => {
    using store = filled(100);
    const to = directory.file();
    expect(await one(store.filePath, to, { pass: true })).toMatchObject({ taken: 100 });
    store.batchStore(['id 1', 'new', 'new'], [vectorOf(4, 7), vectorOf(4, 8), vectorOf(4, 9)]);
    store.deleteVector('id 2');
    store.storeVector('passing', vectorOf(4, 1));
    store.deleteVector('passing');
    expect(await one(store.filePath, to, { pass: true })).toMatchObject({
      taken: 0,
      deleted: 0,
      vectorCount: 100,
      pending: 6,
    });
    store.flushSync();
    const { lastLsn } = store;
    expect(await one(store.filePath, to, { pass: true })).toMatchObject({
      taken: 2,
      deleted: 2,
      vectorCount: 100,
      removed: 0,
      pending: 0,
    });
    expect(JSON.parse(readFileSync(`${to}.migration`, 'utf8'))).toMatchObject({
      position: expect.stringMatching(new RegExp(`^${lastLsn} `)) as string,
    });
    // The last one takes all: nobody writes any more.
    store.storeVector('last', vectorOf(4, 5));
    expect(await one(store.filePath, to, { validate: true })).toMatchObject({
      ...{ taken: 1, vectorCount: 101, validation: { ...ALL_THE_SAME, compared: 101 } },
    });
    expect([...opened(to).retrieveVector('new')!.vector]).toEqual([...vectorOf(4, 9)]);
  });

  test('is read anew where a compaction dropped what was deleted', async () => {
    using store = filled(100);
    const to = directory.file();
    await one(store.filePath, to, { pass: true });
    for (let i = 0; i < 50; i++) store.deleteVector(`id ${i}`);
    store.storeVector('id 99', vectorOf(4, 0));
    await store.compact();
    expect(await one(store.filePath, to, { pass: true, validate: true })).toMatchObject({
      ...{ taken: 50, deleted: 0, removed: 50, vectorCount: 50, validation: { ...ALL_THE_SAME, compared: 50 } },
    });
  });

  test('one that was put back, and went on from there, is told from it', async () => {
    using store = filled(100);
    const to = directory.file();
    const put = `${store.filePath}.put`;
    writeFileSync(put, readFileSync(store.filePath));
    for (let i = 0; i < 50; i++) store.storeVector(`this ${i}`, vectorOf(4, i));
    store.close();
    await one(store.filePath, to, { pass: true });
    writeFileSync(store.filePath, readFileSync(put));
    {
      using again: Store = MemoryMappedVectorStore.open(store.filePath);
      for (let i = 0; i < 60; i++) again.storeVector(`that ${i}`, vectorOf(4, i));
    }
    expect(await one(store.filePath, to, { validate: true })).toMatchObject({
      ...{ removed: 50, vectorCount: 160, validation: { ...ALL_THE_SAME, compared: 160 } },
    });
  });

  test('another one at the same path is told from it', async () => {
    using store = filled(10);
    const to = directory.file();
    await one(store.filePath, to, { pass: true });
    using other = filled(20);
    writeFileSync(
      `${to}.migration`,
      readFileSync(`${to}.migration`, 'utf8').replace(JSON.stringify(store.filePath), JSON.stringify(other.filePath)),
    );
    await expectRejection(migrate(other.filePath, to), 'JVDB_CONFLICT', /was restored, or made anew/);
  });

  test('goes back: by migrating, and by a document', async () => {
    const from = old(
      [
        { id: 'a', vector: [1, 2] },
        { id: 'b', vector: [3, 4] },
      ],
      { metadata: { name: 'words' } },
    );
    const storage = folder();
    await migrate(from, storage);
    {
      using all = new PersistentDatabasePersistence(storage);
      all.storeVector('words', 'since', [5, 6], { after: 'the switch' });
      all.deleteVector('words', 'a');
      await exportDatabases(all, path.join(storage, 'all.json'));
    }
    using before = new PersistentDatabasePersistence(folder());
    await importDatabases(before, path.join(storage, 'all.json'));
    expect([...before.ids('words')].sort()).toEqual(['b', 'since']);
    const back = directory.file();
    expect(await one(path.join(storage, 'words.jvdb'), back, { validate: true })).toMatchObject({ vectorCount: 2 });
    expect(rows(back)).toEqual({ b: [3, 4], since: [5, 6] });
  });
});
