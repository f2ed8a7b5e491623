/** Arguments that run code of their own while they are read, or are not what they say. */
import { MemoryMappedVectorStore, type VectorId } from '../../lib/index.js';
import { Directory, expectError, expectRejection, runScript } from '../support.js';

const directory = new Directory();
const any = (value: unknown): never => value as never;

describe('a store that is closed while its arguments are read', () => {
  const open = `const store = new MemoryMappedVectorStore(process.argv[1], 4);
    store.batchStore([...Array(2000).keys()], new Float32Array(8000).fill(1));
    const ids = [1n, 2n, 3n];
    Object.defineProperty(ids, 1, { get() { store.close(); return 2n; } });
    const outcome = (call) => { try { return String(call()); } catch (error) { return error.code; } };`;

  test.each([
    ['batchStore', 'store.batchStore(ids, new Float32Array(12))', 'JVDB_CLOSED'],
    ['batchDelete', 'store.batchDelete(ids)', 'JVDB_CLOSED'],
    ['readVectors', 'store.readVectors(ids, new Float32Array(12))', 'JVDB_CLOSED'],
    ['storeVector', 'store.storeVector(1, [1, 2, 3, 4], { toJSON() { store.close(); return {}; } })', 'JVDB_CLOSED'],
  ])('%s', async (_, call, outcome) => {
    const end = await runScript(`${open} console.log(outcome(() => ${call}))`, directory.file());
    expect(end).toEqual({ status: 0, signal: null, stdout: `${outcome}\n`, stderr: '' });
  });

  test.each([
    ['searchSync', 'store.searchSync([1, 1, 1, 1]).length'],
    ['ids', '[...store.ids()].length'],
    ['stats', 'store.stats()'],
  ])('%s, by a setter of a polluted prototype', async (_, call) => {
    const pollute = `for (const name of [0, 1, 'recovery'])
      Object.defineProperty(name === 'recovery' ? Object.prototype : Array.prototype, name, { set() { store.close(); }, configurable: true });`;
    const end = await runScript(
      `${open} ${pollute} outcome(() => ${call}); process._rawDebug('lives');`,
      directory.file(),
    );
    expect(end).toMatchObject({ status: 0, signal: null, stdout: '' });
    expect(end.stderr).toMatch(/^lives\r?\n$/);
  });
});

