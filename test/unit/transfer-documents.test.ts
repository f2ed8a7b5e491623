/** Documents of several databases: values that are no finite numbers, and what messages say was imported. */
import { writeFileSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import {
  exportDatabases,
  importDatabases,
  importVectors,
  InMemoryDatabasePersistence,
  JvdbError,
  MemoryMappedVectorStore,
  PersistentDatabasePersistence,
  type InvalidRecord,
} from '../../lib/index.js';
import { Directory, expectRejection } from '../support.js';

const directory = new Directory();
const document = (...databases: object[]): Buffer => Buffer.from(JSON.stringify({ databases }));
const one = (name: string, ...data: unknown[][]): object => ({
  name,
  schema: { dimension: 2 },
  vectors: data.map((values, id) => ({ id, data: values })),
});

test('NaN and infinities come back into the database they are of, and into a new one', async () => {
  using from = new PersistentDatabasePersistence(`${directory.file()}.d`);
  for (const [name, allowNonFinite] of [
    ['finite', false],
    ['odd', true],
  ] as const) {
    from.createDatabase(name, { dimension: 2, allowNonFinite });
    from.storeVector(name, 1, allowNonFinite ? [NaN, Infinity] : [1, 2]);
  }
  const file = `${directory.file()}.json`;
  await exportDatabases(from, file);
  const { databases } = JSON.parse(readFileSync(file, 'utf8')) as { databases: { schema: object }[] };
  expect(databases.map(({ schema }) => schema)).toEqual([
    { dimension: 2, distance_metric: 'cosine', id_type: 'int64' },
    { dimension: 2, distance_metric: 'cosine', id_type: 'int64', allow_non_finite: true },
  ]);
  using into = new InMemoryDatabasePersistence();
  for (const persistence of [from, into]) {
    expect((await importDatabases(persistence, file)).databases.map(({ stored }) => stored)).toEqual([1, 1]);
    expect(persistence.retrieveVector('odd', 1)?.vector).toEqual(Float32Array.of(NaN, Infinity));
    expect(['finite', 'odd'].map((name) => persistence.getDatabaseInfo(name).allowNonFinite)).toEqual([false, true]);
  }
});

test('a database that allows none takes none, whatever the document says', async () => {
  using into = new InMemoryDatabasePersistence();
  into.createDatabase('db', { dimension: 2 });
  const schema = { dimension: 2, allow_non_finite: true };
  const odd = document({ ...one('db', ['NaN', 1]), schema });
  await expectRejection(importDatabases(into, odd), 'JVDB_INVALID_ARGUMENT', /is NaN, not a finite number/);
  const wrong = document({ ...one('db', [1, 2]), schema: { dimension: 2, allow_non_finite: 1 } });
  await expectRejection(importDatabases(into, wrong), 'JVDB_INVALID_ARGUMENT', /allow_non_finite .* 1, not true or/);
});

test('messages say which databases were imported', async () => {
  using into = new InMemoryDatabasePersistence();
  const records = document(one('a1', [1, 2]), one('a2', [1, 2, 3]));
  await expectRejection(
    importDatabases(into, records),
    'JVDB_INVALID_ARGUMENT',
    /not 2; nothing of it was imported; "a1" before it was imported whole; the option skipInvalid/,
  );
  const cut = document(one('b1', [1, 2]), one('b2', [3, 4]), one('b3', [1, 2], [3, 4])).subarray(0, -4);
  await expectRejection(
    importDatabases(into, cut),
    'JVDB_INVALID_ARGUMENT',
    /cut short; the first 2 records were imported; "b1", "b2" before it were imported whole$/,
  );
  expect(into.vectorCount('b3')).toBe(2);
});

test('messages say how much of a file that is cut short was imported', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 2);
  const row = Buffer.from([2, 0, 0, 0, 0, 0, 128, 63, 0, 0, 128, 63]);
  const rows = Buffer.concat(Array.from({ length: 500 }, () => row));
  const lines = Array.from({ length: 50_000 }, (_, id) => `{"id": ${id}, "data": [${id}, 1]}\n`).join('');
  const texts = gzipSync(lines);
  for (const [name, bytes] of [
    ['a.fvecs', rows.subarray(0, -5)],
    ['a.jsonl.gz', texts.subarray(0, -20_000)],
  ] as const) {
    const file = `${directory.file()}.${name}`;
    writeFileSync(file, bytes);
    store.batchDelete([...store.ids()]);
    const importing = importVectors(store, file, { batchSize: 100 });
    const thrown = (await importing.catch((error: unknown) => error)) as Error;
    expect(thrown).toMatchObject({ code: 'JVDB_INVALID_ARGUMENT' });
    expect(store.vectorCount).toBeGreaterThan(0);
    expect(thrown.message.endsWith(`; the first ${store.vectorCount} records were imported`)).toBe(true);
  }
});

