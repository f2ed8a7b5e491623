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
import { Directory, ended, expectError, expectRejection, runScript, startNode, vectorOf } from '../support.js';

const directory = new Directory();

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
      open(undefined as never);
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
      /no[\\/]such/,
    );
    expectError(() => MemoryMappedVectorStore.open(directory.file()), 'JVDB_NOT_FOUND');
    expectError(() => {
      open(directory.file(), 3, { readOnly: true });
    }, 'JVDB_NOT_FOUND');
    await expectRejection(MemoryMappedVectorStore.openAsync(directory.file()), 'JVDB_NOT_FOUND');
  });

  test('links that lead to no file, and files in place of a directory', () => {
    const link = directory.file();
    symlinkSync(link, link);
    expectError(() => {
      open(link);
    }, 'JVDB_INVALID_ARGUMENT');
    const dangling = directory.file();
    symlinkSync(directory.file(), dangling);
    expectError(
      () => {
        open(dangling);
      },
      'JVDB_INVALID_ARGUMENT',
      /leads nowhere/,
    );
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
    // Closing gave blocks back; with the disk full of something else, opening still works: a child,
    // for a fault in a mapped hole would end the process.
    spawnSync('dd', ['if=/dev/zero', `of=${path.join(mount, 'rest')}`, 'bs=4k'], { stdio: 'ignore' });
    const end = await runScript(
      `const store = MemoryMappedVectorStore.open(process.argv[1]); console.log(store.vectorCount);
       try { store.storeVector(-0, new Float32Array(256)); console.log('stored'); } catch (error) { console.log(error.code); }`,
      file,
    );
    expect(end).toMatchObject({ status: 0, signal: null, stdout: `${stored - 1}\nJVDB_NO_SPACE\n` });
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(stored - 1);
    for (let n = 1; n < stored; n++) {
      expect(store.retrieveVector(n)).toMatchObject({ vector: vectorOf(256, n), metadata: { n } });
    }
  });
});
