/** Databases of the old server, and of this package, into new files: in one go, in passes, and back. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  exportDatabases,
  importDatabases,
  MemoryMappedVectorStore,
  migrate,
  PersistentDatabasePersistence,
  type InvalidRecord,
  type MigrateOptions,
  type MigratedDatabase,
} from '../../lib/index.js';
import { Directory, expectRejection, vectorOf } from '../support.js';
import { bitsOf, fixture, hashOf, hex, oldFile, sha256Of, type OldEntry } from './formats/legacy-files.js';

const directory = new Directory();
const WINDOWS = process.platform === 'win32';

type Store = MemoryMappedVectorStore<Record<string, unknown>, string>;

function folder(): string {
  const made = directory.file().replace(/\.jvdb$/, '');
  mkdirSync(made);
  return made;
}

/** A database of the old server's in a folder of its own: its file. */
function old(
  entries: OldEntry[] | Buffer,
  sidecars: { metadata?: unknown; vectors?: unknown } = {},
  at = folder(),
): string {
  mkdirSync(at, { recursive: true });
  const file = path.join(at, 'vectors.jvdb');
  writeFileSync(file, Buffer.isBuffer(entries) ? entries : oldFile(entries, { capacity: 64 }));
  const write = (name: string, value: unknown): void => {
    if (value !== undefined) writeFileSync(path.join(at, name), JSON.stringify(value));
  };
  write('metadata.json', sidecars.metadata);
  write('vector_metadata.json', sidecars.vectors);
  return file;
}

async function one(from: string, to: string, options: MigrateOptions = {}): Promise<MigratedDatabase> {
  const { databases, failed } = await migrate(from, to, options);
  expect(failed).toEqual([]);
  expect(databases).toHaveLength(1);
  return databases[0]!;
}

const opened = (file: string): Store => MemoryMappedVectorStore.open(file, { readOnly: true });

/** Ids with their values. */
function rows(file: string): Record<string, number[]> {
  using store = opened(file);
  return Object.fromEntries([...store.ids()].map((id) => [id, [...store.retrieveVector(id)!.vector]]));
}

const ALL_THE_SAME = { ok: true, missing: 0, different: 0, extra: 0, examples: [] };

describe('a file of the old server', () => {
  test.each(['tiny-4x10', 'plain-128x1000', 'longid-4x4'])('becomes a new one, bit by bit: %s', async (name) => {
    const { file, bits } = fixture(name);
    const ids = [...bits.keys()];
    const from = old(file, { vectors: Object.fromEntries(ids.map((id) => [id, { owner: id, _custom: { n: 1 } }])) });
    const to = directory.file();
    const report = await one(from, to, { validate: true });
    expect(report).toMatchObject({ from, to, kind: 'legacy', taken: bits.size, withoutId: 0, invalid: 0, skipped: 0 });
    expect(report).toMatchObject({ vectorCount: bits.size, validation: { ...ALL_THE_SAME, compared: bits.size } });
    using store = opened(to);
    for (const [id, expected] of bits) {
      const { vector, metadata } = store.retrieveVector(id)!;
      expect(expected.length === 64 && vector.length > 8 ? sha256Of(vector) : bitsOf(vector)).toBe(expected);
      expect(metadata).toEqual({ owner: id, n: 1 });
    }
    expect(readFileSync(from).equals(file)).toBe(true);
    expect(readdirSync(path.dirname(from)).sort()).toEqual(['vector_metadata.json', 'vectors.jvdb']);
    expect(existsSync(`${to}.migration`)).toBe(false);
  });

  test('tells of what is deleted, of what has no id, and of what is damaged', async () => {
    const long = 'x'.repeat(70);
    const from = old([
      { id: 'a', vector: [1, 2] },
      { id: 'b', vector: [3, 4], flags: 2 },
      { id: long, vector: [5, 6] },
      { id: 'd', vector: [7, NaN] },
    ]);
    const to = directory.file();
    await expectRejection(migrate(from, to), 'JVDB_INVALID_ARGUMENT', /value 2 of the vector of "d" is NaN/);
    const invalid: InvalidRecord[] = [];
    const report = await one(from, to, { skipInvalid: true, onInvalid: (record) => invalid.push(record) });
    expect(report).toMatchObject({ taken: 2, deleted: 1, withoutId: 1, invalid: 1, vectorCount: 2 });
    expect(invalid).toEqual([expect.objectContaining({ reason: expect.stringContaining('"d"') as unknown })]);
    expect(rows(to)).toEqual({ a: [1, 2], [`hash:${hex(hashOf(long))}`]: [5, 6] });
    const all = directory.file();
    expect(await one(from, all, { allowNonFinite: true, validate: true })).toMatchObject({ taken: 3, invalid: 0 });
    expect(rows(all)['d']).toEqual([7, NaN]);
  });

  test('takes metric from beside it, ids as numbers where that is asked for', async () => {
    const from = old([{ id: '7', vector: [1] }], { metadata: { name: 'n', schema: { distance_metric: 'L2' } } });
    const to = directory.file();
    await one(from, to, { idType: 'int64', validate: true, scanColumn: 'none' });
    using store = MemoryMappedVectorStore.open<object, number>(to, { readOnly: true });
    expect([store.metric, [...store.ids()]]).toEqual(['euclidean', [7]]);
    await one(from, `${to}2`, { distanceMetric: 'dot' });
    expect(opened(`${to}2`).metric).toBe('dot');
  });
});

