/** Paths that lead to something else than a database, or to one by several names. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { JvdbError, MemoryMappedVectorStore, type JvdbErrorCode } from '../../lib/index.js';
import { Directory, expectError, expectRejection, ROOT } from '../support.js';

const directory = new Directory();
const windows = process.platform === 'win32';
const onPosix = windows ? test.skip : test;
const root = process.getuid?.() === 0;

/** Open all the while: whatever another path leads to, it is unharmed. */
let bystander: MemoryMappedVectorStore;
let writes = 0;
beforeAll(() => {
  bystander = new MemoryMappedVectorStore(directory.file(), 3);
});
afterEach(() => {
  bystander.storeVector(++writes, [1, 2, writes], { writes });
  expect(bystander.retrieveVector(writes)).toMatchObject({ metadata: { writes } });
  expect(bystander.vectorCount).toBe(writes);
});
afterAll(() => {
  bystander.close();
});

/** However it is opened, the error has the code, names the path and says what to do. */
async function expectRefused(file: string, code: JvdbErrorCode, message: RegExp): Promise<void> {
  const open = [
    () => {
      new MemoryMappedVectorStore(file, 3).close();
    },
    () => {
      MemoryMappedVectorStore.open(file).close();
    },
    () => {
      MemoryMappedVectorStore.open(file, { readOnly: true }).close();
    },
  ];
  for (const call of open) {
    expectError(call, code, message);
    expect(messageOf(call)).toContain(file);
  }
  await expectRejection(MemoryMappedVectorStore.openAsync(file), code, message);
}

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as JvdbError).message;
  }
  return '';
}

describe('in place of the file', () => {
  test('a directory', async () => {
    const file = directory.file();
    mkdirSync(file);
    await expectRefused(file, 'JVDB_INVALID_ARGUMENT', /give the path of a file/);
    await expectRefused(path.join(file, path.sep), 'JVDB_INVALID_ARGUMENT', /give the path of a file/);
    expect(readdirSync(file)).toEqual([]);
  });

  onPosix('a pipe, which nobody waits for', () => {
    const file = directory.file();
    expect(spawnSync('mkfifo', [file]).status).toBe(0);
    const script = `const { MemoryMappedVectorStore } = require('jvdb');
      for (const readOnly of [false, true]) {
        try { new MemoryMappedVectorStore(process.argv[1], 3, { readOnly }); } catch (error) { console.log(error.code, error.message); }
      }`;
    const end = spawnSync(process.execPath, ['-e', script, file], { cwd: ROOT, timeout: 30000, encoding: 'utf8' });
    expect(end).toMatchObject({ status: 0, signal: null, stderr: '' });
    const line = `JVDB_INVALID_ARGUMENT cannot open ${file}: it is a pipe, socket or device; give the path of a file\n`;
    expect(end.stdout).toBe(line + line);
  });

  onPosix.each(['/dev/null', '/dev/zero'])('the device %s', async (device) => {
    await expectRefused(device, 'JVDB_INVALID_ARGUMENT', /pipe, socket or device; give the path of a file/);
  });

  onPosix('a socket', async () => {
    const file = directory.file();
    const server = createServer().listen(file);
    await new Promise((resolve) => server.once('listening', resolve));
    await expectRefused(file, 'JVDB_INVALID_ARGUMENT', /pipe, socket or device; give the path of a file/);
    await new Promise((resolve) => server.close(resolve));
  });

  test.each([
    ['of another format', `SQLite format 3\0${'x'.repeat(200000)}`, /begins with other bytes; give another path/],
    ['shorter than any database', 'jvdb', /4 bytes.*give another path, or restore a backup/],
    ['that is empty', '', /0 bytes.*give another path, or restore a backup/],
  ])('a file %s, which stays as it is', async (_, content, message) => {
    const file = directory.file();
    writeFileSync(file, content);
    await expectRefused(file, 'JVDB_CORRUPT', message);
    expect(readFileSync(file, 'latin1')).toBe(content);
  });
});

