/** The contract of databases by name: both implementations manage them alike. */
import { existsSync } from 'node:fs';
import {
  InMemoryDatabasePersistence,
  PersistentDatabasePersistence,
  type DatabasePersistence,
  type PersistenceEvents,
} from '../../lib/index.js';
import { kinds } from '../persistences.js';
import { Directory, expectError, expectRejection } from '../support.js';

const directory = new Directory();

describe.each(kinds(directory))('$name', ({ make, others }) => {
  function withDatabase(dimension = 4): DatabasePersistence {
    const one = make();
    one.createDatabase('db', { dimension });
    return one;
  }

  test('databases are created, listed by name, told of and deleted', () => {
    const one = make();
    expect(one.listDatabases()).toEqual([]);
    expect(one.createDatabase('b', { dimension: 3 })).toBe(true);
    expect(one.createDatabase('a', { dimension: 5, distanceMetric: 'dot', idType: 'string', indexType: 'FLAT' })).toBe(
      true,
    );
    expect(one.createDatabase('C.1_x-y', { dimension: 65536, initialCapacity: 1, scanColumn: 'none' })).toBe(true);
    expect(one.createDatabase('a', { dimension: 7 })).toBe(false);
    expect(one.listDatabases()).toEqual(['C.1_x-y', 'a', 'b']);
    expect(one.hasDatabase('a')).toBe(true);
    expect(one.hasDatabase('A.b')).toBe(false);
    expect(one.getDatabaseInfo('a')).toMatchObject({
      name: 'a',
      dimension: 5,
      distanceMetric: 'dot',
      indexType: 'FLAT',
      idType: 'string',
      scanColumn: 'int8',
      allowNonFinite: false,
      vectorCount: 0,
      deletedCount: 0,
    });
    expect(Math.abs(one.getDatabaseInfo('a').createdAt.getTime() - Date.now())).toBeLessThan(60000);
    expect(one.getDatabaseInfo('C.1_x-y')).toMatchObject({ dimension: 65536, scanColumn: 'none', idType: 'int64' });
    expect(one.deleteDatabase('a')).toBe(true);
    expect(one.deleteDatabase('a')).toBe(false);
    expect(one.listDatabases()).toEqual(['C.1_x-y', 'b']);
  });

  test('wrong schemas are refused, and create nothing', () => {
    const one = make();
    const refused = (schema: unknown, message: RegExp): void => {
      expectError(() => one.createDatabase('db', schema as { dimension: number }), 'JVDB_INVALID_ARGUMENT', message);
    };
    refused(undefined, /must be an object, not undefined/);
    refused({}, /a schema has a dimension/);
    refused({ dimension: 0 }, /dimension must be an integer from 1 to 65536, not 0/);
    refused({ dimension: 2.5 }, /not 2.5/);
    refused({ dimension: 4, distanceMetric: 'manhattan' }, /distanceMetric must be one of .* not "manhattan"/);
    refused({ dimension: 4, indexType: 'HNSW' }, /'HNSW' is not in this release/);
    refused({ dimension: 4, indexType: 'IVF' }, /indexType must be "FLAT", not "IVF"/);
    refused({ dimension: 4, idType: 'uuid' }, /idType must be one of/);
    refused({ dimension: 4, initialCapacity: -1 }, /initialCapacity/);
    refused({ dimension: 4, metric: 'dot' }, /unknown option "metric"/);
    expect(one.listDatabases()).toEqual([]);
  });

  test.each([
    '',
    '.',
    '..',
    '../evil',
    'a/b',
    'a\\b',
    '.hidden',
    '-x',
    'a..b',
    'a.',
    'a.jvdb',
    'A.JVDB',
    'ä',
    'a b',
    'con',
    'NUL.txt',
    'Lpt1',
    'a\0b',
    'x'.repeat(129),
  ])('the name %j is refused by every call', async (name) => {
    const one = make();
    const code = 'JVDB_INVALID_ARGUMENT';
    const calls: (() => unknown)[] = [
      () => one.createDatabase(name, { dimension: 4 }),
      () => one.deleteDatabase(name),
      () => one.hasDatabase(name),
      () => one.getDatabaseInfo(name),
      () => one.storeVector(name, 1, [1, 2, 3, 4]),
      () => one.retrieveVector(name, 1),
      () => one.ids(name),
    ];
    for (const call of calls) expectError(call, code, /can't be named/);
    await expectRejection(one.search(name, [1, 2, 3, 4]), code);
    await expectRejection(one.flushDatabase(name), code);
    await expectRejection(one.warmUp([name]), code);
  });

  test.each([
    'a',
    'A-1_b.c',
    'x'.repeat(128),
    '0',
    'console',
    'com',
    'nul-1',
    'jvdb',
    'constructor',
    '__proto__'.slice(2),
  ])('the name %j is taken', (name) => {
    const one = make();
    expect(one.createDatabase(name, { dimension: 2 })).toBe(true);
    expect(one.storeVector(name, 7, [1, 2])).toBe(1);
    expect(one.listDatabases()).toEqual([name]);
    expect(one.retrieveVector(name, 7)?.vector).toEqual(new Float32Array([1, 2]));
    expect(one.deleteDatabase(name)).toBe(true);
  });

  test('what is not there is not found', async () => {
    const one = make();
    const message = /there is no database "db" in .*createDatabase/;
    expectError(() => one.storeVector('db', 1, [1]), 'JVDB_NOT_FOUND', message);
    expectError(() => one.getDatabaseInfo('db'), 'JVDB_NOT_FOUND', message);
    expectError(() => one.ids('db'), 'JVDB_NOT_FOUND', message);
    expectError(() => one.entries('db'), 'JVDB_NOT_FOUND', message);
    await expectRejection(one.search('db', [1]), 'JVDB_NOT_FOUND', message);
    await expectRejection(one.warmUp(['db']), 'JVDB_NOT_FOUND', message);
    expect(await one.flushDatabase('db')).toBe(false);
    expect(one.listDatabases()).toEqual([]);
  });

  test('a flush makes all durable, and has nothing to do the second time', async () => {
    const one = withDatabase();
    one.createDatabase('more', { dimension: 2 });
    one.storeVector('db', 1, [1, 2, 3, 4]);
    one.storeVector('more', 1, [1, 2]);
    await one.flush();
    expect(one.stats('db')).toMatchObject({ durableLsn: 1 });
    expect(one.stats('more')).toMatchObject({ durableLsn: 1 });
    const { flushes, lastFlushMs, p95FlushMs } = await one.getStorageStats();
    expect(flushes).toBe(2);
    expect(p95FlushMs).toBeGreaterThanOrEqual(lastFlushMs);
    await one.flush();
    one.flushSync();
    expect((await one.getStorageStats()).flushes).toBe(2);
    one.storeVector('db', 2, [1, 2, 3, 4]);
    one.flushSync();
    expect(one.stats('db')).toMatchObject({ durableLsn: 2 });
    one.storeVector('more', 2, [1, 2]);
    expect(await one.flushDatabase('more')).toBe(true);
    expect(await one.flushDatabase('db')).toBe(true);
    expect(one.stats('more')).toMatchObject({ durableLsn: 2 });
    expect((await one.getStorageStats()).flushes).toBe(4);
  });

  test('statistics', async () => {
    const one = withDatabase();
    one.createDatabase('empty', { dimension: 2 });
    one.batchStore('db', [1, 2, 3], new Float32Array(12).fill(1));
    one.deleteVector('db', 1);
    one.storeVector('db', 2, [1, 2, 3, 4]);
    await one.flush();
    const stats = await one.getStorageStats();
    expect(stats).toMatchObject({
      totalDatabases: 2 + others,
      totalVectors: 2,
      deletedVectors: 2,
      limitExceeded: 0,
      errors: 0,
      lastError: undefined,
      unreadable: [],
    });
    expect(stats.totalBytes).toBeGreaterThan(3 * 16);
    expect(await one.healthCheck()).toMatchObject({ healthy: true, totalDatabases: 2 + others, error: undefined });
  });

  test('a flush is told', async () => {
    const one = withDatabase();
    const heard: PersistenceEvents['flush'][0][] = [];
    one.on('flush', (event) => heard.push(event));
    one.storeVector('db', 1, [1, 2, 3, 4]);
    await one.flush();
    await Promise.resolve();
    expect(heard).toEqual([{ name: 'db', lsn: 1, durationMs: expect.any(Number) as number }]);
  });

  test('after close, every call says so', async () => {
    const one = withDatabase();
    one.storeVector('db', 1, [1, 2, 3, 4]);
    const ids = one.ids('db');
    expect(one.closed).toBe(false);
    one.close();
    one.close();
    await one.closeAsync();
    expect(one.closed).toBe(true);
    const calls: (() => unknown)[] = [
      () => one.createDatabase('x', { dimension: 4 }),
      () => one.deleteDatabase('db'),
      () => one.listDatabases(),
      () => one.hasDatabase('db'),
      () => one.getDatabaseInfo('db'),
      () => one.storeVector('db', 1, [1, 2, 3, 4]),
      () => one.ids('db'),
      () => ids.next(),
      () => {
        one.flushSync();
      },
    ];
    for (const call of calls) expectError(call, 'JVDB_CLOSED');
    const promises = [
      one.search('db', [1]),
      one.flush(),
      one.flushDatabase('db'),
      one.getStorageStats(),
      one.warmUp(['db']),
    ];
    for (const promise of promises) await expectRejection(promise, 'JVDB_CLOSED');
    expect(await one.healthCheck()).toMatchObject({ healthy: false, error: { code: 'JVDB_CLOSED' } });
  });

  test('using closes', async () => {
    let one: DatabasePersistence;
    {
      using scoped = make();
      one = scoped;
    }
    expect(one.closed).toBe(true);
    {
      await using scoped = make();
      one = scoped;
    }
    expect(one.closed).toBe(true);
  });
});

test('it belongs to its thread', () => {
  using one = new InMemoryDatabasePersistence();
  expect(() => structuredClone(one)).toThrow(/belongs to the thread that made it/);
});

test('bad options are refused', () => {
  const refused = (options: unknown, message: RegExp): void => {
    const file = directory.file();
    const code = 'JVDB_INVALID_ARGUMENT';
    expectError(() => new PersistentDatabasePersistence(file, options as object), code, message);
    expect(existsSync(file)).toBe(false);
  };
  refused(null, /must be an object, not null/);
  refused({ maxFiles: 7 }, /unknown option "maxFiles"/);
  refused({ initialCapacity: 0 }, /initialCapacity must be an integer from 1/);
  refused({ maxOpenFiles: 4 }, /maxOpenFiles must be an integer from 5 to 1000, not 4/);
  refused({ maxOpenFiles: 1001 }, /not 1001/);
  refused({ flushIntervalSeconds: -1 }, /flushIntervalSeconds must be a number from 0 to 3600, not -1/);
  refused({ flushIntervalSeconds: 3601 }, /not 3601/);
  refused({ flushIntervalSeconds: '5' }, /not "5"/);
  refused({ layout: 'tree' }, /layout must be "flat" or "folder", not "tree"/);
  refused({ durability: 'never' }, /durability must be "periodic" or "commit", not "never"/);
  for (const place of ['', 7, undefined, 'a\0b']) {
    const make = (): unknown => new PersistentDatabasePersistence(place as string);
    expectError(make, 'JVDB_INVALID_ARGUMENT', /storage path/);
  }
  const inMemory = (): unknown => new InMemoryDatabasePersistence({ maxOpenFiles: 7 } as object);
  expectError(inMemory, 'JVDB_INVALID_ARGUMENT', /unknown option "maxOpenFiles"/);
});

test('a closed in-memory database is gone, one in a file is not', () => {
  const path = directory.file();
  for (const round of [0, 1]) {
    using inFiles = new PersistentDatabasePersistence(path);
    using inMemory = new InMemoryDatabasePersistence();
    expect(inFiles.createDatabase('db', { dimension: 2 })).toBe(round === 0);
    expect(inMemory.createDatabase('db', { dimension: 2 })).toBe(true);
    inFiles.storeVector('db', round, [1, 2]);
    inMemory.storeVector('db', round, [1, 2]);
    expect(inFiles.vectorCount('db')).toBe(round + 1);
    expect(inMemory.vectorCount('db')).toBe(1);
  }
  expect(existsSync(path)).toBe(true);
});
