/** Databases that are opened, deleted, made anew and closed at the same time, within one thread. */
import { existsSync, linkSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { MemoryMappedVectorStore, PersistentDatabasePersistence } from '../../lib/index.js';
import { Directory, expectError, expectRejection } from '../support.js';

const directory = new Directory();
const onLinux = process.platform === 'linux' ? test : test.skip;

function make(count: number, options = {}): PersistentDatabasePersistence {
  const databases = new PersistentDatabasePersistence(directory.file(), { flushIntervalSeconds: 0, ...options });
  for (let i = 0; i < count; i++) {
    databases.createDatabase(`db${i}`, { dimension: 2 });
    databases.storeVector(`db${i}`, 1, [1, 2]);
  }
  return databases;
}

function openFiles({ storagePath }: PersistentDatabasePersistence): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(`${storagePath}/`);
    } catch {
      return false;
    }
  }).length;
}

onLinux('deleted and made anew while it is being opened: the next call finds the new one', async () => {
  using databases = make(1);
  for (let round = 0; round < 50; round++) {
    await databases.closeDatabase('db0');
    const old = databases.search('db0', [1, 2]).catch((error: unknown) => error);
    databases.deleteDatabase('db0');
    databases.createDatabase('db0', { dimension: 3 });
    expect(await databases.search('db0', [1, 2, 3])).toEqual([]);
    const outcome = await old;
    if (!Array.isArray(outcome))
      expect(['JVDB_NOT_FOUND', 'JVDB_DIMENSION_MISMATCH']).toContain((outcome as { code: string }).code);
  }
  expect(openFiles(databases)).toBe(1);
  databases.close();
  expect(openFiles(databases)).toBe(0);
});

test('a flush under way when all is closed resolves when all is durable', async () => {
  const databases = make(40, { maxOpenFiles: 100 });
  const flushed = databases.flush();
  const closed = databases.closeAsync();
  await flushed;
  using reader = new PersistentDatabasePersistence(databases.storagePath);
  expect((await reader.getStorageStats()).totalVectors).toBe(40);
  await closed;
});

onLinux('closing a second time waits for the first', async () => {
  const first = make(20);
  const closing = first.closeAsync();
  await first.closeAsync();
  expect(openFiles(first)).toBe(0);
  await closing;
  const second = make(20);
  const async = second.closeAsync();
  second.close();
  expect(openFiles(second)).toBe(0);
  await async;
});

onLinux('closing waits for what is being opened', async () => {
  const databases = make(5);
  await Promise.all(databases.listDatabases().map(async (name) => databases.closeDatabase(name)));
  const searches = databases.listDatabases().map((name) => databases.search(name, [1, 2]));
  const outcomes = Promise.allSettled(searches);
  await databases.closeAsync();
  expect(openFiles(databases)).toBe(0);
  await outcomes;
  expect(openFiles(databases)).toBe(0);
});

test('what was opened above the limit is closed when it is idle', async () => {
  using databases = make(30, { maxOpenFiles: 5 });
  const names = databases.listDatabases();
  await Promise.all([0, 5, 10, 15, 20, 25].map(async (i) => databases.warmUp(names.slice(i, i + 5))));
  await Promise.all(names.map(async (name) => databases.search(name, [1, 2])));
  await setTimeout(20);
  await databases.flush();
  expect((await databases.getStorageStats()).openFiles).toBeLessThanOrEqual(5);
});

test('calls for what is not there close nothing', async () => {
  using databases = make(5, { maxOpenFiles: 5 });
  for (let i = 0; i < 20; i++) {
    expectError(() => databases.has(`none${i}`, 1), 'JVDB_NOT_FOUND');
    expectError(() => databases.has('../x', 1), 'JVDB_INVALID_ARGUMENT');
    await expectRejection(databases.search(`none${i}`, [1, 2]), 'JVDB_NOT_FOUND');
  }
  expect(await databases.getStorageStats()).toMatchObject({ openFiles: 5, lruEvictions: 0, lruMisses: 5 });
});

test('an aborted or wrong search opens nothing, and an abort is heard while it opens', async () => {
  using databases = make(1);
  await databases.closeDatabase('db0');
  await expect(databases.search('db0', [1, 2], { signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow(
    'early',
  );
  await expectRejection(databases.search('db0', [1, 2], { topK: -1 }), 'JVDB_INVALID_ARGUMENT');
  expect(await databases.getStorageStats()).toMatchObject({ openFiles: 0 });
  const aborting = new AbortController();
  const search = databases.search('db0', [1, 2], { signal: aborting.signal });
  aborting.abort(new Error('late'));
  await expect(search).rejects.toThrow('late');
});

test('options mean the same to the call that opens: what they inherit counts', async () => {
  using databases = make(1);
  databases.batchStore(
    'db0',
    [2, 3, 4],
    [
      [1, 2],
      [1, 3],
      [1, 4],
    ],
  );
  const options = Object.create({ topK: 1 }) as { topK: number };
  for (let round = 0; round < 2; round++) {
    if (round === 0) await databases.closeDatabase('db0');
    expect((await databases.search('db0', [1, 2], options)).length).toBe(1);
  }
});

test('figures of a database that another made anew are those of the new one', async () => {
  using one = make(1);
  using other = new PersistentDatabasePersistence(one.storagePath);
  one.batchStore(
    'db0',
    [2, 3],
    [
      [1, 2],
      [1, 3],
    ],
  );
  other.deleteDatabase('db0');
  expect(one.hasDatabase('db0')).toBe(false);
  other.createDatabase('db0', { dimension: 5 });
  other.storeVector('db0', 9, [1, 2, 3, 4, 5]);
  await other.flush();
  expect(one.getDatabaseInfo('db0')).toMatchObject({ dimension: 5, vectorCount: 1, isOpen: false });
  expect(await one.getStorageStats()).toMatchObject({ totalDatabases: 1, totalVectors: 1 });
});

test('a file with two names: deleting one leaves the other', () => {
  using databases = make(1);
  const place = databases.storagePath;
  linkSync(path.join(place, 'db0.jvdb'), path.join(place, 'second.jvdb'));
  databases.storeVector('second', 2, [3, 4]);
  expect(databases.deleteDatabase('second')).toBe(true);
  databases.storeVector('db0', 3, [5, 6]);
  databases.close();
  expect(existsSync(path.join(place, 'second.jvdb'))).toBe(false);
  using store = MemoryMappedVectorStore.open(path.join(place, 'db0.jvdb'));
  expect([...store.ids()]).toEqual([1, 2, 3]);
});

test('an iterator that is left before its first step holds nothing', async () => {
  using databases = make(8, { maxOpenFiles: 5 });
  for (let i = 0; i < 8; i++) {
    databases.ids(`db${i}`).return!();
    await databases.entries(`db${i}`).return!();
    await databases.changes(`db${i}`).return!();
  }
  expect(await databases.getStorageStats()).toMatchObject({ openFiles: 5, limitExceeded: 0 });
});

test('what a killed creation left does not keep a folder', () => {
  using databases = make(0, { layout: 'folder' });
  databases.createDatabase('db', { dimension: 2 });
  const folder = path.join(databases.storagePath, 'db');
  linkSync(path.join(folder, 'vectors.jvdb'), path.join(folder, 'vectors.jvdb.tmp-123'));
  expect(databases.deleteDatabase('db')).toBe(true);
  expect(existsSync(folder)).toBe(false);
});