test('what is in memory is exported as it was given, digit by digit', async () => {
  using databases = new InMemoryDatabasePersistence();
  const json = '{"databases":[{"name":"db","vectors":[{"id":1,"data":[1,2]}]}]}';
  await importDatabases(databases, Buffer.from(json));
  databases.storeVector('db', 2, [3, 4], '{"large":12345678901234567890}');
  const file = directory.file().replace(/jvdb$/, 'jsonl');
  await exportDatabases(databases, file);
  expect(readFileSync(file, 'utf8')).toContain('"metadata":{"large":12345678901234567890}');
});

test('a document whose vectors come before its name', async () => {
  using into = new InMemoryDatabasePersistence();
  const late = Buffer.from('{"databases":[{"vectors":[{"id":1,"data":[1,2]}],"name":"db"}]}');
  const message = /name it by the option database; in a JSON document "name" and "schema" must come before "vectors"/;
  await expectRejection(importDatabases(into, late), 'JVDB_INVALID_ARGUMENT', message);
  expect(into.listDatabases()).toEqual([]);
});

test('a schema behind the vectors is told, not passed over', async () => {
  using databases = new InMemoryDatabasePersistence();
  const text = '{"databases":[{"name":"db","vectors":[{"id":1,"data":[1]}],"schema":{"distance_metric":"dot"}}]}';
  const importing = importDatabases(databases, Buffer.from(text), { database: 'db' });
  await expectRejection(
    importing,
    'JVDB_INVALID_ARGUMENT',
    /the schema of the database "db" stands behind its vectors/,
  );
});

describe('before a database is made', () => {
  test('invalid records are counted and told', async () => {
    using into = new InMemoryDatabasePersistence();
    const lines = Array.from({ length: 50_000 }, (_, i) => `wrong ${i}\n`).join('');
    const told: number[] = [];
    const options = { skipInvalid: true, onInvalid: ({ record }: InvalidRecord): void => void told.push(record) };
    const text = `${lines}{"id":1,"data":[1,2]}\nwrong\n`;
    const named = { ...options, format: 'jsonl', database: 'db' } as const;
    expect(await importDatabases(into, Buffer.from(text), named)).toMatchObject({
      databases: [{ created: true, records: 50_002, stored: 1, invalid: 50_001 }],
    });
    expect(told).toHaveLength(50_001);
    expect(told.at(-1)).toBe(50_002);
    expect(await importDatabases(into, Buffer.from(lines), { ...named, database: 'other' })).toMatchObject({
      databases: [{ created: false, records: 50_000, stored: 0, invalid: 50_000 }],
    });
    expect(into.listDatabases()).toEqual(['db']);
    await expectRejection(
      importDatabases(into, Buffer.from(text), { format: 'jsonl', database: 'other' }),
      ...(['JVDB_INVALID_ARGUMENT', /^the stream:1:1: .*; nothing was imported/] as const),
    );
    expect(into.listDatabases()).toEqual(['db']);
  });

  test('its dimension is enough, if there is no vector', async () => {
    using into = new InMemoryDatabasePersistence();
    const empty = { name: 'empty', schema: { dimension: 3 }, vectors: [] };
    const { databases } = await importDatabases(into, document(empty));
    expect(databases).toMatchObject([{ database: 'empty', created: true, records: 0 }]);
    expect(into.getDatabaseInfo('empty')).toMatchObject({ dimension: 3, idType: 'int64' });
  });
});

