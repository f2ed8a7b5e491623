/**
 * Imports that end early: by SIGINT they leave whole batches at once, whatever they wait for; by SIGKILL at any
 * moment, several times, `--resume` brings every vector in. JVDB_KILLS sets how many times.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { MemoryMappedVectorStore, PersistentDatabasePersistence } from '../../lib/index.js';
import { asked, jvdb, startJvdb } from '../cli.js';
import { Directory, ended, vectorOf, type Ended } from '../support.js';

const directory = new Directory();
const storage = path.join(directory.path, 'data');
const KILLS = Math.ceil(Number(process.env['JVDB_KILLS'] ?? 150) / 50);
const run = (...args: string[]): Promise<Ended> => jvdb(args, { storage });
const ask = (...args: string[]): Promise<unknown> => asked(args, { storage });

const lines = (count: number): string =>
  Array.from({ length: count }, (_, id) => `{"id": ${id}, "data": [${id}, ${id / 2}]}\n`).join('');

function create(name: string, dimension: number): void {
  using all = new PersistentDatabasePersistence(storage);
  all.createDatabase(name, { dimension });
}

/** Beside a process that writes. */
function countOf(name: string): number {
  using store = MemoryMappedVectorStore.open(path.join(storage, `${name}.jvdb`), { readOnly: true });
  return store.vectorCount;
}

/** Waits until something is so, or the test takes too long. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(10);
}

const STOPPED: Ended = {
  ...{ status: 1, signal: null, stdout: '' },
  stderr: 'jvdb: stopped by SIGINT; what was done until then is whole\n',
};

beforeAll(() => {
  mkdirSync(storage);
});

// Windows has no signals.
(process.platform === 'win32' ? describe.skip : describe)('SIGINT', () => {
  test('while standard input has nothing to give leaves whole batches', async () => {
    create('slow', 2);
    const child = startJvdb(['batch-insert', '--database', 'slow', '--batch-size', '100'], { storage });
    const end = ended(child);
    child.stdin.write(lines(2350));
    await until(() => countOf('slow') >= 2000);
    child.kill('SIGINT');
    expect(await end).toEqual(STOPPED);
    const { vectorCount } = (await ask('count', '--database', 'slow')) as { vectorCount: number };
    expect(vectorCount % 100).toBe(0);
    expect(await ask('verify')).toMatchObject([{ name: 'slow', ok: true, vectorCount }]);
    expect(await ask('get', '--database', 'slow', '--id', String(vectorCount - 1))).toMatchObject({
      vector: [vectorCount - 1, (vectorCount - 1) / 2],
    });
  });

  test.each([
    ['before anything comes', Buffer.alloc(0)],
    ['within a record', Buffer.from('{"id": 1, "da')],
    ['within zipped data', gzipSync(lines(1000)).subarray(0, 2000)],
  ])('%s', async (_, head) => {
    const place = `${directory.file()}.data`;
    const child = startJvdb(['import', '-', '--database', 'nothing', '--format', 'jsonl'], { storage: place });
    const end = ended(child);
    child.stdin.write(head);
    await until(() => existsSync(place)); // made before anything is read
    child.kill('SIGINT');
    expect(await end).toEqual(STOPPED);
    expect(readdirSync(place)).toEqual([]);
  });
});

/** Vectors of ids from 0 on as a file of the format fvecs. */
function fvecs(count: number, dimension: number): string {
  const file = `${directory.file()}.fvecs`;
  const bytes = new DataView(new ArrayBuffer(count * (4 + 4 * dimension)));
  for (let id = 0, at = 0; id < count; id++) {
    bytes.setInt32(at, dimension, true);
    vectorOf(dimension, id).forEach((value, i) => {
      bytes.setFloat32(at + 4 + 4 * i, value, true);
    });
    at += 4 + 4 * dimension;
  }
  writeFileSync(file, bytes);
  return file;
}

