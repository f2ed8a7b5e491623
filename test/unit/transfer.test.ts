/** Vectors in from files and out into files, whatever the format. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  exportVectors,
  importDatabases,
  importVectors,
  InMemoryDatabasePersistence,
  JvdbError,
  MemoryMappedVectorStore,
  type ExportOptions,
  type FormatName,
  type InvalidRecord,
} from '../../lib/index.js';
import { Directory, expectRejection, vectorOf } from '../support.js';
import { fixture } from './formats/legacy-files.js';

const directory = new Directory();
const D = 8;

function store(count = 0, idType: 'int64' | 'string' = 'int64'): MemoryMappedVectorStore<object, number | string> {
  const made = new MemoryMappedVectorStore<object, number | string>(directory.file(), D, { idType });
  for (let i = 0; i < count; i++) {
    made.storeVector(idType === 'int64' ? i : `id ${i}`, vectorOf(D, i), i % 3 === 0 ? { i } : undefined);
  }
  return made;
}

const jsonLine = (id: number, values = [...vectorOf(D, id)]): string => `${JSON.stringify({ id, data: values })}\n`;
const lines = (count: number): string => Array.from({ length: count }, (_, i) => jsonLine(i)).join('');

function expectEqual(
  copy: MemoryMappedVectorStore<object, never>,
  original: MemoryMappedVectorStore<object, never>,
): void {
  expect(copy.vectorCount).toBe(original.vectorCount);
  for (const id of original.ids()) {
    const { vector, metadata } = original.retrieveVector(id)!;
    expect(copy.retrieveVector(id)).toMatchObject({ vector, metadata });
  }
}

describe('a store goes out and comes in again', () => {
  const formats: [FormatName, ExportOptions][] = [
    ['json', {}],
    ['jsonl', {}],
    ['csv', {}],
    ['npz', {}],
    ['jsonl', { gzip: true }],
  ];
  test.each(formats)('as %s %j: ids, vectors, metadata', async (format, options) => {
    for (const idType of ['int64', 'string'] as const) {
      using original = store(1000, idType);
      const file = directory.file();
      const report = await exportVectors(original, file, { ...options, format });
      expect(report).toMatchObject({ format, records: 1000, bytes: readFileSync(file).length });
      using copy = store(0, idType);
      expect(await importVectors(copy, file, { format })).toMatchObject({
        format,
        records: 1000,
        stored: 1000,
        invalid: 0,
      });
      expectEqual(copy as never, original as never);
    }
  });

  test.each(['npy', 'fvecs'] as const)('as %s: vectors, numbered', async (format) => {
    using original = store(100);
    const file = `${directory.file()}.${format}`;
    await exportVectors(original, file);
    using copy = store();
    await importVectors(copy, file, { firstId: 7 });
    expect([...copy.ids()]).toEqual(Array.from({ length: 100 }, (_, i) => i + 7));
    expect(copy.retrieveVector(9)?.vector).toEqual(vectorOf(D, 2));
    using named = store(0, 'string');
    await importVectors(named, file);
    expect(named.retrieveVector('99')?.vector).toEqual(vectorOf(D, 99));
  });

  test('what is written meanwhile is not in it', async () => {
    using original = store(5000);
    const sink = new PassThrough();
    const exported = exportVectors(original, sink, { format: 'npy' });
    original.batchStore([90_001], [vectorOf(D, 1)]);
    original.batchDelete([1, 2, 3]);
    const chunks: Buffer[] = [];
    sink.on('data', (chunk: Buffer) => chunks.push(chunk));
    expect(await exported).toMatchObject({ records: 5000 });
    expect(Buffer.concat(chunks).length).toBe(128 + 5000 * D * 4);
  });
});

describe('where bytes come from', () => {
  const sources: [string, () => Parameters<typeof importVectors>[1]][] = [
    ['bytes', () => Buffer.from(lines(50))],
    ['zipped bytes', () => gzipSync(lines(50))],
    ['two zipped one after the other', () => Buffer.concat([gzipSync(lines(20)), gzipSync(lines(50))])],
    ['a stream of small pieces', () => Readable.from([...Buffer.from(lines(50))].map((byte) => Buffer.of(byte)))],
    ['a stream that is zipped', () => Readable.from([gzipSync(lines(50))])],
  ];
  test.each(sources)('%s', async (_, source) => {
    using copy = store();
    await importVectors(copy, source());
    expect(copy.vectorCount).toBe(50);
  });

  test('vectors whose dimension begins as gzip does', async () => {
    const dimension = 0x8b1f;
    using copy = new MemoryMappedVectorStore(directory.file(), dimension);
    const vector = vectorOf(dimension, 1);
    await importVectors(
      copy,
      Buffer.concat([Int32Array.of(dimension), vector].map(({ buffer }) => Buffer.from(buffer))),
      {
        format: 'fvecs',
      },
    );
    expect(copy.retrieveVector(0)?.vector).toEqual(vector);
  });

  test('a database by name, in memory too', async () => {
    using databases = new InMemoryDatabasePersistence();
    databases.createDatabase('db', { dimension: D });
    await importVectors({ persistence: databases, database: 'db' }, Buffer.from(lines(50)));
    expect(databases.vectorCount('db')).toBe(50);
  });

  test('what is wrong with it', async () => {
    using copy = store();
    const cut = gzipSync(lines(50)).subarray(0, 100);
    await expectRejection(importVectors(copy, cut), 'JVDB_INVALID_ARGUMENT', /gzip data is damaged or cut short/);
    await expectRejection(importVectors(copy, Buffer.alloc(0)), 'JVDB_INVALID_ARGUMENT', /is empty/);
    await expectRejection(importVectors(copy, Buffer.from('?')), 'JVDB_INVALID_ARGUMENT', /format .* can't be told/);
    const named = path.join(directory.path, 'begins-wrong.jsonl');
    writeFileSync(named, `?\n${lines(5)}`);
    await expectRejection(
      importVectors(copy, named),
      'JVDB_INVALID_ARGUMENT',
      /begins-wrong\.jsonl:1:1: it is not JSON/,
    );
    expect(await importVectors(copy, named, { skipInvalid: true })).toMatchObject({ stored: 5, invalid: 1 });
    copy.batchDelete([...copy.ids()]);
    await expectRejection(importVectors(copy, path.join(directory.path, 'none')), 'JVDB_NOT_FOUND', /none/);
    await expectRejection(importVectors(copy, directory.path), 'JVDB_INVALID_ARGUMENT', /is a directory/);
    const texts = Readable.from(['text']);
    await expectRejection(importVectors(copy, texts as never), 'JVDB_INVALID_ARGUMENT', /must give bytes/);
    const format = 'orc' as FormatName;
    await expectRejection(importVectors(copy, Buffer.from('x'), { format }), 'JVDB_INVALID_ARGUMENT', /one of json, /);
    await expectRejection(importVectors(copy, 'x', { colour: 1 } as never), 'JVDB_INVALID_ARGUMENT', /colour/);
    expect(copy.vectorCount).toBe(0);
  });

  test('vectors of another dimension', async () => {
    using copy = store();
    const file = `${directory.file()}.json`;
    using other = new MemoryMappedVectorStore(directory.file(), 3);
    other.storeVector(1, [1, 2, 3]);
    await exportVectors(other, file);
    await expectRejection(importVectors(copy, file), 'JVDB_DIMENSION_MISMATCH', /dimension 3, the store of 8/);
  });
});

describe('records that are invalid', () => {
  const damaged = `${lines(3)}{"id": 3, "data": [1]}\n${jsonLine(4)}oops\n`;

  test('end the import, with line and reason, before anything of their batch is stored', async () => {
    using copy = store();
    const thrown = await importVectors(copy, Buffer.from(damaged), { format: 'jsonl' }).catch(
      (error: unknown) => error,
    );
    expect((thrown as JvdbError).code).toBe('JVDB_INVALID_ARGUMENT');
    expect((thrown as JvdbError).message).toMatch(
      /^the stream:4.*; the stream:6.*; nothing was imported; the option skipInvalid/,
    );
    expect(copy.vectorCount).toBe(0);
  });

  test('are passed over where that is asked for, and told', async () => {
    using copy = store();
    const told: InvalidRecord[] = [];
    const onInvalid = (record: InvalidRecord): void => void told.push(record);
    const report = await importVectors(copy, Buffer.from(damaged), { skipInvalid: true, onInvalid });
    expect(report).toMatchObject({ records: 6, stored: 4, invalid: 2 });
    expect(told).toMatchObject([
      { line: 4, text: '{"id": 3, "data": [1]}' },
      { line: 6, text: 'oops' },
    ]);
    expect([...copy.ids()]).toEqual([0, 1, 2, 4]);
  });
});

test.each(['jsonl', 'fvecs'] as const)('a batch takes no more memory than it may: %s', async (format) => {
  const dimension = 65536;
  using one = new MemoryMappedVectorStore(directory.file(), dimension);
  one.storeVector(0, vectorOf(dimension, 1));
  const file = directory.file();
  await exportVectors(one, file, { format });
  using copy = new MemoryMappedVectorStore(directory.file(), dimension);
  expect(await importVectors(copy, file, { format, batchSize: 1_000_000 })).toMatchObject({ stored: 1 });
});

test('one of several databases in a document', async () => {
  const vectors = (id: number): object[] => [{ id, data: [...vectorOf(D, id)] }];
  const databases = ['a', 'b', 'c'].map((name, i) => ({ name, schema: { dimension: D }, vectors: vectors(i) }));
  const document = Buffer.from(JSON.stringify({ databases }));
  using copy = store();
  expect(await importVectors(copy, document, { table: 'b' })).toMatchObject({ stored: 1 });
  expect([...copy.ids()]).toEqual([1]);
  await expectRejection(importVectors(copy, document, { table: 'd' }), 'JVDB_NOT_FOUND', /"a", "b", "c"/);
  await expectRejection(importVectors(copy, document), 'JVDB_INVALID_ARGUMENT', /several databases/);
});

/** Whose first flush fails, as that of a disk that is full for a moment. */
class Failing extends InMemoryDatabasePersistence {
  flushes = 0;