test('ids become what the database has', async () => {
  using into = new InMemoryDatabasePersistence();
  into.createDatabase('texts', { dimension: 1, idType: 'string' });
  into.createDatabase('numbers', { dimension: 1, idType: 'int64' });
  const of = (name: string, ...ids: unknown[]): object => ({ name, vectors: ids.map((id) => ({ id, data: [1] })) });
  await importDatabases(into, document(of('texts', 7, 8), of('numbers', '9', '9007199254740993')));
  expect([...into.ids('texts')]).toEqual(['7', '8']);
  expect([...into.ids('numbers')]).toEqual([9, 9_007_199_254_740_993n]);
  const message = /ids of type int64: the id "x" is no integer/;
  await expectRejection(importDatabases(into, document(of('numbers', 'x'))), 'JVDB_INVALID_ARGUMENT', message);
});

test('numbers given as ids end at 2^53-1', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 1);
  const text = Buffer.from('{"data":[1]}\n{"data":[2]}\n');
  const importing = importVectors(store, text, { format: 'jsonl', firstId: Number.MAX_SAFE_INTEGER });
  await expectRejection(importing, 'JVDB_INVALID_ARGUMENT', /would pass 2\^53-1; give a lower firstId/);
  await importVectors(store, text, { format: 'jsonl', firstId: Number.MAX_SAFE_INTEGER - 1 });
  expect([...store.ids()]).toEqual([Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER]);
});

test('what is wrong behind the rows says how many were imported', async () => {
  using store = new MemoryMappedVectorStore(directory.file(), 1);
  const text = Buffer.from('{"databases":[{"name":"a","vectors":[{"id":1,"data":[1]}]}]}junk');
  await expectRejection(
    importVectors(store, text),
    'JVDB_INVALID_ARGUMENT',
    /where the end of the document should be.*; the first 1 records were imported$/,
  );
});

test.each(['json', 'parquet', 'arrow', 'npz'] as const)(
  'a table into a database of its name that has another dimension: %s',
  async (format) => {
    using from = new InMemoryDatabasePersistence();
    from.createDatabase('db', { dimension: 4 });
    for (const id of [1, 2, 3]) from.storeVector('db', id, [id, 10 * id, 100 * id, 1000 * id]);
    const file = `${directory.file()}.${format}`;
    await exportDatabases(from, file, { databases: ['db'] });
    for (const dimension of [2, 6]) {
      for (const options of [{ database: 'db' }, format === 'npz' ? { database: 'db' } : {}]) {
        using into = new InMemoryDatabasePersistence();
        into.createDatabase('db', { dimension });
        const importing = importDatabases(into, file, options);
        await expect(importing).rejects.toThrow(JvdbError);
        await expect(importing).rejects.toThrow(
          new RegExp(`dimension 4, the store of ${dimension}|4 values, not ${dimension}`),
        );
        expect(into.vectorCount('db')).toBe(0);
      }
    }
  },
);

test('a document without a schema into a database of another dimension', async () => {
  using into = new InMemoryDatabasePersistence();
  into.createDatabase('db', { dimension: 2 });
  const text = document({ name: 'db', vectors: [{ id: 1, data: [1, 2, 3, 4] }] });
  await expectRejection(importDatabases(into, text), 'JVDB_DIMENSION_MISMATCH', /dimension 4, the store of 2/);
  expect(into.vectorCount('db')).toBe(0);
});
