/** The command line's verify, salvage, compact, backup, backups, restore. */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { asked, jvdb } from '../cli.js';
import { Directory, ended, ROOT, vectorOf } from '../support.js';

const directory = new Directory();
const fixture = (name: string): string => path.join(ROOT, 'test/fixtures', name);

/** A storage with both golden files: 7 vectors with integer ids, 5 with strings. */
function storage(): string {
  const place = directory.file();
  mkdirSync(place);
  copyFileSync(fixture('int64-v1.jvdb'), path.join(place, 'numbers.jvdb'));
  copyFileSync(fixture('string-v1.jvdb'), path.join(place, 'words.jvdb'));
  return place;
}

/** Changes a byte of a vector of `numbers`. */
function damage(place: string): string {
  const file = path.join(place, 'numbers.jvdb');
  const bytes = readFileSync(file);
  bytes[0x20000 + 64] = 99; // the slot of id 0
  writeFileSync(file, bytes);
  return file;
}

describe('verify', () => {
  test('whole databases, and one of them in full', async () => {
    const place = storage();
    expect(await jvdb(['verify'], { storage: place })).toEqual({
      status: 0,
      signal: null,
      stdout:
        'name     ok   vectors  records  errors\nnumbers  yes        7       11       0\nwords    yes        5        7       0\n',
      stderr: '',
    });
    expect(await asked(['verify', '--database', 'words', '--quick'], { storage: place })).toEqual([
      {
        ...{ name: 'words', ok: true, vectorCount: 5, recordCount: 7, bytes: 7 * 96, lastLsn: 7 },
        ...{ errorCount: 0, errors: [], durationMs: expect.any(Number) as number },
      },
    ]);
  });

  test('damage, also of what cannot be opened', async () => {
    const place = storage();
    const file = damage(place);
    writeFileSync(path.join(place, 'words.jvdb'), 'cut short');
    const { status, stdout, stderr } = await jvdb(['verify'], { storage: place });
    const words = path.join(place, 'words.jvdb');
    expect(stdout).toBe(`name     ok  vectors  records  errors
numbers  no        7       11       1
words    no        0        0       1

numbers:
offset  lsn  message
 69728    2  the record at byte 69728 has a vector that doesn't match its checksum

words:
offset  lsn  message
     0       ${words} is not a jvdb file, or was cut short: it has 9 bytes, a database at least 65536; give another path, or restore a backup
`);
    expect(stderr).toBe('jvdb: JVDB_CORRUPT: 2 of 2 files are not whole: restore a backup, or salvage what is whole\n');
    expect(status).toBe(1);
    // Without the vectors' bytes there is nothing to see; of a file by its name no storage is needed.
    expect((await jvdb(['verify', file, '--quick'])).status).toBe(0);
    const one = await jvdb(['verify', file, '--json']);
    expect(one.status).toBe(1);
    expect(JSON.parse(one.stdout)).toMatchObject([{ name: file, ok: false, errors: [{ offset: 69728, lsn: 2 }] }]);
  });

  test('a file that is not there is not called damaged, one of another version is', async () => {
    const place = storage();
    const later = path.join(place, 'numbers.jvdb');
    const bytes = readFileSync(later);
    for (const header of [0, 12_288]) bytes.writeUInt32LE(2, header + 4);
    writeFileSync(later, bytes);
    for (const quick of [[], ['--quick']]) {
      const { stdout, stderr } = await jvdb(['verify', later, ...quick, '--json']);
      expect(JSON.parse(stdout)).toMatchObject([{ name: later, ok: false }]);
      expect(stderr).toMatch(/^jvdb: JVDB_CORRUPT: 1 of 1 files is not whole: /);
    }
    const errors = [
      [path.join(place, 'none.jvdb'), 'JVDB_NOT_FOUND'],
      [place, 'JVDB_INVALID_ARGUMENT'],
    ] as const;
    for (const [file, code] of errors) {
      for (const quick of [[], ['--quick']]) {
        const { status, stdout, stderr } = await jvdb(['verify', file, ...quick]);
        expect([status, stdout, stderr]).toEqual([1, '', expect.stringMatching(`^jvdb: ${code}: .*\\n$`)]);
      }
    }
  });

  test('wrong usage, and nothing there', async () => {
    const place = storage();
    expect(await jvdb(['verify', 'x.jvdb', '--database', 'x'], { storage: place })).toMatchObject({
      status: 2,
      stderr: 'jvdb: give a file or --database, not both\n',
    });
    const { status, stderr } = await jvdb(['verify', '--database', 'none'], { storage: place });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^jvdb: JVDB_NOT_FOUND: .*none.*\n$/)]);
  });
});