describe('a directory of the old server', () => {
  test('becomes a storage; names come from metadata.json where they can', async () => {
    const [from, to] = [folder(), path.join(folder(), 'made', 'here')];
    const entries = [{ id: 'a', vector: [1] }];
    const named = (name: string): { metadata: unknown } => ({ metadata: { name } });
    old(entries, named('words'), path.join(from, 'db-1'));
    old(entries, named('a/b'), path.join(from, 'db-2'));
    old(entries, named('twice'), path.join(from, 'db-3'));
    old(entries, named('twice'), path.join(from, 'db-4'));
    old(entries, {}, path.join(from, 'not a name'));
    old(Buffer.alloc(200), {}, path.join(from, 'zeros'));
    old(entries, {}, path.join(from, 'sidecar'));
    writeFileSync(path.join(from, 'sidecar', 'metadata.json'), '{');
    writeFileSync(path.join(from, 'readme.txt'), '');
    mkdirSync(path.join(from, 'empty'));
    const report = await migrate(from, to);
    expect(report.ok).toBe(false);
    expect(report.databases.map((database) => path.relative(to, database.to))).toEqual([
      ...['words.jvdb', 'db-2.jvdb', 'db-3.jvdb', 'db-4.jvdb'],
    ]);
    expect(report.failed.map(({ from: file, error }) => [path.relative(from, path.dirname(file)), error.code])).toEqual(
      [
        ['not a name', 'JVDB_INVALID_ARGUMENT'],
        ['sidecar', 'JVDB_INVALID_ARGUMENT'],
        ['zeros', 'JVDB_CORRUPT'],
      ],
    );
    using all = new PersistentDatabasePersistence(to);
    expect(all.listDatabases()).toEqual(['db-2', 'db-3', 'db-4', 'words']);
    expect(all.retrieveVector('words', 'a')).toMatchObject({ vector: new Float32Array([1]) });
  });

  test('is refused where there is nothing, or it is the new one too', async () => {
    const from = folder();
    await expectRejection(migrate(from, folder()), 'JVDB_NOT_FOUND', /there is no database in/);
    old([{ id: 'a', vector: [1] }], {}, path.join(from, 'db'));
    await expectRejection(migrate(from, path.join(from, '.')), 'JVDB_INVALID_ARGUMENT', /where the old databases are/);
    if (WINDOWS) return;
    const link = `${from}-link`;
    symlinkSync(from, link);
    await expectRejection(migrate(from, link), 'JVDB_INVALID_ARGUMENT', /where the old databases are/);
  });

  test('what a pass had begun and is no longer there is told, and kept', async () => {
    const [from, to] = [folder(), folder()];
    for (const name of ['goes', 'stays']) old([{ id: name, vector: [1] }], {}, path.join(from, name));
    expect(await migrate(from, to, { pass: true })).toMatchObject({ ok: true, gone: [] });
    rmSync(path.join(from, 'goes'), { recursive: true });
    expect(await migrate(from, to)).toMatchObject({ ok: true, gone: [path.join(to, 'goes.jvdb')] });
    expect(rows(path.join(to, 'goes.jvdb'))).toEqual({ goes: [1] });
    expect(readdirSync(to).sort()).toEqual(['goes.jvdb', 'goes.jvdb.migration', 'stays.jvdb']);
  });

  test('its only file may go into a directory too', async () => {
    const [from, to] = [old([{ id: 'a', vector: [1] }], { metadata: { name: 'only' } }), folder()];
    expect((await one(from, to)).to).toBe(path.join(to, 'only.jvdb'));
  });
});