describe('arguments that are not what they say', () => {
  let store: MemoryMappedVectorStore;
  beforeEach(() => {
    store = new MemoryMappedVectorStore(directory.file(), 3);
  });
  afterEach(() => {
    store.close();
  });

  test('an array of vectors with a hole', () => {
    const vectors = new Array<number[]>(3);
    vectors[0] = vectors[2] = [1, 2, 3];
    expectError(() => store.batchStore([1, 2, 3], vectors), 'JVDB_INVALID_VECTOR', /vector 1/);
    expect(store.vectorCount).toBe(0);
  });

  test('a subclass of Float32Array that lies about its length', () => {
    class Liar extends Float32Array {
      override get length(): number {
        return 3;
      }
    }
    expectError(() => store.batchStore([1, 2], [new Liar(4), new Liar(2)]), 'JVDB_DIMENSION_MISMATCH', /4 values/);
    expectError(() => store.storeVector(1, new Liar(4)), 'JVDB_DIMENSION_MISMATCH');
    store.batchStore([1], [new Liar([1, 2, 3])]);
    expect(store.retrieveVector(1)!.vector).toEqual(new Float32Array([1, 2, 3]));
  });

  test('a vector whose length changes while it is read stays in its row', () => {
    const growing: number[] = [1, 2, 3];
    Object.defineProperty(growing, 2, {
      get() {
        growing.push(7, 7, 7);
        return 3;
      },
    });
    store.batchStore([1, 2], [growing, [4, 5, 6]]);
    expect(store.retrieveVector(2)!.vector).toEqual(new Float32Array([4, 5, 6]));
  });

  test('an array that shrinks while it is read, or gives something else each time', () => {
    const shrinking = [5, 6, 7];
    Object.defineProperty(shrinking, 0, {
      get() {
        shrinking.length = 1;
        return 5;
      },
    });
    expectError(() => store.batchStore(shrinking, new Float32Array(9)), 'JVDB_INVALID_ARGUMENT', /1 ids but 9 values/);
    let asked = 0;
    const changing: number[][] = [[]];
    Object.defineProperty(changing, 0, { get: () => (asked++ === 0 ? [2, 2, 2] : new Float32Array(1)) });
    expect(store.batchStore([1], changing)).toBe(1);
    expect(store.retrieveVector(1)!.vector).toEqual(new Float32Array([2, 2, 2]));
    store.deleteVector(1);
  });

  test('errors thrown on the way are JvdbErrors with their cause', () => {
    const thrown = new Error('mine');
    const fails = (): never => {
      throw thrown;
    };
    const vector: number[] = [1, 2, 3];
    Object.defineProperty(vector, 1, { get: fails });
    const silent = Object.create(null) as object;
    for (const call of [
      () => store.storeVector(1, vector),
      () => store.storeVector(1, [1, 2, 3], { toJSON: fails }),
      () => store.batchStore(new Proxy([1], { get: fails }), new Float32Array(3)),
    ]) {
      expectError(call, 'JVDB_INVALID_ARGUMENT', /mine/);
    }
    expectError(
      () =>
        store.storeVector(1, [1, 2, 3], {
          toJSON() {
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- on purpose
            throw silent;
          },
        }),
      'JVDB_INVALID_ARGUMENT',
    );
    const nested = {
      get code(): never {
        throw new TypeError('inner');
      },
    };
    const options = {
      get topK(): never {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- on purpose
        throw nested;
      },
    };
    expectError(() => store.searchSync([1, 2, 3], options), 'JVDB_INVALID_ARGUMENT');
    const foreign = Object.assign(new Error('mine'), { code: 'JVDB_FOO' });
    expectError(
      () =>
        store.storeVector(1, [1, 2, 3], {
          toJSON: () => {
            throw foreign;
          },
        }),
      'JVDB_INVALID_ARGUMENT',
      /mine/,
    );
    expect(store.vectorCount).toBe(0);
  });

  test('a huge length takes no memory', () => {
    expectError(() => store.storeVector(1, new Array<number>(2 ** 32 - 1)), 'JVDB_DIMENSION_MISMATCH', /4294967295/);
  });

  test('metadata that an own map or species would replace', () => {
    const own = [{ a: 1 }];
    Object.defineProperty(own, 'map', { value: () => ['not json'] });
    store.batchStore([1], new Float32Array(3), own);
    expect(store.retrieveVector(1)!.metadata).toEqual({ a: 1 });
  });

  test('signals that are none', async () => {
    for (const signal of [new EventTarget(), { addEventListener: () => undefined }, { aborted: false }]) {
      await expectRejection(store.search([1, 2, 3], { signal: any(signal) }), 'JVDB_INVALID_ARGUMENT', /AbortSignal/);
    }
  });

  test('an abort reason that looks like an error of ours', async () => {
    const reason = { code: 'JVDB_CLOSED', message: 'fake' };
    const signal = AbortSignal.abort(reason);
    await expect(store.search([1, 2, 3], { signal })).rejects.toBe(reason);
    let thrown: unknown;
    try {
      store.searchSync([1, 2, 3], { signal });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(reason);
  });
});

test('−0 is the id 0', () => {
  using store = new MemoryMappedVectorStore(directory.file(), 1);
  store.storeVector(-0, [1]);
  expect(Object.is(store.retrieveVector(-0)!.id, 0)).toBe(true);
});

test('ids in typed arrays are read as such', () => {
  using store = new MemoryMappedVectorStore<object, VectorId>(directory.file(), 1);
  store.batchStore([1, 2], new Float32Array([1, 2]));
  for (const ids of [new Float64Array([2, 3, 1]), new BigInt64Array([2n, 3n, 1n])]) {
    expect(store.batchRetrieve(ids).map((record) => record?.vector[0])).toEqual([2, undefined, 1]);
  }
});

test('a subclass may use any name', () => {
  class Mine extends MemoryMappedVectorStore {
    readonly handle = 'mine';
  }
  using store = new Mine(directory.file(), 1);
  store.storeVector(1, [1]);
  expect(store.vectorCount).toBe(1);
  expect(JSON.stringify(store)).not.toMatch(/andle":\d/);
});
