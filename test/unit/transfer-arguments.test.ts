/** Imports and exports say what they take, where they are given something else; and nothing is done. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import {
  exportDatabases,
  exportVectors,
  importDatabases,
  importVectors,
  InMemoryDatabasePersistence,
  MemoryMappedVectorStore,
} from '../../lib/index.js';
import { Directory, expectRejection } from '../support.js';

const directory = new Directory();
const store = new MemoryMappedVectorStore<object>(directory.file(), 2);
const databases = new InMemoryDatabasePersistence();
databases.createDatabase('db', { dimension: 2 });
const line = Buffer.from('{"id": 1, "data": [1, 2]}\n');
const file = (): string => `${directory.file()}.jsonl`;
const any = (value: unknown): never => value as never;
const refused = async (promise: Promise<unknown>, message: RegExp): Promise<void> =>
  expectRejection(promise, 'JVDB_INVALID_ARGUMENT', message);

afterEach(() => {
  expect([store.vectorCount, databases.vectorCount('db')]).toEqual([0, 0]);
  expect(readdirSync(directory.path)).toEqual(['1.jvdb']);
});

test.each([null, undefined, 5, 'db', {}, { persistence: databases }, { database: 'db' }])(
  'what is no target: %p',
  async (target) => {
    await refused(importVectors(any(target), line), /give a MemoryMappedVectorStore, or \{ persistence, database \}/);
  },
);

test.each([null, 5, {}, 'data'])('what is no persistence: %p', async (one) => {
  const message = /give a PersistentDatabasePersistence or an InMemoryDatabasePersistence as persistence, not /;
  await refused(importVectors(any({ persistence: one, database: 'db' }), line), message);
  await refused(importDatabases(any(one), line, { database: 'db' }), message);
  await refused(exportDatabases(any(one), file()), message);
});

test.each([null, undefined, 5, {}, new URL('file:///x'), new ArrayBuffer(8), [line], new DataView(new ArrayBuffer(8))])(
  'what is no source: %p',
  async (source) => {
    const message = /give a path, '-', a stream of bytes, or a Uint8Array to import, not /;
    await refused(importVectors(store, any(source)), message);
    await refused(importDatabases(databases, any(source)), message);
  },
);

test.each([null, undefined, 5, {}, { persistence: databases, database: 'db' }])('what is no store: %p', async (one) => {
  await refused(exportVectors(any(one), file()), /give a MemoryMappedVectorStore to export, .* exportDatabases takes/);
});

test('what are no options', async () => {
  for (const options of [null, 5, 'json']) {
    await refused(importVectors(store, line, any(options)), /options of importVectors must be an object, not /);
    await refused(importDatabases(databases, line, any(options)), /options of importDatabases must be an object/);
    await refused(exportVectors(store, file(), any(options)), /options of exportVectors must be an object, not /);
    await refused(exportDatabases(databases, file(), any(options)), /options of exportDatabases must be an object/);
  }
});

test('what names no table, no database, no checkpoint', async () => {
  for (const name of ['', '../x', 'a b', '\ud800', 5, null]) {
    await refused(exportVectors(store, file(), { name: any(name) }), /can't be named .*: a name has/);
  }
  const from = (names: unknown): Promise<unknown> => exportDatabases(databases, file(), { databases: any(names) });
  await refused(from(['db', 'db']), /databases names "db" twice/);
  await refused(from([]), /databases must be an array of one name or more, not an array of 0; leave it out/);
  await refused(from(null), /databases must be an array of one name or more, not null/);
  await refused(from('db'), /databases must be an array of one name or more, not "db"/);
  await refused(importVectors(store, line, { checkpoint: '' }), /checkpoint must be the path of a file/);
  const nowhere = { checkpoint: path.join(directory.path, 'none', 'checkpoint') };
  await expectRejection(importVectors(store, line, nowhere), 'JVDB_NOT_FOUND', /there is no directory .*none$/);
});
