/** Backups of many databases in a directory: chains, retention, damage, restoring. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { BackupDirectory, MemoryMappedVectorStore, PersistentDatabasePersistence } from '../../lib/index.js';
import { Directory, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();
const DIMENSION = 16;
let count = 0;

class Databases {
  readonly storage = path.join(directory.path, `storage-${String(++count)}`);
  readonly persistence = new PersistentDatabasePersistence(this.storage);
  readonly backups = new BackupDirectory(path.join(directory.path, `backups-${String(count)}`));
  readonly source = {
    backup: async (file: string, options?: object) => this.persistence.backup('docs', file, options),
  };

  constructor() {
    this.persistence.createDatabase('docs', { dimension: DIMENSION });
    this.put(0, 50);
  }

  put(first: number, end: number, seed = 0): void {
    for (let id = first; id < end; id++) this.persistence.storeVector('docs', id, vectorOf(DIMENSION, id + seed));
  }

  backup(kind?: 'full' | 'incremental'): ReturnType<BackupDirectory['backup']> {
    return this.backups.backup('docs', this.source, { kind });
  }

  /** The ids in what is restored. */
  async restored(options = {}): Promise<{ ids: number; skipped: number; backups: number }> {
    const to = path.join(directory.path, `restored-${String(++count)}.jvdb`);
    const { skipped, backups } = await this.backups.restore('docs', to, options);
    const store = MemoryMappedVectorStore.open(to);
    for (const id of store.ids()) expect(store.retrieveVector(id)!.vector).toHaveLength(DIMENSION);
    const ids = store.vectorCount;
    store.close();
    return { ids, skipped: skipped.length, backups: backups.length };
  }
}

function damage(file: string): void {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(Buffer.from(vectorOf(DIMENSION, 3).buffer));
  const descriptor = openSync(file, 'r+');
  const place = at > 0 ? at : bytes.length / 2;
  writeSync(descriptor, Buffer.from([bytes[place]! ^ 0x55]), 0, 1, place);
  closeSync(descriptor);
}

test('a whole copy first, then increments; the newest state and any before it', async () => {
  const databases = new Databases();
  const full = await databases.backup();
  expect(full).toMatchObject({
    kind: 'full',
    name: 'docs',
    base: undefined,
    vectorCount: 50,
    sinceLsn: 0,
    lastLsn: 50,
  });
  databases.put(50, 60);
  const first = await databases.backup();
  expect(first).toMatchObject({ kind: 'incremental', base: full.id, sinceLsn: 50, lastLsn: 60 });
  expect(first.bytes).toBeLessThanOrEqual(full.bytes);
  await new Promise((resolve) => setTimeout(resolve, 5));
  databases.put(60, 65);
  databases.persistence.deleteVector('docs', 0);
  const second = await databases.backup();
  expect(await databases.backups.list('docs')).toEqual([full, first, second]);
  expect(await databases.backups.list()).toHaveLength(3);
  expect(await databases.restored()).toEqual({ ids: 64, skipped: 0, backups: 3 });
  expect(await databases.restored({ backup: full.id })).toEqual({ ids: 50, skipped: 0, backups: 1 });
  expect(await databases.restored({ lsn: 55 })).toEqual({ ids: 55, skipped: 0, backups: 2 });
  expect(await databases.restored({ time: first.lastTime })).toMatchObject({ ids: 60 });
  expect(await databases.restored({ time: new Date() })).toMatchObject({ ids: 64 });
  const found = await databases.backups.verify();
  expect(found.map(({ ok }) => ok)).toEqual([true, true, true]);
  await expectRejection(databases.restored({ lsn: 1000 }), 'JVDB_NOT_FOUND');
  await expectRejection(databases.restored({ backup: 'none' }), 'JVDB_NOT_FOUND');
  await expectRejection(databases.restored({ time: new Date(0) }), 'JVDB_NOT_FOUND');
});

test('a new whole copy where no increment can follow', async () => {
  const databases = new Databases();
  await expectRejection(databases.backup('incremental'), 'JVDB_NOT_FOUND');
  await databases.backup();
  databases.put(0, 10, 1);
  await databases.persistence.compact('docs');
  await expectRejection(databases.backup('incremental'), 'JVDB_NOT_FOUND');
  expect((await databases.backup()).kind).toBe('full');
  databases.put(10, 20, 1);
  expect((await databases.backup()).kind).toBe('incremental');
  // Another database of the same name, with as many changes and more.
  databases.persistence.deleteDatabase('docs');
  databases.persistence.createDatabase('docs', { dimension: DIMENSION });
  databases.put(0, 90);
  await expectRejection(databases.backup('incremental'), 'JVDB_CONFLICT');
  expect((await databases.backup()).kind).toBe('full');
  expect(await databases.restored()).toMatchObject({ ids: 90, backups: 1 });
  const kinds = (await databases.backups.list()).map(({ kind }) => kind);
  expect(kinds).toEqual(['full', 'full', 'incremental', 'full']);
});