test('salvage copies what is whole', async () => {
  const from = damage(storage());
  const to = directory.file();
  const { status, stdout, stderr } = await jvdb(['salvage', from, to]);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(
    /^salvaged {2}6 vectors to .*, \d+ KiB\nlost {6}1 vectors, 0 operations .*\nids {7}0\n\n.*:\noffset +lsn +message\n *131136 +2 +the vector of id 0 can't be read\n$/,
  );
  expect((await MemoryMappedVectorStore.verifyFile(to)).vectorCount).toBe(6);
  expect(await jvdb(['salvage', from, to])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^jvdb: JVDB_EXISTS: /) as string,
  });
});

describe('compact', () => {
  test('all databases, and one', async () => {
    const place = storage();
    const { status, stdout } = await jvdb(['compact'], { storage: place });
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^name +vectors +removed +before +after\nnumbers +7 +3 .*KiB .*KiB\nwords +5 +1 .*KiB .*KiB\n$/,
    );
    expect(await asked(['compact', '--database', 'words'], { storage: place })).toMatchObject([
      { name: 'words', compacted: false, vectorCount: 5, deadCount: 0 },
    ]);
  });

  test('one that is in use elsewhere does not keep the others', async () => {
    const place = storage();
    using store = MemoryMappedVectorStore.open(path.join(place, 'numbers.jvdb'));
    const { status, stdout, stderr } = await jvdb(['compact', '--json'], { storage: place });
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'words', compacted: true }]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^jvdb: JVDB_LOCKED: .*numbers.*\n$/)]);
    expect(store.vectorCount).toBe(7);
  });

  test('SIGINT leaves the database whole', async () => {
    const place = directory.file();
    mkdirSync(place);
    const file = path.join(place, 'large.jvdb');
    const [count, dimension] = [100_000, 256];
    {
      using store = new MemoryMappedVectorStore(file, dimension, { initialCapacity: count, autoCompact: false });
      const ids = Array.from({ length: count }, (_, id) => id);
      store.batchStore(ids, new Float32Array(count * dimension).fill(0.5));
      store.storeVector(7, vectorOf(dimension, 7));
    }
    const before = statSync(file).ino;
    const child = spawn(process.execPath, [path.join(ROOT, 'bin/jvdb.js'), 'compact', '--storage', place]);
    const end = ended(child);
    const begun = setInterval(() => {
      if (!existsSync(`${file}.compacting`)) return;
      child.kill('SIGINT');
      clearInterval(begun);
    }, 1);
    const { status, stderr } = await end;
    clearInterval(begun);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'jvdb: stopped by SIGINT; what was done until then is whole\n',
    });
    expect(readdirSync(place)).toEqual(['large.jvdb']);
    expect(statSync(file).ino).toBe(before);
    expect(await asked(['verify'], { storage: place })).toMatchObject([{ ok: true, vectorCount: count }]);
    expect(await asked(['compact'], { storage: place })).toMatchObject([{ compacted: true, deadCount: 1 }]);
  });
});

