/** The contract of databases by name: both implementations answer every call of a store alike. */
import type { DatabasePersistence } from '../../lib/index.js';
import { kinds } from '../persistences.js';
import { Directory, expectError, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();

describe.each(kinds(directory))('$name', ({ make }) => {
  function withDatabase(dimension = 4): DatabasePersistence {
    const one = make();
    one.createDatabase('db', { dimension });
    return one;
  }

  test('every call of a store, by name', async () => {
    const one = withDatabase();
    const before = Date.now();
    expect(one.storeVector('db', 1, [1, 0, 0, 0], { n: 1 })).toBe(1);
    expect(one.storeVector('db', 2, new Float32Array([0, 1, 0, 0]))).toBe(2);
    expect(one.updateVector('db', 1, [1, 1, 0, 0])).toBe(3);
    expect(one.updateVector('db', 99, [1, 1, 0, 0])).toBe(0);
    expect(one.updateMetadata('db', 2, '{"n":2}')).toBe(4);
    expect(one.updateMetadata('db', 99, {})).toBe(0);
    expect(
      one.batchStore(
        'db',
        [3, 4, 4],
        [vectorOf(4, 3), vectorOf(4, 0), vectorOf(4, 4)],
        [{ n: 3 }, undefined, { n: 4 }],
      ),
    ).toBe(2);
    expect(
      await one.batchStoreAsync('db', Float64Array.of(5, 6), new Float32Array([...vectorOf(4, 5), ...vectorOf(4, 6)])),
    ).toBe(2);
    expect(one.deleteVector('db', 6)).toBe(10);
    expect(one.deleteVector('db', 6)).toBe(0);
    expect(one.batchDelete('db', [5, 77])).toBe(1);
    expect(one.vectorCount('db')).toBe(4);
    expect(one.has('db', 4)).toBe(true);
    expect(one.has('db', 5)).toBe(false);
    const record = one.retrieveVector('db', 1);
    expect(record).toMatchObject({ id: 1, vector: new Float32Array([1, 1, 0, 0]), metadata: { n: 1 } });
    expect(record!.createdAt).toBeGreaterThanOrEqual(before);
    expect(record!.updatedAt).toBeGreaterThanOrEqual(record!.createdAt);
    expect(one.retrieveVector('db', 5)).toBeUndefined();
    const out = new Float32Array(4);
    expect(one.readVector('db', 3, out)).toBe(true);
    expect(out).toEqual(vectorOf(4, 3));
    expect(one.viewVector('db', 4)).toEqual(vectorOf(4, 4));
    expect(one.viewVector('db', 5)).toBeUndefined();
    expect(one.batchRetrieve('db', [2, 5]).map((found) => found?.metadata)).toEqual([{ n: 2 }, undefined]);
    const rows = new Float32Array(8);
    expect(one.readVectors('db', [3, 5], rows)).toBe(1);
    expect([...rows]).toEqual([...vectorOf(4, 3), NaN, NaN, NaN, NaN]);
    expect([...one.ids('db')]).toEqual([1, 2, 3, 4]);
    const entries = [];
    for await (const entry of one.entries('db')) entries.push([entry.id, entry.metadata]);
    expect(entries).toEqual([
      [1, { n: 1 }],
      [2, { n: 2 }],
      [3, { n: 3 }],
      [4, { n: 4 }],
    ]);
    const changes = [];
    for await (const change of one.changes('db', { sinceLsn: 7 })) changes.push([change.type, change.id, change.lsn]);
    expect(changes).toEqual([
      ['put', 5, 8],
      ['put', 6, 9],
      ['delete', 6, 10],
      ['delete', 5, 11],
    ]);
    expect(one.stats('db')).toMatchObject({ vectorCount: 4, lastLsn: 11 });
  });

  test('searches', async () => {
    const one = withDatabase();
    one.batchStore(
      'db',
      [1, 2, 3],
      [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [1, 1, 0, 0],
      ],
      [{ n: 1 }, undefined, { n: 3 }],
    );
    const query = [1, 0.1, 0, 0];
    const hits = await one.search('db', query, { topK: 2, includeVectors: true });
    expect(hits.map(({ id }) => id)).toEqual([1, 3]);
    expect(hits[0]).toMatchObject({ metadata: { n: 1 }, vector: new Float32Array([1, 0, 0, 0]) });
    expect(one.searchSync('db', query, { topK: 2, includeVectors: true })).toEqual(hits);
    expect(await one.searchBatch('db', [query, query], { topK: 2, includeVectors: true })).toEqual([hits, hits]);
    const raw = await one.searchRaw('db', query, { filterIds: [2, 3] });
    expect([...raw.ids]).toEqual([3n, 2n]);
    expect(raw.scores[0]).toBe(hits[1]!.score);
    await expectRejection(one.search('db', [1, 2]), 'JVDB_DIMENSION_MISMATCH');
    const aborted = AbortSignal.abort(new Error('no more'));
    await expect(one.search('db', query, { signal: aborted })).rejects.toThrow('no more');
  });

  test('errors of the store come through', async () => {
    const one = withDatabase();
    expectError(() => one.storeVector('db', 1, [1, 2, 3]), 'JVDB_DIMENSION_MISMATCH');
    expectError(() => one.storeVector('db', 'text', [1, 2, 3, 4]), 'JVDB_INVALID_ID');
    expectError(() => one.storeVector('db', 1, [1, 2, 3, NaN]), 'JVDB_INVALID_VECTOR');
    expectError(() => one.batchStore('db', [1, 2], [[1, 2, 3, 4]]), 'JVDB_INVALID_ARGUMENT');
    await expectRejection(one.batchStoreAsync('db', [1], [[1]]), 'JVDB_DIMENSION_MISMATCH');
    await expectRejection(one.batchStoreAsync('db', [1], [[1, 2, 3, 4]], ['no json']), 'JVDB_INVALID_ARGUMENT');
    const bad = {
      toJSON: (): never => {
        throw new Error('no');
      },
    };
    await expectRejection(one.batchStoreAsync('db', [1], [[1, 2, 3, 4]], [bad]), 'JVDB_INVALID_ARGUMENT');
    expect(one.vectorCount('db')).toBe(0);
  });

  test('a database has its own types', () => {
    const one = make();
    one.createDatabase('numbers', { dimension: 2, distanceMetric: 'euclidean' });
    one.createDatabase('texts', { dimension: 3, idType: 'string', allowNonFinite: true });
    one.storeVector('numbers', 2n ** 60n, [1, 2]);
    one.storeVector('texts', 'a', [1, 2, NaN]);
    expect([...one.ids('numbers')]).toEqual([2n ** 60n]);
    expect([...one.ids('texts')]).toEqual(['a']);
    expect(one.searchSync('numbers', [1, 3])[0]).toMatchObject({ distance: 1 });
    expect(one.getDatabaseInfo('texts').allowNonFinite).toBe(true);
  });

  test('a database deleted under calls: they finish or do not find it, and the name is free', async () => {
    const one = withDatabase(64);
    one.batchStore('db', [...Array(2000).keys()], new Float32Array(2000 * 64).fill(1));
    const view = one.viewVector('db', 7);
    const ids = one.ids('db');
    expect(ids.next().value).toBe(0);
    const entries = one.entries('db');
    const searches = Array.from({ length: 20 }, () => one.search('db', vectorOf(64, 1), { topK: 2000 }));
    const batches = Array.from({ length: 5 }, (_, i) => one.batchStoreAsync('db', [9000 + i], [vectorOf(64, i)]));
    expect(one.deleteDatabase('db')).toBe(true);
    expect(one.hasDatabase('db')).toBe(false);
    expectError(() => one.has('db', 7), 'JVDB_NOT_FOUND');
    expect(one.createDatabase('db', { dimension: 3, idType: 'string' })).toBe(true);
    expect(one.vectorCount('db')).toBe(0);
    one.storeVector('db', 'new', [1, 2, 3]);
    for (const outcome of await Promise.allSettled([...searches, ...batches])) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'JVDB_NOT_FOUND' });
      else if (Array.isArray(outcome.value)) expect(outcome.value.length).toBeGreaterThanOrEqual(2000);
    }
    expect([...ids].length).toBe(1999);
    let count = 0;
    for await (const { vector } of entries) count += vector[0]!;
    expect(count).toBe(2000);
    expect(view).toEqual(new Float32Array(64).fill(1));
    expect([...one.ids('db')]).toEqual(['new']);
  });

  test('inputs of a promise may change once the call has returned', async () => {
    const one = withDatabase();
    const ids = [1, 2];
    const vectors = new Float32Array([1, 0, 0, 0, 0, 1, 0, 0]);
    const metadata: ({ n: number } | undefined)[] = [{ n: 1 }, undefined];
    const stored = one.batchStoreAsync('db', ids, vectors, metadata);
    ids[0] = 9;
    vectors.fill(5);
    metadata[0]!.n = 7;
    expect(await stored).toBe(2);
    expect(one.batchRetrieve('db', [1, 2, 9]).map((found) => [found?.metadata, found?.vector[0]])).toEqual([
      [{ n: 1 }, 1],
      [undefined, 0],
      [undefined, undefined],
    ]);
    const query = new Float32Array([0, 1, 0, 0]);
    const filterIds = [2];
    const found = one.search('db', query, { filterIds });
    query.set([1, 0, 0, 0]);
    filterIds[0] = 1;
    expect(await found).toMatchObject([{ id: 2, score: 1 }]);
  });

  test('closing ends searches, and waits for batches', async () => {
    const one = withDatabase(64);
    one.batchStore('db', [...Array(5000).keys()], new Float32Array(5000 * 64).fill(1));
    const searches = Array.from({ length: 50 }, () => one.search('db', vectorOf(64, 1)));
    const outcomes = Promise.allSettled(searches);
    await one.closeAsync();
    for (const outcome of await outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'JVDB_CLOSED' });
    }
  });
});