  override async flushDatabase(name: string): Promise<boolean> {
    if (this.flushes++ === 0) throw new JvdbError('JVDB_NO_SPACE', 'no space for now');
    return super.flushDatabase(name);
  }
}

test('a flush on the way that fails is not lost', async () => {
  const persistence = new Failing();
  persistence.createDatabase('one', { dimension: 1024 });
  // Rows of 4 KiB; after 32 MiB there is a flush, and the rest is stored meanwhile.
  const row = Buffer.concat([Buffer.from(Int32Array.of(1024).buffer), Buffer.alloc(4096, 1)]);
  const source = Readable.from(Array.from({ length: 40 }, () => Buffer.concat(Array.from({ length: 256 }, () => row))));
  const importing = importVectors({ persistence, database: 'one' }, source, { format: 'fvecs' });
  await expectRejection(importing, 'JVDB_NO_SPACE', /no space for now/);
  expect(persistence.vectorCount('one')).toBe(40 * 256);
  persistence.close();
});

describe('a checkpoint', () => {
  /** Lines, and an error after so many: as a file that a disk fails to read. */
  const failing = (file: string, count: number): string => {
    writeFileSync(file, `${lines(count)}oops\n${lines(0)}`);
    return file;
  };

  test('is where the next import of the same file goes on', async () => {
    using copy = store();
    const checkpoint = directory.file();
    const file = `${directory.file()}.jsonl`;
    writeFileSync(file, lines(5000));
    const stop = new AbortController();
    const batchStoreAsync = copy.batchStoreAsync.bind(copy);
    copy.batchStoreAsync = (...batch) => {
      if (copy.vectorCount >= 1000) stop.abort(new Error('enough'));
      return batchStoreAsync(...batch);
    };
    const options = { checkpoint, batchSize: 100 };
    await expect(importVectors(copy, file, { ...options, signal: stop.signal })).rejects.toThrow('enough');
    const stored = copy.vectorCount;
    expect(stored).toBeLessThan(5000);
    const report = await importVectors(copy, file, options);
    expect(report.resumedAt + report.stored).toBe(5000);
    expect(report.resumedAt).toBe(stored);
    expect(copy.vectorCount).toBe(5000);
    expect(copy.lastLsn).toBe(5000); // nothing was stored twice
    expect(() => readFileSync(checkpoint)).toThrow('ENOENT');
  });

  test('of another file, or one that has changed, is refused', async () => {
    using copy = store();
    const checkpoint = directory.file();
    const file = failing(`${directory.file()}.jsonl`, 3000);
    const options = { checkpoint, batchSize: 100 };
    await expectRejection(importVectors(copy, file, options), 'JVDB_INVALID_ARGUMENT', /:3001:1: /);
    expect(copy.vectorCount).toBe(3000);
    writeFileSync(file, lines(2));
    await expectRejection(importVectors(copy, file, options), 'JVDB_CONFLICT', /another file/);
    writeFileSync(checkpoint, '{');
    await expectRejection(importVectors(copy, file, options), 'JVDB_CONFLICT', /remove it/);
  });
});