describe('passes beside the old server', () => {
  const first: OldEntry[] = [
    { id: 'same', vector: [1] },
    { id: 'changes', vector: [2] },
    { id: 'goes', vector: [3] },
    { id: 'told', vector: [4] },
  ];

  test('take what is newer, what is gone and what is told of it', async () => {
    const from = old(first, { vectors: { told: { status: 'new' }, same: { n: 1 } } });
    const to = directory.file();
    expect(await one(from, to, { pass: true })).toMatchObject({ taken: 4, skipped: 0, removed: 0, metadataChanged: 0 });
    const later: OldEntry[] = [
      { id: 'same', vector: [1], timestamp: 1n },
      { id: 'changes', vector: [20], timestamp: 50n },
      { id: 'goes', vector: [3], flags: 2, timestamp: 3n },
      { id: 'told', vector: [4], timestamp: 4n },
      { id: 'comes', vector: [5], timestamp: 51n },
    ];
    const vectors = { told: { status: 'old' }, comes: { n: 5 } };
    old(later, { vectors }, path.dirname(from));
    expect(await one(from, to, { pass: true, validate: true })).toMatchObject({
      ...{ taken: 2, skipped: 2, deleted: 1, removed: 1, metadataChanged: 2, vectorCount: 4 },
      validation: { ...ALL_THE_SAME, compared: 4 },
    });
    // Nothing is new: nothing is written.
    using before = opened(to);
    expect(await one(from, to, { pass: true })).toMatchObject({ taken: 0, skipped: 4, removed: 0, metadataChanged: 0 });
    expect(opened(to).lastLsn).toBe(before.lastLsn);
    expect(await one(from, to)).toMatchObject({ taken: 0, vectorCount: 4 });
    expect(existsSync(`${to}.migration`)).toBe(false);
    expect(rows(to)).toEqual({ same: [1], changes: [20], told: [4], comes: [5] });
    using store = opened(to);
    expect([...store.ids()].map((id) => store.retrieveVector(id)?.metadata)).toEqual(
      [...store.ids()].map((id) => (vectors as Record<string, unknown>)[id]),
    );
    await expectRejection(migrate(from, to), 'JVDB_EXISTS', /is no migration under way/);
  });

  test('end where the new one is in use, or another old one is given', async () => {
    const from = old(first);
    const to = directory.file();
    await one(from, to, { pass: true });
    await expectRejection(migrate(old(first), to), 'JVDB_CONFLICT', /\.migration is of .*vectors\.jvdb, or of another/);
    using store: Store = MemoryMappedVectorStore.open(to);
    store.storeVector('mine', [9]);
    store.close();
    await expectRejection(
      migrate(from, to, { pass: true }),
      'JVDB_CONFLICT',
      /it is in use.*remove .*\.migration to end/,
    );
    expect(Object.keys(rows(to)).sort()).toEqual(['changes', 'goes', 'mine', 'same', 'told']);
    writeFileSync(`${to}.migration`, '[1');
    await expectRejection(migrate(from, to), 'JVDB_CONFLICT', /\.migration is damaged/);
  });

  test('what differs keeps the migration open', async () => {
    const from = old(first);
    const to = directory.file();
    await one(from, to, { pass: true });
    const damaged = first.map((entry) => (entry.id === 'goes' ? { ...entry, at: 999, timestamp: 1n } : entry));
    old(damaged, {}, path.dirname(from));
    const report = await migrate(from, to, { validate: true, skipInvalid: true });
    expect(report).toMatchObject({ ok: false, databases: [{ validation: { ok: false, compared: 3, extra: 1 } }] });
    old(first, {}, path.dirname(from));
    expect(await migrate(from, to, { validate: true })).toMatchObject({ ok: true });
  });

  test('an interrupted one is taken up again', async () => {
    const entries = Array.from({ length: 60 }, (_, i) => ({ id: `id ${i}`, vector: [i === 0 ? NaN : i] }));
    const from = old(entries);
    const to = directory.file();
    const stop = new AbortController();
    const onInvalid = (): void => {
      stop.abort(new Error('enough'));
    };
    const options = { signal: stop.signal, skipInvalid: true, onInvalid, batchSize: 10 };
    await expect(migrate(from, to, options)).rejects.toThrow('enough');
    expect(Object.keys(rows(to)).length).toBeGreaterThan(0);
    old(entries.slice(1), {}, path.dirname(from));
    expect(await one(from, to, { validate: true })).toMatchObject({ vectorCount: 59, validation: ALL_THE_SAME });
  });
});

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
    expect(await one(store.filePath, to, { pass: true })).toMatchObject({ taken: 0, deleted: 0, vectorCount: 100 });
    store.flushSync();
    const { lastLsn } = store;
    expect(await one(store.filePath, to, { pass: true })).toMatchObject({ deleted: 2, vectorCount: 100, removed: 0 });
    expect(JSON.parse(readFileSync(`${to}.migration`, 'utf8'))).toMatchObject({ position: String(lastLsn) });
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
    expect(await one(store.filePath, to, { pass: true })).toMatchObject({ taken: 0 });
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
    await expectRejection(migrate(other.filePath, to), 'JVDB_CONFLICT', /another database that was there/);
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

test('options are checked', async () => {
  const from = old([{ id: 'a', vector: [1] }]);
  const wrong = (options: object): Promise<void> =>
    expectRejection(migrate(from, directory.file(), options), 'JVDB_INVALID_ARGUMENT');
  await wrong({ pass: 1 });
  await wrong({ firstId: 1 });
  await wrong({ format: 'npy' });
  await wrong({ batchSize: 0 });
  await expectRejection(migrate(from, ''), 'JVDB_INVALID_ARGUMENT', /give a path/);
  await expectRejection(migrate(`${from}.none`, directory.file()), 'JVDB_NOT_FOUND');
  await expectRejection(migrate(from, path.join(directory.path, 'no', 'dir.jvdb')), 'JVDB_NOT_FOUND');
});
