import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore, type StoreOptions } from '../../lib/index.js';
import { Directory, ended, expectError, expectRejection, startNode, vectorOf } from '../support.js';

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
      if (typeof id !== 'string') expectError(() => texts.retrieveVector(any(id)), 'JVDB_INVALID_ID');
    },
  );

  test('ids in typed arrays of the wrong kind or value', () => {
    expectError(() => store.batchStore(new Float64Array([2, 2.5]), new Float32Array(6)), 'JVDB_INVALID_ID', /2\.5/);
    expectError(() => store.batchStore(new BigInt64Array([2n, -5n]), new Float32Array(6)), 'JVDB_INVALID_ID', /-5/);
    expectError(() => store.batchStore(any(new Int32Array([2, 3])), new Float32Array(6)), 'JVDB_INVALID_ID');
    expectError(() => texts.batchStore(any(new Float64Array([2, 3])), new Float32Array(6)), 'JVDB_INVALID_ID');
    expectError(() => store.batchDelete(any('12')), 'JVDB_INVALID_ID');
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
    expectError(() => store.batchStore([2], vector), 'JVDB_DIMENSION_MISMATCH');
    expectError(() => store.readVector(1, vector), 'JVDB_DIMENSION_MISMATCH');
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

describe('opening refuses', () => {
  const open = (file: string, dimension: unknown = 3, options: unknown = {}): void => {
    new MemoryMappedVectorStore(file, dimension as number, options as StoreOptions).close();
  };

  test('dimensions and options out of range', () => {
    const file = directory.file();
    for (const dimension of [0, -1, 1.5, 65537, NaN, '3', null]) {
      expectError(
        () => {
          open(file, dimension);
        },
        'JVDB_INVALID_ARGUMENT',
        /dimension/,
      );
    }
    for (const initialCapacity of [0, -1, 1.5, 2 ** 31, NaN, '3']) {
      expectError(
        () => {
          open(file, 3, { initialCapacity });
        },
        'JVDB_INVALID_ARGUMENT',
        /initialCapacity/,
      );
    }
    for (const options of [
      { metric: 'manhattan' },
      { idType: 'uuid' },
      { durability: 'always' },
      { scanColumn: 'int4' },
      { access: 'fast' },
      { readOnly: 'yes' },
      { allowNonFinite: 1 },
      { flushOnExit: null },
      { metirc: 'dot' },
      null,
      5,
    ]) {
      expectError(() => {
        open(file, 3, options);
      }, 'JVDB_INVALID_ARGUMENT');
    }
    expect(existsSync(file)).toBe(false);
  });

  test('paths that lead to no file', async () => {
    expectError(
      () => {
        open(directory.path);
      },
      'JVDB_INVALID_ARGUMENT',
      /director/i,
    );
    expectError(() => {
      open('');
    }, 'JVDB_INVALID_ARGUMENT');
    expectError(() => {
      open(any(undefined));
    }, 'JVDB_INVALID_ARGUMENT');
    expectError(
      () => {
        open('a\0b');
      },
      'JVDB_INVALID_ARGUMENT',
      /NUL/,
    );
    expectError(
      () => {
        open(path.join(directory.path, 'no', 'such.jvdb'));
      },
      'JVDB_NOT_FOUND',
      /no\/such/,
    );
    expectError(() => MemoryMappedVectorStore.open(directory.file()), 'JVDB_NOT_FOUND');
    expectError(() => {
      open(directory.file(), 3, { readOnly: true });
    }, 'JVDB_NOT_FOUND');
    await expectRejection(MemoryMappedVectorStore.openAsync(directory.file()), 'JVDB_NOT_FOUND');
    const link = directory.file();
    symlinkSync(link, link);
    expectError(() => {
      open(link);
    }, 'JVDB_INVALID_ARGUMENT');
    expectError(() => {
      open('/proc/version/x.jvdb');
    }, 'JVDB_INVALID_ARGUMENT');
    expectError(() => {
      open('/proc/x.jvdb');
    }, 'JVDB_NOT_FOUND');
  });

  test('a directory that may not be written to', () => {
    // Not even by root.
    expectError(
      () => {
        open('/sys/x.jvdb');
      },
      'JVDB_IO',
      /permission/i,
    );
  });

  test('files that are not ours, cut short, damaged or of another version', () => {
    const foreign = directory.file();
    writeFileSync(foreign, 'x'.repeat(200000));
    expectError(
      () => {
        open(foreign);
      },
      'JVDB_CORRUPT',
      /not a jvdb file/,
    );
    expect(readFileSync(foreign, 'utf8')).toBe('x'.repeat(200000));

    const empty = directory.file();
    writeFileSync(empty, '');
    expectError(
      () => {
        open(empty);
      },
      'JVDB_CORRUPT',
      /0 bytes/,
    );

    const whole = directory.file();
    {
      using store = new MemoryMappedVectorStore(whole, 3);
      for (let i = 0; i < 100; i++) store.storeVector(i, [i, 1, 2]);
    }
    const bytes = readFileSync(whole);
    const size = statSync(whole).size;
    for (const cut of [1, 64, 511, 4096, 65535, 65536, 70000, size - 1]) {
      truncateSync(whole, cut);
      expectError(() => {
        open(whole);
      }, 'JVDB_CORRUPT');
      writeFileSync(whole, bytes);
    }
    const version = Buffer.from(bytes);
    version.writeUInt32LE(2, 4);
    version.writeUInt32LE(2, 12288 + 4);
    writeFileSync(whole, version);
    expectError(
      () => {
        open(whole);
      },
      'JVDB_VERSION',
      /version 2.*version 1/,
    );
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(65536 + 4096 + 96 * 50) ^ 1, 65536 + 4096 + 96 * 50);
    writeFileSync(whole, damaged);
    expectError(
      () => {
        open(whole);
      },
      'JVDB_CORRUPT',
      /LSN 50/,
    );
    expect(readFileSync(whole).equals(damaged)).toBe(true);
    writeFileSync(whole, bytes);
    using store = MemoryMappedVectorStore.open(whole);
    expect(store.vectorCount).toBe(100);
  });

  test('a file that was created otherwise', () => {
    const file = directory.file();
    new MemoryMappedVectorStore(file, 3, { metric: 'dot' }).close();
    expectError(
      () => {
        open(file, 4);
      },
      'JVDB_DIMENSION_MISMATCH',
      /dimension 3, not 4/,
    );
    expectError(
      () => {
        open(file, 3, { metric: 'cosine' });
      },
      'JVDB_INVALID_ARGUMENT',
      /metric dot, not cosine/,
    );
    expectError(
      () => {
        open(file, 3, { idType: 'string' });
      },
      'JVDB_INVALID_ARGUMENT',
      /idType/,
    );
    expectError(
      () => {
        open(file, 3, { scanColumn: 'none' });
      },
      'JVDB_INVALID_ARGUMENT',
      /scanColumn/,
    );
    expectError(
      () => {
        open(file, 3, { allowNonFinite: true });
      },
      'JVDB_INVALID_ARGUMENT',
      /allowNonFinite/,
    );
    open(file, 3);
    open(file, 3, { metric: 'dot', idType: 'int64', scanColumn: 'int8', allowNonFinite: false });
  });

  test('a file that another process writes to', async () => {
    const file = directory.file();
    new MemoryMappedVectorStore(file, 3).close();
    const child = startNode([
      '-e',
      `const { MemoryMappedVectorStore } = require('jvdb');
      const store = MemoryMappedVectorStore.open(process.argv[1]);
      store.storeVector(1, [1, 2, 3]);
      console.log('open');
      process.stdin.once('end', () => process.exit(0)).resume();`,
      file,
    ]);
    await new Promise((resolve) => child.stdout!.once('data', resolve));
    expectError(
      () => {
        open(file);
      },
      'JVDB_LOCKED',
      /another process/,
    );
    {
      using reader = MemoryMappedVectorStore.open(file, { readOnly: true });
      expect(reader.vectorCount).toBe(1);
      expectError(() => reader.storeVector(2, [1, 2, 3]), 'JVDB_READ_ONLY');
      expectError(() => reader.deleteVector(1), 'JVDB_READ_ONLY');
      expectError(() => reader.batchStore([2], new Float32Array(3)), 'JVDB_READ_ONLY');
    }
    const end = ended(child);
    child.stdin!.end();
    await end;
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(1);
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

describe('a full disk', () => {
  const mount = path.join(directory.path, 'small');
  mkdirSync(mount);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount]).status === 0;
  afterAll(() => {
    if (mounted) spawnSync('umount', ['-l', mount]);
  });
  if (!mounted) console.warn('SKIPPED: a full disk (mounting a tmpfs is not allowed here)');

  (mounted ? test : test.skip)('fails the operation, and nothing that was stored', async () => {
    const file = path.join(mount, 'full.jvdb');
    let stored = 0;
    {
      using store = new MemoryMappedVectorStore(file, 256, { initialCapacity: 10 });
      expectError(
        () => {
          for (; ; stored++) store.storeVector(stored, vectorOf(256, stored), { n: stored });
        },
        'JVDB_NO_SPACE',
        /free some space/,
      );
      expect(stored).toBeGreaterThan(1000);
      expect(store.vectorCount).toBe(stored);
      expectError(() => store.batchStore([...Array(9000).keys()], new Float32Array(9000 * 256)), 'JVDB_NO_SPACE');
      expect(store.vectorCount).toBe(stored);
      await store.flush();
      store.deleteVector(0);
      {
        using other = new MemoryMappedVectorStore(path.join(mount, 'other.jvdb'), 256, { initialCapacity: 10000 });
        expectError(() => other.storeVector(1, vectorOf(256, 1)), 'JVDB_NO_SPACE');
        expect(other.vectorCount).toBe(0);
      }
      rmSync(path.join(mount, 'other.jvdb'));
    }
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(stored - 1);
    for (let n = 1; n < stored; n++) {
      expect(store.retrieveVector(n)).toMatchObject({ vector: vectorOf(256, n), metadata: { n } });
    }
  });
});
