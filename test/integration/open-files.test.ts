/** How many files are open, as the operating system counts them; which are closed for others, and which never. */
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { PersistentDatabasePersistence, type PersistenceOptions, type VectorRecord } from '../../lib/index.js';
import { Directory, ended, expectError, expectRejection, ROOT, runScriptWith, vectorOf } from '../support.js';

const directory = new Directory();
const onLinux = process.platform === 'linux' ? test : test.skip;

/** Descriptors of this process that lead to databases below a path, by name. */
function openNames(below: string): string[] {
  const names = readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return []; // of the listing itself
    }
  });
  return names
    .filter((name) => name.startsWith(`${below}/`) && name.includes('.jvdb'))
    .map((name) => name.slice(below.length + 1).replace('.jvdb', ''))
    .sort();
}

class Databases {
  readonly path = directory.file();
  readonly persistence: PersistentDatabasePersistence;
  readonly evicted: string[] = [];

  constructor(
    readonly count: number,
    readonly dimension: number,
    options: PersistenceOptions,
  ) {
    this.persistence = new PersistentDatabasePersistence(this.path, options);
    this.persistence.on('evict', ({ name }) => this.evicted.push(name));
    for (let i = 0; i < count; i++) this.persistence.createDatabase(`db${i}`, { dimension, initialCapacity: 16 });
  }

  get open(): string[] {
    return openNames(this.path);
  }
  store(i: number, id: number): void {
    this.persistence.storeVector(`db${i}`, id, vectorOf(this.dimension, i * 1000 + id));
  }
  expectVector(i: number, id: number): void {
    const vector = this.persistence.retrieveVector(`db${i}`, id)?.vector;
    if (!Buffer.from(vector!.buffer).equals(Buffer.from(vectorOf(this.dimension, i * 1000 + id).buffer))) {
      throw new Error(`vector ${id} of db${i} is another`);
    }
  }
  [Symbol.dispose](): void {
    this.persistence.close();
  }
}

onLinux('nothing is open until it is used', async () => {
  using all = new Databases(20, 4, { maxOpenFiles: 5 });
  using again = new PersistentDatabasePersistence(all.path);
  expect(again.listDatabases().length).toBe(20);
  expect(again.hasDatabase('db3')).toBe(true);
  expect(again.getDatabaseInfo('db3')).toMatchObject({ isOpen: false, dimension: 4 });
  expect(await again.getStorageStats()).toMatchObject({ totalDatabases: 20, openFiles: 0, lruMisses: 0 });
  expect(all.open).toEqual([]);
  expect(again.vectorCount('db3')).toBe(0);
  expect(again.getDatabaseInfo('db3').isOpen).toBe(true);
  expect(all.open).toEqual(['db3']);
});

onLinux.each([
  [150, 50, 64],
  [100, 5, 16],
  [50, 10, 4096],
])('%d databases with %d open, dimension %d', async (count, limit, dimension) => {
  using all = new Databases(count, dimension, { maxOpenFiles: limit });
  for (let id = 0; id < 3; id++) {
    for (let i = 0; i < count; i++) {
      all.store(i, id);
      if (all.open.length > limit) throw new Error(`${all.open.length} files are open`);
    }
  }
  expect(all.open.length).toBe(limit);
  for (let i = 0; i < count; i++) for (let id = 0; id < 3; id++) all.expectVector(i, id);
  expect(all.open.length).toBe(limit);
  const stats = await all.persistence.getStorageStats();
  expect(stats).toMatchObject({ totalDatabases: count, totalVectors: 3 * count, openFiles: limit, limitExceeded: 0 });
  expect(stats.lruEvictions).toBe(4 * count - limit);
  expect(stats.evictionsPerMinute).toBe(stats.lruEvictions);
  expect(all.evicted.length).toBe(stats.lruEvictions);
});

onLinux('10,000 accesses 80:20 over 100 databases with 20 open', async () => {
  using all = new Databases(100, 32, { maxOpenFiles: 20 });
  let state = 42;
  const random = (n: number): number => (state = (state * 48271) % 2147483647) % n;
  const next = Array<number>(100).fill(0);
  const recent: number[] = []; // what ought to be open, the least recently used first
  let hits = 0;
  for (let n = 0; n < 10000; n++) {
    const i = random(10) < 8 ? random(20) : 20 + random(80);
    const place = recent.indexOf(i);
    if (place >= 0) hits++;
    recent.splice(place < 0 && recent.length === 20 ? 0 : place, place < 0 && recent.length < 20 ? 0 : 1);
    recent.push(i);
    if (next[i] === 0 || random(4) === 0) all.store(i, next[i]!++);
    else all.expectVector(i, random(next[i]!));
    if (n % 100 === 0) expect(all.open).toEqual(recent.map((one) => `db${one}`).sort());
  }
  expect(await all.persistence.getStorageStats()).toMatchObject({
    lruHits: hits,
    lruMisses: 10000 - hits,
    openFiles: 20,
  });
  next.forEach((count, i) => {
    for (let id = 0; id < count; id++) all.expectVector(i, id);
  });
});

