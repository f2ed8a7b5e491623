/** A checkpoint is of one source and one database: of others it is refused, and nothing is stored. */
import { copyFileSync, utimesSync, statSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import {
  importVectors,
  MemoryMappedVectorStore,
  PersistentDatabasePersistence,
  type ImportReport,
} from '../../lib/index.js';
import { Directory, expectRejection } from '../support.js';

const directory = new Directory();
const COUNT = 6000;
const line = (id: number): string => `{"id": ${id}, "data": [${id}, 1]}\n`;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => line(from + i)).join('');

/** A source whose record 5001 is invalid, and a checkpoint of its import before that. */
async function stopped(
  store: MemoryMappedVectorStore<object>,
  isZipped: boolean,
): Promise<{ put: (text: string) => void; again: () => Promise<ImportReport>; file: string; checkpoint: string }> {
  const [file, checkpoint] = [`${directory.file()}.jsonl`, directory.file()];
  const put = (text: string): void => {
    writeFileSync(file, isZipped ? gzipSync(text) : text);
  };
  const again = async (): Promise<ImportReport> =>
    importVectors(store, file, { checkpoint, batchSize: 100, skipInvalid: true });
  put(`${lines(0, 5000)}oops\n${lines(5000, COUNT)}`);
  const first = importVectors(store, file, { checkpoint, batchSize: 100 });
  await expectRejection(first, 'JVDB_INVALID_ARGUMENT', /:5001:1: /);
  expect(store.vectorCount).toBe(5000);
  return { put, again, file, checkpoint };
}

test.each([false, true])('of a source that has changed behind its beginning; zipped: %p', async (isZipped) => {
  using store = new MemoryMappedVectorStore(directory.file(), 2);
  const { put, again } = await stopped(store, isZipped);
  put(`${lines(0, 4000)}${lines(900_000, 902_000)}`);
  await expectRejection(again(), 'JVDB_CONFLICT', /before it was changed/);
  expect(store.vectorCount).toBe(5000);
});

test.each([false, true])('of a source that was written again as it was; zipped: %p', async (isZipped) => {
  using store = new MemoryMappedVectorStore(directory.file(), 2);
  const { again, file } = await stopped(store, isZipped);
  const { atime, mtime } = statSync(file);
  utimesSync(file, atime, new Date(mtime.getTime() + 1));
  await expectRejection(again(), 'JVDB_CONFLICT', /before it was changed/);
});

test.each([false, true])('of the same source and store goes on; zipped: %p', async (isZipped) => {
  const place = directory.file();
  const store = new MemoryMappedVectorStore(place, 2);
  const { again, file, checkpoint } = await stopped(store, isZipped);
  store.deleteVector(0);
  await store.compact();
  store.close();
  await expect(again()).rejects.toThrow('closed');
  using reopened = new MemoryMappedVectorStore(place, 2);
  const report = await importVectors(reopened, file, { checkpoint, batchSize: 100, skipInvalid: true });
  expect(report).toMatchObject({ resumedAt: 5000, stored: 1000, invalid: 1 });
  expect(reopened.vectorCount).toBe(COUNT - 1);
});

test('of another store', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 2);
  using other = new MemoryMappedVectorStore(directory.file(), 2);
  const { file, checkpoint } = await stopped(store, false);
  const into = importVectors(other, file, { checkpoint, skipInvalid: true });
  await expectRejection(into, 'JVDB_CONFLICT', /or into another database/);
  expect(other.vectorCount).toBe(0);
});

test('of a store that is an older copy', async () => {
  const [place, copy] = [directory.file(), directory.file()];
  using store = new MemoryMappedVectorStore(place, 2);
  await store.flush();
  copyFileSync(place, copy);
  const { file, checkpoint } = await stopped(store, false);
  using older = new MemoryMappedVectorStore(copy, 2);
  const into = importVectors(older, file, { checkpoint, skipInvalid: true });
  await expectRejection(into, 'JVDB_CONFLICT', /change 5000 of the database was stored, which has come to 0 only/);
  expect(older.vectorCount).toBe(0);
});

test('of a database by name that was made anew', async () => {
  using databases = new PersistentDatabasePersistence(`${directory.file()}.d`);
  databases.createDatabase('db', { dimension: 2 });
  const [file, checkpoint] = [`${directory.file()}.jsonl`, directory.file()];
  writeFileSync(file, `${lines(0, 5000)}oops\n`);
  const options = { checkpoint, batchSize: 100 };
  const run = (skipInvalid: boolean): Promise<ImportReport> =>
    importVectors({ persistence: databases, database: 'db' }, file, { ...options, skipInvalid });
  await expectRejection(run(false), 'JVDB_INVALID_ARGUMENT');
  databases.deleteDatabase('db');
  databases.createDatabase('db', { dimension: 2 });
  await expectRejection(run(true), 'JVDB_CONFLICT', /another database/);
  expect(databases.vectorCount('db')).toBe(0);
});