test('after SIGKILL at any moment --resume brings every vector in', async () => {
  const count = 500_000;
  const file = fvecs(count, 16);
  create('killed', 16);
  const checkpoint = path.join(storage, 'killed.import');
  // Changes of one vector take many seconds; the first checkpoint is made after 5.
  const args = ['import', file, '--database', 'killed', '--resume', '--batch-size', '1'];
  const moments: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const child = startJvdb(args, { storage });
    const end = ended(child);
    if (kill === 0) await until(() => existsSync(checkpoint));
    moments.push(Math.round(Math.random() * 1500));
    await sleep(moments.at(-1));
    child.kill('SIGKILL');
    expect({ moments, ...(await end) }).toMatchObject({ moments, stderr: '' });
    expect({ moments, found: existsSync(checkpoint) }).toEqual({ moments, found: true });
  }
  const { resumedAt, stored } = (await ask(...args)) as { resumedAt: number; stored: number };
  expect(resumedAt).toBeGreaterThan(0);
  expect(resumedAt + stored).toBe(count);
  expect(existsSync(checkpoint)).toBe(false);
  expect(await ask('count', '--database', 'killed')).toMatchObject({ vectorCount: count });
  const out = `${directory.file()}.fvecs`;
  expect(await ask('export', out, '--database', 'killed')).toMatchObject({ records: count });
  // In the order of their ids, which they were stored in, and again.
  expect({ moments, same: readFileSync(out).equals(readFileSync(file)) }).toEqual({ moments, same: true });
});

describe('--resume', () => {
  const RECORDS = 3000;
  let next = 0;

  /** An import that a cut file ended; its database, and the arguments that go on. */
  async function cut(): Promise<{ name: string; file: string; args: string[] }> {
    const name = `cut${next++}`;
    create(name, 2);
    const file = `${directory.file()}.jsonl`;
    writeFileSync(file, `${lines(RECORDS)}oops\n`);
    const args = ['import', file, '--database', name, '--resume', '--batch-size', '100'];
    expect(await run(...args)).toMatchObject({ status: 1, stderr: expect.stringContaining(':3001:1: ') as string });
    expect(countOf(name)).toBe(RECORDS);
    expect(existsSync(path.join(storage, `${name}.import`))).toBe(true);
    return { name, file, args };
  }

  test('of a file that has changed is refused', async () => {
    const { name, file, args } = await cut();
    writeFileSync(file, lines(RECORDS + 10));
    const refused = await run(...args);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    const kept = path.join(storage, `${name}.import`);
    expect(refused.stderr).toContain(
      `jvdb: JVDB_CONFLICT: ${kept} is how far the import of another file came, or of this`,
    );
    expect(refused.stderr).toMatch(/; to begin anew remove it\n$/);
    rmSync(kept);
    expect(await ask(...args)).toMatchObject({ resumedAt: 0, stored: RECORDS + 10 });
    expect(countOf(name)).toBe(RECORDS + 10);
  });

  test('into another database of the same name is refused', async () => {
    const { name, args } = await cut();
    expect((await run('drop', name)).status).toBe(0);
    create(name, 2);
    const refused = await run(...args);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/^jvdb: JVDB_CONFLICT: /) as string });
    expect(countOf(name)).toBe(0);
  });

  test('goes on behind what is stored; without it all is stored again', async () => {
    const { name, args } = await cut();
    const skipping = [...args, '--skip-invalid'];
    expect(await ask(...skipping.filter((one) => one !== '--resume'))).toMatchObject({
      databases: [{ database: name, created: false, records: RECORDS + 1, stored: RECORDS, invalid: 1 }],
    });
    const told = await run(...skipping);
    expect(told.stdout).toMatch(
      new RegExp(
        `^imported into ${name}: 0 vectors, 1 invalid record passed over.*, from record ${RECORDS + 1} on\\n$`,
      ),
    );
    expect(await ask(...skipping)).toMatchObject({ resumedAt: 0, stored: RECORDS, invalid: 1 }); // it was whole
    expect(countOf(name)).toBe(RECORDS);
  });

  test('keeps the invalid records that were found before', async () => {
    create('zipped', 2);
    const file = `${directory.file()}.jsonl.gz`;
    const whole = gzipSync(`${lines(1)}oops\n${lines(200_000)}`);
    writeFileSync(file, whole.subarray(0, -100_000));
    const kept = directory.file();
    const args = ['import', file, '--database', 'zipped', '--resume', '--batch-size', '100', '--invalid-file', kept];
    for (const time of ['first', 'second']) {
      const { status, stderr } = await run(...args);
      expect({ time, status, stderr }).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('cut short') as string,
      });
      expect(readFileSync(kept, 'utf8')).toMatch(/^\{"record":2,"line":2,[^\n]*\}\n$/);
    }
    expect(countOf('zipped')).toBeGreaterThan(50_000);
  });
});