onLinux('50 databases with 25 open, ten cycles: nothing piles up', () => {
  using all = new Databases(50, 64, { maxOpenFiles: 25 });
  const maps = (): number => readdirSync('/proc/self/map_files').length;
  const counts = [];
  for (let cycle = 0; cycle < 10; cycle++) {
    for (let i = 0; i < 50; i++) all.store(i, cycle);
    for (let i = 0; i < 50; i++) all.expectVector(i, cycle);
    expect(all.open.length).toBe(25);
    counts.push(maps());
  }
  expect(Math.max(...counts)).toBeLessThan(counts[0]! + 25);
});

onLinux('the least recently used goes first', () => {
  using all = new Databases(8, 4, { maxOpenFiles: 5 });
  for (const i of [0, 1, 2, 3, 4]) all.store(i, 1);
  all.expectVector(0, 1);
  all.expectVector(2, 1);
  all.store(5, 1);
  expect(all.open).toEqual(['db0', 'db2', 'db3', 'db4', 'db5']);
  all.store(6, 1);
  all.store(7, 1);
  expect(all.open).toEqual(['db0', 'db2', 'db5', 'db6', 'db7']);
  expect(all.persistence.getDatabaseInfo('db1')).toMatchObject({ isOpen: false, vectorCount: 1 });
});

onLinux('a database in use is not closed: iterators, searches, batches', async () => {
  using all = new Databases(12, 64, { maxOpenFiles: 5 });
  const { persistence } = all;
  for (let i = 0; i < 12; i++) {
    persistence.batchStore(`db${i}`, [...Array(500).keys()], new Float32Array(500 * 64).fill(i + 1));
  }
  const ids = persistence.ids('db0');
  expect(ids.next().value).toBe(0);
  const entries = persistence.entries('db1');
  const first = await entries.next();
  expect((first.value as VectorRecord).vector[0]).toBe(2);
  const changes = persistence.changes('db2');
  for (let i = 3; i < 12; i++) all.persistence.has(`db${i}`, 1);
  expect(all.open).toEqual(['db0', 'db1', 'db10', 'db11', 'db2']);

  expect([...ids].length).toBe(499);
  let sum = 0;
  for await (const { vector } of entries) sum += vector[63]!;
  expect(sum).toBe(499 * 2);
  expect((await changes.next()).value).toMatchObject({ type: 'put', id: 0 });
  await changes.return!();
  for (let i = 3; i < 12; i++) all.persistence.has(`db${i}`, 1);
  expect(all.open).toEqual(['db10', 'db11', 'db7', 'db8', 'db9']);

  const searches = Array.from({ length: 12 }, async (_, i) => {
    const [hits] = await Promise.all([
      persistence.search(`db${i}`, vectorOf(64, 1), { topK: 500, includeVectors: true }),
      persistence.batchStoreAsync(`db${i}`, [9000], [vectorOf(64, i)]),
    ]);
    for (const { id, vector } of hits) if (id !== 9000) expect(vector![0]).toBe(i + 1);
    return hits.length;
  });
  for (const count of await Promise.all(searches)) expect(count).toBe(500);
  for (let i = 0; i < 12; i++) expect(persistence.retrieveVector(`db${i}`, 9000)?.vector).toEqual(vectorOf(64, i));
});

onLinux('above the limit only while all are in use', async () => {
  using all = new Databases(9, 4, { maxOpenFiles: 5 });
  const iterators = Array.from({ length: 7 }, (_, i) => all.persistence.ids(`db${i}`));
  expect(all.open.length).toBe(7);
  expect(await all.persistence.getStorageStats()).toMatchObject({ openFiles: 7, limitExceeded: 2, lruEvictions: 0 });
  for (const iterator of iterators.slice(0, 3)) iterator.return!();
  await all.persistence.flush(); // what is closed now is closed off the event loop
  while (all.open.length > 5) await setImmediate();
  expect(all.open).toEqual(['db2', 'db3', 'db4', 'db5', 'db6']);
  all.store(7, 1);
  all.store(8, 1);
  expect(all.open).toEqual(['db3', 'db4', 'db5', 'db6', 'db8']);
});

test('an iterator that nobody holds any more lets its database go', async () => {
  const { stdout, stderr } = await runScriptWith(
    ['--expose-gc'],
    `const { PersistentDatabasePersistence } = require('jvdb');
     const p = new PersistentDatabasePersistence(process.argv[1], { maxOpenFiles: 5 });
     (async () => {
       for (let i = 0; i < 8; i++) { p.createDatabase('db' + i, { dimension: 2 }); p.storeVector('db' + i, 1, [1, 2]); }
       (() => { for (let i = 0; i < 7; i++) { p.ids('db' + i).next(); p.entries('db' + i); p.changes('db' + i).next(); } })();
       const before = (await p.getStorageStats()).openFiles;
       for (let n = 0; n < 50; n++) { global.gc(); await new Promise((done) => setTimeout(done, 10)); }
       console.log(before, (await p.getStorageStats()).openFiles);
     })();`,
    directory.file(),
  );
  expect({ stdout, stderr }).toEqual({ stdout: '7 5\n', stderr: '' });
});