test('damaged backups are named, and passed over for older ones', async () => {
  const databases = new Databases();
  await databases.backup();
  databases.put(50, 60);
  await databases.backup('full');
  databases.put(60, 70);
  const increment = await databases.backup();
  damage(increment.path);
  expect((await databases.backups.verify()).map(({ ok }) => ok)).toEqual([true, true, false]);
  expect(await databases.restored()).toEqual({ ids: 60, skipped: 1, backups: 1 });
  const [, second] = await databases.backups.list();
  damage(second!.path);
  expect(await databases.restored()).toEqual({ ids: 50, skipped: 1, backups: 1 });
  await expectRejection(
    databases.restored({ backup: increment.id }),
    'JVDB_CORRUPT',
    new RegExp(path.basename(increment.path)),
  );
  rmSync(second!.path);
  expect(await databases.restored()).toMatchObject({ ids: 50 });
  const [bad] = (await databases.backups.verify()).filter(({ backup }) => backup === second!.id);
  expect(bad!.errors[0]!.message).toMatch(/No such file|File not found|cannot find the file/);
  // Of manifests too.
  const manifest = second!.path.replace(/\.jvdb-backup$/, '.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"lastLsn": 60', '"lastLsn": 61'));
  expect((await databases.backups.verify()).filter(({ ok }) => !ok).map(({ errors }) => errors[0]!.message)).toEqual([
    expect.stringContaining('does not match its checksum'),
    expect.stringContaining('is missing'),
  ]);
});

test('retention by count and age: chains go as a whole, the newest stays', async () => {
  const databases = new Databases();
  for (let round = 1; round <= 3; round++) {
    await databases.backup('full');
    databases.put(50 * round, 50 * round + 5);
    await databases.backup();
  }
  expect(await databases.backups.prune({})).toEqual([]);
  expect(await databases.backups.prune({ maxAgeSeconds: 3600 })).toEqual([]);
  const removed = await databases.backups.prune({ keepFull: 2 });
  expect(removed.map(({ kind }) => kind)).toEqual(['incremental', 'full']);
  expect(await databases.restored()).toMatchObject({ ids: 65 });
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await databases.backups.prune({ maxAgeSeconds: 0 }, 'docs')).toHaveLength(2);
  expect(await databases.restored()).toMatchObject({ ids: 65, backups: 2 });
  expect(readdirSync(path.join(databases.backups.directory, 'docs'))).toHaveLength(4);
  for (const retention of [{ keepFull: 0 }, { maxAgeSeconds: -1 }, { keep: 1 }]) {
    await expectRejection(databases.backups.prune(retention), 'JVDB_INVALID_ARGUMENT');
  }
});

test('neither the clock nor other histories mislead', async () => {
  const databases = new Databases();
  try {
    jest.useFakeTimers({
      doNotFake: [
        'setTimeout',
        'setInterval',
        'queueMicrotask',
        'performance',
        'nextTick',
        'setImmediate',
        'clearInterval',
        'clearTimeout',
      ],
      now: Date.now(),
    });
    await databases.backup('full');
    databases.put(50, 60);
    jest.setSystemTime(Date.now() - 3600_000); // the clock goes back
    await databases.backup('full');
    databases.put(60, 65);
    jest.setSystemTime(Date.now() - 3600_000);
    await databases.backup();
  } finally {
    jest.useRealTimers();
  }
  expect(await databases.restored()).toEqual({ ids: 65, skipped: 0, backups: 2 });
  expect((await databases.backups.prune({ keepFull: 1 })).map(({ sequence }) => sequence)).toEqual([1]);
  // Deleted, and created anew: before that, the old one.
  const before = new Date();
  await new Promise((resolve) => setTimeout(resolve, 5));
  databases.persistence.deleteDatabase('docs');
  databases.persistence.createDatabase('docs', { dimension: DIMENSION });
  databases.put(0, 7);
  expect((await databases.backup()).kind).toBe('full');
  expect(await databases.restored()).toMatchObject({ ids: 7 });
  expect(await databases.restored({ time: before })).toMatchObject({ ids: 65, backups: 2 });
});

