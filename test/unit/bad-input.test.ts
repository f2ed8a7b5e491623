import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, expectError, expectRejection } from '../support.js';

const directory = new Directory();
const any = (value: unknown): never => value as never;

describe('a store in use refuses', () => {
  let store: MemoryMappedVectorStore;
  let texts: MemoryMappedVectorStore<Record<string, unknown>, string>;

  beforeEach(() => {
    store = new MemoryMappedVectorStore(directory.file(), 3);
    texts = new MemoryMappedVectorStore(directory.file(), 3, { idType: 'string' });
    store.storeVector(1, [1, 2, 3], { kept: true });
    texts.storeVector('a', [1, 2, 3], { kept: true });
  });
  // Whatever was refused, the stores work on and hold what they held.
  afterEach(() => {
    for (const [one, id] of [
      [store, 1],
      [texts, 'a'],
    ] as unknown as [MemoryMappedVectorStore, string | number][]) {
      expect(one.vectorCount).toBe(1);
      expect(one.retrieveVector(id)).toMatchObject({ vector: new Float32Array([1, 2, 3]), metadata: { kept: true } });
      const lsn = one.storeVector(id, [1, 2, 3]);
      expect(lsn).toBe(2);
      one.close();
    }
  });

  test.each([
    -1,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
    -1n,
    2n ** 63n,
    -(2n ** 70n),
    'a',
    '1',
    null,
    undefined,
    {},
    true,
    Symbol('s'),
  ])('the integer id %p', (id) => {
    expectError(() => store.storeVector(any(id), [1, 2, 3]), 'JVDB_INVALID_ID');
    expectError(() => store.retrieveVector(any(id)), 'JVDB_INVALID_ID');
    expectError(() => store.deleteVector(any(id)), 'JVDB_INVALID_ID');
    expectError(() => store.has(any(id)), 'JVDB_INVALID_ID');
    expectError(() => store.batchStore([2, any(id)], new Float32Array(6)), 'JVDB_INVALID_ID');
    expectError(() => store.batchDelete([1, any(id)]), 'JVDB_INVALID_ID');
  });

  test.each(['', 'x'.repeat(1025), 'ä'.repeat(513), 'a\ud800', '\udc00b', 1, 1n, null, undefined, {}])(
    'the string id %p',
    (id) => {
      expectError(() => texts.storeVector(any(id), [1, 2, 3]), 'JVDB_INVALID_ID');
      expectError(() => texts.batchStore(['b', any(id)], new Float32Array(6)), 'JVDB_INVALID_ID');
      expectError(() => texts.retrieveVector(any(id)), 'JVDB_INVALID_ID');
      expectError(() => texts.has(any(id)), 'JVDB_INVALID_ID');
      expectError(() => texts.deleteVector(any(id)), 'JVDB_INVALID_ID');
    },
  );

  test('ids in typed arrays of the wrong kind or value', () => {
    expectError(() => store.batchStore(new Float64Array([2, 2.5]), new Float32Array(6)), 'JVDB_INVALID_ID', /2\.5/);
    expectError(() => store.batchStore(new BigInt64Array([2n, -5n]), new Float32Array(6)), 'JVDB_INVALID_ID', /-5/);
    expectError(() => store.batchStore(any(new Int32Array([2, 3])), new Float32Array(6)), 'JVDB_INVALID_ID');
    expectError(() => texts.batchStore(any(new Float64Array([2, 3])), new Float32Array(6)), 'JVDB_INVALID_ID');
    expectError(() => store.batchDelete(any('12')), 'JVDB_INVALID_ID');
    expectError(() => store.batchDelete([1, 5.5]), 'JVDB_INVALID_ID', /5\.5 \(item 1\)/);
    for (const ids of [undefined, null, '12', new Set([1]), { length: 1 }]) {
      expectError(() => store.batchStore(any(ids), new Float32Array(3)), 'JVDB_INVALID_ID', /array/);
      expectError(() => store.batchRetrieve(any(ids)), 'JVDB_INVALID_ID', /array/);
      expectError(() => store.readVectors(any(ids), new Float32Array(3)), 'JVDB_INVALID_ID', /array/);
    }
  });

  test('vectors of the wrong dimension', () => {
    expectError(() => store.storeVector(2, [1, 2]), 'JVDB_DIMENSION_MISMATCH', /2 values.* 3/);
    expectError(() => store.storeVector(2, new Float32Array(4)), 'JVDB_DIMENSION_MISMATCH', /4 values.* 3/);
    expectError(() => store.updateVector(1, []), 'JVDB_DIMENSION_MISMATCH');
    expectError(() => store.batchStore([2, 3], [[1, 2, 3], [1]]), 'JVDB_DIMENSION_MISMATCH', /vector 1 .*1 values/);
    expectError(() => store.batchStore([2, 3], new Float32Array(7)), 'JVDB_DIMENSION_MISMATCH', /7 values/);
    expectError(() => store.readVector(1, new Float32Array(2)), 'JVDB_DIMENSION_MISMATCH', /room for 2/);
    expectError(() => store.readVectors([1, 2], new Float32Array(5)), 'JVDB_DIMENSION_MISMATCH', /room for 5/);
  });

  test('values that are not finite numbers', () => {
    for (const value of [NaN, Infinity, -Infinity, 1e39]) {
      expectError(() => store.storeVector(2, [1, value, 3]), 'JVDB_INVALID_VECTOR', /component 1 .*id 2/);
      expectError(() => store.updateVector(1, [1, value, 3]), 'JVDB_INVALID_VECTOR');
      expectError(
        () => store.batchStore([2, 3], new Float32Array([1, 2, 3, 4, 5, value])),
        'JVDB_INVALID_VECTOR',
        /id 3/,
      );
    }
    for (const value of ['1', null, undefined, {}, 1n]) {
      expectError(() => store.storeVector(2, [1, any(value), 3]), 'JVDB_INVALID_VECTOR', /component 1/);
    }
    for (const vector of [
      null,
      undefined,
      5,
      'abc',
      {},
      new Float64Array(3),
      new Uint8Array(12),
      new ArrayBuffer(12),
    ]) {
      expectError(() => store.storeVector(2, any(vector)), 'JVDB_INVALID_VECTOR', /Float32Array/);
    }
    expectError(() => store.batchStore([2, 3], any([[1, 2, 3], 'abc'])), 'JVDB_INVALID_VECTOR', /vector 1/);
  });

  test('detached buffers', () => {
    const vector = new Float32Array(3);
    structuredClone(vector.buffer, { transfer: [vector.buffer] });
    expectError(() => store.storeVector(2, vector), 'JVDB_DIMENSION_MISMATCH', /transferred/);
    expectError(() => store.batchStore([2], vector), 'JVDB_INVALID_ARGUMENT', /transferred/);
    expectError(() => store.readVector(1, vector), 'JVDB_DIMENSION_MISMATCH');
    const ids = new Float64Array([1]);
    structuredClone(ids.buffer, { transfer: [ids.buffer] });
    expectError(() => store.batchStore(ids, new Float32Array(0)), 'JVDB_INVALID_ID', /transferred/);
    expectError(() => store.batchDelete(ids), 'JVDB_INVALID_ID', /transferred/);
    expectError(() => store.readVectors(ids, new Float32Array(3)), 'JVDB_INVALID_ID', /transferred/);
  });

  test('batches whose parts do not fit together', () => {
    expectError(() => store.batchStore([2, 3], [[1, 2, 3]]), 'JVDB_INVALID_ARGUMENT', /2 ids but 1 vectors/);
    expectError(
      () => store.batchStore([2, 3], new Float32Array(6), [undefined]),
      'JVDB_INVALID_ARGUMENT',
      /2 ids but 1 metadata/,
    );
    expectError(() => store.batchStore([2], new Float32Array(3), any('{}')), 'JVDB_INVALID_ARGUMENT', /array/);
    expectError(() => store.batchStore([2, 3], new Float32Array(6), [{ ok: 1 }, any(5)]), 'JVDB_INVALID_ARGUMENT');
  });

  test('metadata that is no JSON object, or too large', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const notJson = [
      circular,
      { big: 1n },
      () => 1,
      5,
      null,
      true,
      [1, 2],
      'text',
      '[1]',
      '5',
      'null',
      '{"a":',
      new Date(),
    ];
    for (const metadata of notJson) {
      expectError(() => store.storeVector(2, [1, 2, 3], any(metadata)), 'JVDB_INVALID_ARGUMENT', /metadata/);
      expectError(() => store.updateMetadata(1, any(metadata)), 'JVDB_INVALID_ARGUMENT', /metadata/);
    }
    expectError(() => store.updateMetadata(1, any(undefined)), 'JVDB_INVALID_ARGUMENT', /metadata/);
    expectError(() => store.storeVector(2, [1, 2, 3], { a: 'x'.repeat(1 << 20) }), 'JVDB_INVALID_ARGUMENT', /1048576/);
    expectError(() => store.storeVector(2, [1, 2, 3], { a: 'ä'.repeat(600000) }), 'JVDB_INVALID_ARGUMENT', /1048576/);
    const deep = `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`;
    expectError(() => store.storeVector(2, [1, 2, 3], deep), 'JVDB_INVALID_ARGUMENT', /64/);
  });

  test('but not an empty batch', () => {
    expect(store.batchStore([], new Float32Array(0))).toBe(0);
    expect(store.batchStore([], [])).toBe(0);
    expect(store.batchDelete([])).toBe(0);
    expect(texts.batchStore([], [])).toBe(0);
    expect(texts.batchDelete([])).toBe(0);
    expect(store.readVectors([], new Float32Array(0))).toBe(0);
    expect(store.lastLsn).toBe(1);
  });
});

