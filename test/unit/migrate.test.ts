/** Databases of the old server, and of this package, into new files: in one go, in passes, and back. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  MemoryMappedVectorStore,
  migrate,
  PersistentDatabasePersistence,
  type InvalidRecord,
} from '../../lib/index.js';
import { ALL_THE_SAME, OldServer, one, opened, rows, type Store } from '../migrations.js';
import { Directory, expectRejection } from '../support.js';
import { bitsOf, fixture, hashOf, hex, sha256Of, type OldEntry } from './formats/legacy-files.js';

const directory = new Directory();
const WINDOWS = process.platform === 'win32';

const { folder, database: old } = new OldServer(directory);

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

  test('a call after a failure passes over what is done', async () => {
    const [from, to] = [folder(), folder()];
    old([{ id: 'a', vector: [1] }], {}, path.join(from, 'good'));
    const bad = old(Buffer.alloc(200), {}, path.join(from, 'bad'));
    expect(await migrate(from, to)).toMatchObject({ ok: false, databases: [{ taken: 1 }] });
    using all = new PersistentDatabasePersistence(to);
    expect(all.listDatabases()).toEqual(['good']);
    all.storeVector('good', 'b', [2]);
    old([{ id: 'c', vector: [3] }], {}, path.dirname(bad));
    expect(await migrate(from, to)).toMatchObject({
      ok: true,
      databases: [{ taken: 1 }, { taken: 0, vectorCount: 2 }],
    });
    expect(readdirSync(to).sort()).toEqual(['bad.jvdb', 'good.jvdb']);
    expect(all.has('good', 'b')).toBe(true);
  });

  test('one that comes later does not change the names of others', async () => {
    const [from, to] = [folder(), folder()];
    const named = { metadata: { name: 'same' } };
    old([{ id: 'a', vector: [1] }], named, path.join(from, 'first'));
    await migrate(from, to, { pass: true });
    old([{ id: 'b', vector: [2] }], named, path.join(from, 'second'));
    const { ok, databases, gone } = await migrate(from, to);
    expect([ok, gone, databases.map((each) => path.basename(each.to))]).toEqual([
      true,
      [],
      ['same.jvdb', 'second.jvdb'],
    ]);
  });

  (WINDOWS ? test.skip : test)('links are followed, and what cannot be seen is told', async () => {
    const [from, to, elsewhere] = [folder(), folder(), folder()];
    old([{ id: 'a', vector: [1] }], {}, elsewhere);
    symlinkSync(elsewhere, path.join(from, 'linked'));
    symlinkSync(path.join(from, 'nowhere'), path.join(from, 'broken.jvdb'));
    const { ok, databases, failed } = await migrate(from, to);
    expect([ok, databases.map((each) => path.basename(each.to))]).toEqual([false, ['linked.jvdb']]);
    expect(failed).toMatchObject([{ from: path.join(from, 'broken.jvdb'), error: { code: 'JVDB_NOT_FOUND' } }]);
  });

  test('of this package keeps its names, whatever lies beside', async () => {
    const [from, to] = [folder(), folder()];
    for (const name of ['vectors', 'words']) new MemoryMappedVectorStore(path.join(from, `${name}.jvdb`), 2).close();
    writeFileSync(path.join(from, 'metadata.json'), '{"name":"other"}');
    const { databases } = await migrate(from, to);
    expect(databases.map((each) => path.basename(each.to))).toEqual(['vectors.jvdb', 'words.jvdb']);
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
    expect(rows(path.join(to, 'goes.jvdb.migrating'))).toEqual({ goes: [1] });
    expect(readdirSync(to).sort()).toEqual(['goes.jvdb.migrating', 'goes.jvdb.migration', 'stays.jvdb']);
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
    const lastLsn = (): number => {
      using copy = opened(`${to}.migrating`);
      return copy.lastLsn;
    };
    const before = lastLsn();
    expect(await one(from, to, { pass: true })).toMatchObject({ taken: 0, skipped: 4, removed: 0, metadataChanged: 0 });
    expect(lastLsn()).toBe(before);
    expect(await one(from, to)).toMatchObject({ taken: 0, vectorCount: 4 });
    expect(existsSync(`${to}.migration`)).toBe(false);
    expect(rows(to)).toEqual({ same: [1], changes: [20], told: [4], comes: [5] });
    using store = opened(to);
    expect([...store.ids()].map((id) => store.retrieveVector(id)?.metadata)).toEqual(
      [...store.ids()].map((id) => (vectors as Record<string, unknown>)[id]),
    );
    await expectRejection(migrate(from, to), 'JVDB_EXISTS', /exists; name a new file/);
  });

  test('end where the new one is in use, or another old one is given', async () => {
    const from = old(first);
    const to = directory.file();
    await one(from, to, { pass: true });
    await expectRejection(migrate(old(first), to), 'JVDB_CONFLICT', /can't be gone on with: it is of .*vectors\.jvdb/);
    using store: Store = MemoryMappedVectorStore.open(`${to}.migrating`);
    store.storeVector('mine', [9]);
    store.close();
    await expectRejection(
      migrate(from, to, { pass: true }),
      'JVDB_CONFLICT',
      /was changed since the last pass.*to keep it rename it/,
    );
    expect(Object.keys(rows(`${to}.migrating`)).sort()).toEqual(['changes', 'goes', 'mine', 'same', 'told']);
    writeFileSync(`${to}.migration`, '[1');
    await expectRejection(migrate(from, to), 'JVDB_CONFLICT', /can't be gone on with: it is damaged/);
  });

  test('another database in its place is told, by its dimension', async () => {
    const from = old(first);
    const to = directory.file();
    await one(from, to, { pass: true });
    old([{ id: 'a', vector: [1, 2] }], {}, path.dirname(from));
    const message = /of dimension 2 and ids of type string.*of 1 and string: it is another database/;
    await expectRejection(migrate(from, to, { validate: true }), 'JVDB_DIMENSION_MISMATCH', message);
  });

  test('entries that were away, or invalid, and have their time still are taken by the last one', async () => {
    const from = old(first);
    const to = directory.file();
    await one(from, to, { pass: true });
    const away = first.map((entry, i) => ({ ...entry, timestamp: BigInt(i + 1), flags: entry.id === 'goes' ? 2 : 1 }));
    away[1]!.vector = [NaN];
    old(away, {}, path.dirname(from));
    expect(await one(from, to, { pass: true })).toMatchObject({ removed: 1, vectorCount: 3 });
    old(first, {}, path.dirname(from));
    expect(await one(from, to, { validate: true })).toMatchObject({ vectorCount: 4, validation: ALL_THE_SAME });
    expect(rows(to)).toEqual({ same: [1], changes: [2], goes: [3], told: [4] });
  });

  test('ids that become known later take the place of their hashes', async () => {
    const { file, bits } = fixture('longid-4x4');
    const from = old(file);
    const to = directory.file();
    expect(await one(from, to, { pass: true })).toMatchObject({ taken: 4, withoutId: 2 });
    old(file, { vectors: Object.fromEntries([...bits.keys()].map((id) => [id, {}])) }, path.dirname(from));
    expect(await one(from, to, { validate: true })).toMatchObject({ vectorCount: 4, validation: ALL_THE_SAME });
    expect(Object.keys(rows(to)).sort()).toEqual([...bits.keys()].sort());
  });

  test('metadata goes with the file that had it', async () => {
    const from = old(first, { vectors: { told: { status: 'new' } } });
    const to = directory.file();
    await one(from, to, { pass: true });
    rmSync(path.join(path.dirname(from), 'vector_metadata.json'));
    expect(await one(from, to, { validate: true })).toMatchObject({ metadataChanged: 1, validation: ALL_THE_SAME });
  });

  test('begin anew where the copy was removed, and keep to the options that they began with', async () => {
    const from = old(first);
    const to = directory.file();
    await one(from, to, { pass: true, distanceMetric: 'dot' });
    await expectRejection(migrate(from, to), 'JVDB_CONFLICT', /began with the options .*dot.*give the same/);
    rmSync(`${to}.migrating`);
    expect(await one(from, to, { validate: true })).toMatchObject({ taken: 4, validation: ALL_THE_SAME });
    expect(opened(to).metric).toBe('cosine');
  });

  test('one that failed leaves no database, and other options are taken then', async () => {
    const from = old([{ id: 'a', vector: [1] }]);
    const to = directory.file();
    await expectRejection(migrate(from, to, { idType: 'int64' }), 'JVDB_INVALID_ARGUMENT', /ids may stay strings/);
    expect(existsSync(to)).toBe(false);
    expect(await one(from, to)).toMatchObject({ taken: 1 });
  });

  test('an unknown metric has to be named', async () => {
    const from = old(first, { metadata: { distance_metric: 'manhattan' } });
    const to = directory.file();
    await expectRejection(migrate(from, to), 'JVDB_INVALID_ARGUMENT', /the metric "manhattan".*--metric/);
    await one(from, to, { distanceMetric: 'euclidean' });
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
    expect(Object.keys(rows(`${to}.migrating`)).length).toBeGreaterThan(0);
    expect(existsSync(to)).toBe(false);
    old(entries.slice(1), {}, path.dirname(from));
    expect(await one(from, to, { validate: true })).toMatchObject({ vectorCount: 59, validation: ALL_THE_SAME });
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