describe('backups', () => {
  test('of a storage that is written to: made, listed, verified, restored', async () => {
    const place = storage();
    const to = directory.file();
    using store = MemoryMappedVectorStore.open<object, number>(path.join(place, 'numbers.jvdb'));
    const { status, stdout } = await jvdb(['backup', '--to', to], { storage: place });
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^name +backup +made +vectors +lastLsn +size +follows\nnumbers +00000001-full +2.*Z +7 +11 .*KiB\nwords +00000001-full +2.*Z +5 +7 .*KiB\n$/,
    );
    store.storeVector(1000, [1, 2, 3, 4]);
    const increments = await asked(['backup', '--to', to, '--database', 'numbers'], { storage: place });
    expect(increments).toMatchObject([{ id: '00000002-incremental', base: '00000001-full', lastLsn: 12 }]);
    expect(await asked(['backup', '--to', to, '--database', 'words', '--full'], { storage: place })).toMatchObject([
      { id: '00000002-full', name: 'words' },
    ]);
    expect(await asked(['backups', '--from', to, '--database', 'numbers'])).toMatchObject([
      { id: '00000001-full', kind: 'full' },
      { id: '00000002-incremental', kind: 'incremental', vectorCount: 1 },
    ]);
    expect((await jvdb(['verify', '--backups', to, '--database', 'numbers'])).stdout).toBe(
      'name     backup                ok   errors\nnumbers  00000001-full         yes       0\nnumbers  00000002-incremental  yes       0\n',
    );

    const file = directory.file();
    const restored = await jvdb(['restore', '--from', to, '--database', 'numbers', '--to', file, '--lsn', '11']);
    expect([restored.status, restored.stderr]).toEqual([0, '']);
    expect(restored.stdout).toMatch(/^name +file +vectors +lastLsn +size\nnumbers +.*jvdb +7 +11 .*KiB\n$/);
    const all = directory.file();
    expect(await asked(['restore', '--from', to, '--to', all])).toMatchObject([
      { name: 'numbers', path: path.join(all, 'numbers.jvdb'), vectorCount: 8, skipped: [] },
      { name: 'words', vectorCount: 5, backups: ['00000002-full'] },
    ]);
    await damagedBackups(to);
  });

  test('one that is damaged does not keep the others', async () => {
    const [place, to] = [storage(), directory.file()];
    writeFileSync(path.join(place, 'numbers.jvdb'), 'cut short');
    writeFileSync(path.join(place, 'points.jvdb'), 'cut short');
    const { status, stdout, stderr } = await jvdb(['backup', '--to', to], { storage: place });
    expect(stdout).toMatch(/^name .*\nwords +00000001-full .*\n$/);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^jvdb: JVDB_CORRUPT: .*numbers.*\njvdb: JVDB_CORRUPT: .*points.*\n$/),
    ]);
    expect(await asked(['backups', '--from', to])).toMatchObject([{ name: 'words' }]);
  });

  async function damagedBackups(to: string): Promise<void> {
    const bad = path.join(to, 'numbers/00000002-incremental.jvdb-backup');
    const bytes = readFileSync(bad);
    bytes.fill(1, 4096, 12_288); // both superblocks
    writeFileSync(bad, bytes);
    const verified = await jvdb(['verify', '--backups', to, '--database', 'numbers']);
    expect(verified).toMatchObject({
      status: 1,
      stderr: 'jvdb: JVDB_CORRUPT: 1 of 2 backups is not whole: make a whole copy anew\n',
    });
    expect(verified.stdout).toContain('\nnumbers 00000002-incremental:\noffset  lsn  message\n');
    const { status, stdout, stderr } = await jvdb([
      ...['restore', '--from', to, '--database', 'numbers', '--to', directory.file(), '--json'],
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([
      { vectorCount: 7, skipped: [{ backup: '00000002-incremental', error: { code: 'JVDB_CORRUPT' } }] },
    ]);
    expect(stderr).toMatch(/^jvdb: passed over 00000002-incremental of numbers: .*\n$/);
  }

  test('wrong usage, and nothing there', async () => {
    const none = directory.file();
    for (const args of [
      ['backups', '--from', none],
      ['verify', '--backups', none],
    ]) {
      expect(await jvdb(args)).toMatchObject({
        status: 1,
        stderr: `jvdb: JVDB_NOT_FOUND: there is no directory ${none}\n`,
      });
    }
    expect(existsSync(none)).toBe(false);
    const restore = ['restore', '--from', directory.path, '--to', none];
    expect(await jvdb([...restore, '--lsn', '3'])).toMatchObject({
      status: 2,
      stderr: 'jvdb: --lsn and --backup are of one database: name it with --database\n',
    });
    expect(await jvdb([...restore, '--time', 'noon'])).toMatchObject({ status: 2 });
  });
});