test('views of an evicted database stay valid', () => {
  using all = new Databases(20, 1024, { maxOpenFiles: 5 });
  const views = Array.from({ length: 20 }, (_, i) => {
    for (let id = 0; id < 8; id++) all.store(i, id);
    return all.persistence.viewVector(`db${i}`, 3)!;
  });
  all.persistence.deleteDatabase('db0');
  all.persistence.close();
  views.forEach((view, i) => {
    expect(view).toEqual(vectorOf(1024, i * 1000 + 3));
  });
});

onLinux('eight at once, each 500 operations over 80 databases with 15 open', async () => {
  using all = new Databases(80, 32, { maxOpenFiles: 15 });
  const { persistence } = all;
  const stored = new Map<string, number>();
  const lane = async (n: number): Promise<void> => {
    let state = n + 1;
    const random = (below: number): number => (state = (state * 48271) % 2147483647) % below;
    for (let step = 0; step < 500; step++) {
      const i = random(80);
      const id = n * 1000 + random(20);
      const key = `${i} ${id}`;
      const seed = stored.get(key);
      if (seed === undefined || random(3) === 0) {
        const vector = vectorOf(32, step);
        await persistence.batchStoreAsync(`db${i}`, [id], [vector]);
        stored.set(key, step);
      } else {
        const [hit] = await persistence.search(`db${i}`, vectorOf(32, seed), { filterIds: [id], includeVectors: true });
        expect(hit?.vector).toEqual(vectorOf(32, seed));
      }
      if (all.open.length > 15) throw new Error(`${all.open.length} files are open`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, n) => lane(n)));
  for (const [key, seed] of stored) {
    const [i, id] = key.split(' ').map(Number);
    expect(persistence.retrieveVector(`db${i!}`, id!)?.vector).toEqual(vectorOf(32, seed));
  }
  expect(await persistence.getStorageStats()).toMatchObject({ errors: 0, limitExceeded: 0 });
});

onLinux('warmUp opens ahead', async () => {
  using all = new Databases(8, 4, { maxOpenFiles: 5 });
  await all.persistence.warmUp(['db1', 'db3', 'db5', 'db3']);
  expect(all.open).toEqual(['db1', 'db3', 'db5']);
  const { lruMisses } = await all.persistence.getStorageStats();
  all.store(3, 1);
  expect(await all.persistence.getStorageStats()).toMatchObject({ lruMisses });
  const six = Array.from({ length: 6 }, (_, i) => `db${i}`);
  await expectRejection(all.persistence.warmUp(six), 'JVDB_INVALID_ARGUMENT', /6 databases.*maxOpenFiles is 5/);
  await expectRejection(all.persistence.warmUp(['db1', 'none']), 'JVDB_NOT_FOUND');
});

// UBSan looks at memory through pipes: without descriptors it takes every object for a broken one.
const notUnderUBSan = process.env['ASAN_OPTIONS'] === undefined ? onLinux : test.skip;

notUnderUBSan('where the process has no descriptor left, some are closed; then it is an error', async () => {
  const script = `
    const { PersistentDatabasePersistence } = require('jvdb');
    const { openSync } = require('node:fs');
    const p = new PersistentDatabasePersistence(process.argv[1], { maxOpenFiles: 1000 });
    (async () => {
      for (let i = 0; i < 120; i++) p.createDatabase('db' + i, { dimension: 2 });
      for (let i = 0; i < 120; i++) p.storeVector('db' + i, i, [i, 1]);
      for (let i = 0; i < 120; i++) if (!(await p.search('db' + i, [i, 1])).length) throw new Error(i);
      const { openFiles, lruEvictions } = await p.getStorageStats();
      const held = [];
      try { for (;;) held.push(p.ids('db' + held.length)); } catch (error) { console.log(error.code); }
      try { await p.search('db119', [1, 1]); } catch (error) { console.log(error.code); }
      for (const one of held) one.return();
      console.log(openFiles < 64, lruEvictions > 60, held.length > 20, p.vectorCount('db119'));
    })();`;
  const limit = ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, '-e', script, directory.file()];
  const limited = await ended(spawn('sh', limit, { cwd: ROOT, stdio: 'pipe' }));
  expect(limited).toMatchObject({
    status: 0,
    stdout: 'JVDB_TOO_MANY_OPEN_FILES\nJVDB_TOO_MANY_OPEN_FILES\ntrue true true 1\n',
    stderr: '',
  });
});

test('a call that calls again from inside keeps its database', () => {
  using all = new Databases(8, 4, { maxOpenFiles: 5 });
  const metadata = {
    toJSON: (): object => {
      for (let i = 1; i < 8; i++) all.store(i, 1);
      return { inside: true };
    },
  };
  expect(all.persistence.storeVector('db0', 1, vectorOf(4, 1), metadata as never)).toBe(1);
  expect(all.persistence.retrieveVector('db0', 1)?.metadata).toEqual({ inside: true });
  expectError(() => all.persistence.has('none', 1), 'JVDB_NOT_FOUND');
});