describe('after closing', () => {
  test('everything but closing is refused', async () => {
    const store = new MemoryMappedVectorStore(directory.file(), 3);
    store.storeVector(1, [1, 2, 3]);
    const ids = store.ids();
    const entries = store.entries();
    store.close();
    store.close();
    await store.closeAsync();
    for (const call of [
      () => store.storeVector(1, [1, 2, 3]),
      () => store.updateVector(1, [1, 2, 3]),
      () => store.updateMetadata(1, {}),
      () => store.deleteVector(1),
      () => store.batchStore([1], new Float32Array(3)),
      () => store.batchDelete([1]),
      () => store.has(1),
      () => store.retrieveVector(1),
      () => store.readVector(1, new Float32Array(3)),
      () => store.batchRetrieve([1]),
      () => store.readVectors([1], new Float32Array(3)),
      () => store.ids(),
      () => store.entries(),
      () => ids.next(),
      () => store.searchSync([1, 2, 3]),
      () => {
        store.flushSync();
      },
      () => store.stats(),
      () => store.vectorCount,
      () => store.capacity,
      () => store.lastLsn,
      () => store.durableLsn,
    ]) {
      expectError(call, 'JVDB_CLOSED', /open it again/);
    }
    await expectRejection(store.search([1, 2, 3]), 'JVDB_CLOSED');
    await expectRejection(store.batchStoreAsync([1], new Float32Array(3)), 'JVDB_CLOSED');
    await expectRejection(store.flush(), 'JVDB_CLOSED');
    await expectRejection(entries.next(), 'JVDB_CLOSED');
    expect(store.dimension).toBe(3);
  });
});

describe('a store of values that need not be finite', () => {
  test('keeps them, and never finds them', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 2, { allowNonFinite: true });
    store.batchStore([1, 2, 3], new Float32Array([NaN, 1, 1, 1, -Infinity, 0]));
    expect(store.retrieveVector(1)!.vector).toEqual(new Float32Array([NaN, 1]));
    expect((await store.search([1, 0])).map((hit) => hit.id)).toEqual([2]);
  });
});