describe('where an export goes', () => {
  test('a file gets its name when it is whole, and replaces none', async () => {
    using original = store(100);
    const place = path.join(directory.path, 'exports');
    mkdirSync(place);
    const file = path.join(place, 'a.jsonl');
    await exportVectors(original, file);
    await expectRejection(exportVectors(original, file), 'JVDB_EXISTS', /overwrite/);
    original.deleteVector(1);
    await exportVectors(original, file, { overwrite: true });
    expect(readFileSync(file, 'utf8').split('\n').length).toBe(100);
    const stop = AbortSignal.abort(new Error('no'));
    await expect(exportVectors(original, path.join(place, 'b.npy'), { signal: stop })).rejects.toThrow('no');
    expect(readdirSync(place)).toEqual(['a.jsonl']);
    await expectRejection(exportVectors(original, path.join(place, 'none', 'a.npy')), 'JVDB_NOT_FOUND');
    await expectRejection(exportVectors(original, path.join(place, 'a.txt')), 'JVDB_INVALID_ARGUMENT', /format/);
    const old = { format: 'legacy-jvdb' } as const;
    await expectRejection(exportVectors(original, path.join(place, 'a'), old), 'JVDB_INVALID_ARGUMENT', /only read/);
  });

  test('a name that ends in .gz is zipped', async () => {
    using original = store(100);
    const file = `${directory.file()}.npy.gz`;
    await exportVectors(original, file);
    expect(gunzipSync(readFileSync(file)).length).toBe(128 + 100 * D * 4);
  });

  test('a stream that fails', async () => {
    using original = store(100);
    const sink = new PassThrough();
    sink.destroy(new Error('broken'));
    await expectRejection(exportVectors(original, sink, { format: 'npy' }), 'JVDB_IO', /broken|destroyed/);
  });
});