test('backups at the same time, and many of them', async () => {
  const databases = new Databases();
  const made = await Promise.all([databases.backup('full'), databases.backup('full'), databases.backup('full')]);
  expect(new Set(made.map(({ id }) => id)).size).toBe(3);
  databases.put(50, 55);
  const [one, other] = await Promise.all([databases.backup(), databases.backup()]);
  expect(one.base).toBe(other.base);
  expect(await databases.restored({ backup: one.id })).toMatchObject({ ids: 55 });
  expect(await databases.restored({ backup: other.id })).toMatchObject({ ids: 55 });
  damage((await databases.backups.list('docs')).at(-1)!.path); // whichever came first
  expect(await databases.restored()).toMatchObject({ ids: 55, skipped: 1 });
  const kinds: string[] = [];
  for (let id = 60; id < 65; id++) {
    databases.put(id, id + 1);
    kinds.push((await databases.backups.backup('docs', databases.source, { maxIncrements: 3 })).kind);
  }
  expect(kinds).toEqual(['incremental', 'incremental', 'full', 'incremental', 'incremental']);
});

test('what is not a backup', async () => {
  const databases = new Databases();
  await databases.backup();
  const folder = path.join(databases.backups.directory, 'docs');
  mkdirSync(path.join(folder, '00000001-full.x.tmp'));
  writeFileSync(path.join(folder, 'notes.txt'), 'x');
  const alone = path.join(folder, '00000007-full.jvdb-backup');
  writeFileSync(alone, 'half');
  utimesSync(alone, 0, 0);
  await databases.backup();
  expect(existsSync(alone)).toBe(false);
  expect(existsSync(path.join(folder, 'notes.txt'))).toBe(true);
  symlinkSync(folder, path.join(databases.backups.directory, 'link'));
  await expectRejection(databases.backups.backup('link', databases.source), 'JVDB_INVALID_ARGUMENT', /link/);
  const to = path.join(directory.path, 'nowhere');
  for (const options of [{ time: 5 }, { time: new Date(NaN) }, { lsn: '5' }, { lsn: -1 }, { backup: 5 }]) {
    await expectRejection(databases.backups.restore('docs', to, options as never), 'JVDB_INVALID_ARGUMENT');
  }
  await expectRejection(databases.backups.restore('docs', path.join(to, 'x', 'y')), 'JVDB_NOT_FOUND', /x\/y/);
});

test('a whole persistence, and back', async () => {
  const databases = new Databases();
  databases.persistence.createDatabase('other', { dimension: 4, idType: 'string' });
  databases.persistence.storeVector('other', 'a', [1, 2, 3, 4], { n: 1 });
  const made = await databases.backups.backupAll(databases.persistence);
  expect(made.map(({ name }) => name)).toEqual(['docs', 'other']);
  const to = path.join(directory.path, 'restored-all');
  const restored = await databases.backups.restoreAll(to);
  expect([...restored.keys()]).toEqual(['docs', 'other']);
  const again = new PersistentDatabasePersistence(to);
  expect(again.vectorCount('docs')).toBe(50);
  expect(again.retrieveVector('other', 'a')).toMatchObject({ metadata: { n: 1 } });
  again.close();
  await expectRejection(databases.backups.restoreAll(to), 'JVDB_EXISTS');
  for (const name of ['../evil', '', 'a/b']) {
    await expectRejection(databases.backups.backup(name, databases.source), 'JVDB_INVALID_ARGUMENT');
    await expectRejection(databases.backups.restore(name, path.join(to, 'x')), 'JVDB_INVALID_ARGUMENT');
  }
  await expectRejection(
    databases.backups.backup('docs', databases.source, { kind: 'delta' as never }),
    'JVDB_INVALID_ARGUMENT',
  );
});

test('compaction by itself, one database at a time', async () => {
  const storage = path.join(directory.path, 'auto');
  const persistence = new PersistentDatabasePersistence(storage, {
    autoCompact: { deadShare: 0.5, deadBytes: 20_000 },
  });
  const compacted: string[] = [];
  persistence.on('compact', ({ name, bytesBefore, bytesAfter }) => {
    expect(bytesAfter).toBeLessThan(bytesBefore);
    compacted.push(name);
  });
  for (const name of ['a', 'b']) {
    persistence.createDatabase(name, { dimension: DIMENSION });
    for (let round = 0; round < 20; round++) {
      const ids = Array.from({ length: 50 }, (_, id) => id);
      persistence.batchStore(
        name,
        ids,
        ids.map((id) => vectorOf(DIMENSION, id + round)),
      );
    }
  }
  while (compacted.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  expect([...compacted].sort()).toEqual(['a', 'b']);
  expect((await persistence.getStorageStats()).compactions).toBe(2);
  for (const name of ['a', 'b']) expect(await persistence.verify(name)).toMatchObject({ ok: true, vectorCount: 50 });
  persistence.close();
});