describe('links', () => {
  const filled = (): string => {
    const file = directory.file();
    using store = new MemoryMappedVectorStore(file, 3);
    store.storeVector(1, [1, 2, 3], { n: 1 });
    return file;
  };

  test.each([
    ['a symbolic link', symlinkSync],
    ['a hard link', linkSync],
  ])('%s: both paths share one engine', (_, link) => {
    const file = filled();
    const other = directory.file();
    link(file, other);
    using store = MemoryMappedVectorStore.open(file);
    using linked = new MemoryMappedVectorStore(other, 3);
    using reader = MemoryMappedVectorStore.open(other, { readOnly: true });
    expect(linked.filePath).toBe(other);
    store.storeVector(2, [4, 5, 6], { n: 2 });
    linked.storeVector(3, [7, 8, 9], { n: 3 });
    linked.deleteVector(1);
    for (const one of [store, linked, reader]) {
      expect([...one.ids()]).toEqual([2, 3]);
      expect(one.retrieveVector(2)!.metadata).toEqual({ n: 2 });
      expect(one.retrieveVector(3)!.metadata).toEqual({ n: 3 });
      expect(one.lastLsn).toBe(4);
    }
  });

  test('a symbolic link to a directory on the way', () => {
    const file = filled();
    const way = directory.file();
    symlinkSync(directory.path, way);
    using store = MemoryMappedVectorStore.open(file);
    using other = MemoryMappedVectorStore.open(path.join(way, path.basename(file)));
    other.storeVector(2, [4, 5, 6]);
    expect(store.has(2)).toBe(true);
  });

  test('one that leads nowhere, for all that must find a file', () => {
    const target = directory.file();
    const file = directory.file();
    symlinkSync(target, file);
    for (const open of [
      () => MemoryMappedVectorStore.open(file),
      () => MemoryMappedVectorStore.open(file, { readOnly: true }),
    ]) {
      expectError(open, 'JVDB_NOT_FOUND', /does not exist.*create it/);
      expect(messageOf(open)).toContain(file);
    }
    // With its target there, it works.
    new MemoryMappedVectorStore(target, 3).close();
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(0);
  });

  test('a loop of two', async () => {
    const [one, other] = [directory.file(), directory.file()];
    symlinkSync(one, other);
    symlinkSync(other, one);
    await expectRefused(one, 'JVDB_INVALID_ARGUMENT', /symbolic links; check the path/);
  });
});

describe('a path', () => {
  test('with a NUL', () => {
    const file = directory.file();
    expectError(() => new MemoryMappedVectorStore(`${file}\0.jvdb`, 3), 'JVDB_INVALID_ARGUMENT', /NUL/);
    expect(messageOf(() => MemoryMappedVectorStore.open(`${file}\0`))).toContain(file);
    expect(existsSync(file)).toBe(false);
  });

  test('of 5,000 characters, in one name or in many', async () => {
    for (const name of ['x'.repeat(5000), 'x/'.repeat(2500) + 'x']) {
      await expectRefused(path.join(directory.path, name), 'JVDB_INVALID_ARGUMENT', /too long; check the path/);
    }
  });

  test('that ends in a slash', async () => {
    const file = directory.file();
    const slashed = file + path.sep;
    expectError(
      () => new MemoryMappedVectorStore(slashed, 3),
      'JVDB_INVALID_ARGUMENT',
      /ends in a slash.*give the path of a file/,
    );
    expectError(() => MemoryMappedVectorStore.open(slashed), windows ? 'JVDB_INVALID_ARGUMENT' : 'JVDB_NOT_FOUND');
    new MemoryMappedVectorStore(file, 3).close();
    await expectRefused(slashed, 'JVDB_INVALID_ARGUMENT', /check the path|give the path of a file/);
  });

  onPosix('through a file', async () => {
    const file = directory.file();
    new MemoryMappedVectorStore(file, 3).close();
    await expectRefused(path.join(file, 'x.jvdb'), 'JVDB_INVALID_ARGUMENT', /check the path/);
  });

  test('in a directory that does not exist', () => {
    const file = path.join(directory.path, 'none', 'x.jvdb');
    expectError(() => new MemoryMappedVectorStore(file, 3), 'JVDB_NOT_FOUND', /none.*check that its directory exists/);
  });

  const permissions = root || windows ? test.skip : test;
  if (root) console.warn('SKIPPED: directories and files without permissions (root may do everything)');
  permissions('in a directory that may not be written to, or not be entered', () => {
    const closed = directory.file();
    mkdirSync(closed);
    const file = path.join(closed, 'x.jvdb');
    new MemoryMappedVectorStore(file, 3).close();
    chmodSync(closed, 0o500);
    expectError(
      () => new MemoryMappedVectorStore(path.join(closed, 'y.jvdb'), 3),
      'JVDB_IO',
      /check the permissions of the file and its directory/,
    );
    expect(readdirSync(closed)).toEqual(['x.jvdb']);
    {
      using store = MemoryMappedVectorStore.open(file);
      store.storeVector(1, [1, 2, 3]);
    }
    chmodSync(closed, 0);
    expectError(() => MemoryMappedVectorStore.open(file), 'JVDB_IO', /check the permissions/);
    chmodSync(closed, 0o700);
    using store = MemoryMappedVectorStore.open(file);
    expect(store.has(1)).toBe(true);
  });
  permissions('to a file that may be read, and not written', () => {
    const file = directory.file();
    new MemoryMappedVectorStore(file, 3).close();
    chmodSync(file, 0o400);
    expectError(() => MemoryMappedVectorStore.open(file), 'JVDB_IO', /check the permissions/);
    using store = MemoryMappedVectorStore.open(file, { readOnly: true });
    expect(store.vectorCount).toBe(0);
  });
});