test('a file of the old server comes with what lies beside it', async () => {
  const folder = path.join(directory.path, 'old');
  mkdirSync(folder);
  const file = path.join(folder, 'vectors.jvdb');
  const { file: bytes, bits } = fixture('longid-4x4');
  writeFileSync(file, bytes);
  writeFileSync(path.join(folder, 'metadata.json'), '{"name":"old words","distance_metric":"EUCLIDEAN"}');
  const vectors = Object.fromEntries([...bits.keys()].map((id) => [id, { owner: id }]));
  writeFileSync(path.join(folder, 'vector_metadata.json'), JSON.stringify(vectors));
  using databases = new InMemoryDatabasePersistence();
  await importDatabases(databases, file, { database: 'words' });
  expect(databases.getDatabaseInfo('words')).toMatchObject({ distanceMetric: 'euclidean', idType: 'string' });
  using into = store(0, 'string');
  expect([...databases.ids('words')].sort()).toEqual([...bits.keys()].sort());
  for (const id of bits.keys()) expect(databases.retrieveVector('words', id)?.metadata).toEqual({ owner: id });
  await expectRejection(importVectors(into, file), 'JVDB_DIMENSION_MISMATCH', /of dimension 4, the store of 8/);
});

test.each(['json', 'jsonl', 'csv', 'npz'] as const)(
  'metadata keeps digits that numbers have not: %s',
  async (format) => {
    using original = store();
    original.storeVector(1, vectorOf(D, 1), '{"large":12345678901234567890,"price":1.10,"of":"é\\u0001"}');
    const [file, again] = [directory.file(), directory.file()];
    await exportVectors(original, file, { format });
    using copy = store();
    await importVectors(copy, file, { format });
    await exportVectors(copy, again, { format });
    expect(readFileSync(again).equals(readFileSync(file))).toBe(true);
    await exportVectors(copy, again, { format: 'jsonl', overwrite: true });
    expect(readFileSync(again, 'utf8')).toContain('{"large":12345678901234567890,"price":1.10,"of":"é\\u0001"}');
  },
);
