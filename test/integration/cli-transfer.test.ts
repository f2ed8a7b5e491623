/** The command line's import, export and batch-insert, as people run them. */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { PersistentDatabasePersistence } from '../../lib/index.js';
import { asked, jvdb, PROGRAM, shell } from '../cli.js';
import { Directory, ended, vectorOf, type Ended } from '../support.js';

const directory = new Directory();
const storage = path.join(directory.path, 'data');
const WINDOWS = process.platform === 'win32';
const DIMENSION = 7;
const COUNT = 1000;

const done = (stdout: string): Ended => ({ status: 0, signal: null, stdout, stderr: '' });
const failed = (line: string): Ended => ({ status: 1, signal: null, stdout: '', stderr: `jvdb: ${line}\n` });
const wrong = (line: string): Ended => ({ ...failed(line), status: 2 });

const inStorage = (place: string): ((...args: string[]) => Promise<Ended>) => {
  return async (...args) => jvdb(args, { storage: place });
};
const run = inStorage(storage);
const ask = (...args: string[]): Promise<unknown> => asked(args, { storage });

/** A directory for databases that nobody has used. */
const elsewhere = (): string => `${directory.file()}.data`;

const records = (count: number, seed = 0): string =>
  Array.from({ length: count }, (_, id) => {
    const metadata = id % 3 === 0 ? { n: id, text: `"${id}",\n日本` } : undefined;
    return `${JSON.stringify({ id, data: [...vectorOf(DIMENSION, seed + id)], metadata })}\n`;
  }).join('');

/** Without what differs from run to run. */
const timeless = (sentence: string): string => sentence.replaceAll(/, [\d,]+ a second/g, '');

beforeAll(() => {
  using all = new PersistentDatabasePersistence(storage);
  all.createDatabase('numbers', { dimension: DIMENSION, distanceMetric: 'euclidean' });
  all.createDatabase('plain', { dimension: DIMENSION });
  all.createDatabase('words', { dimension: DIMENSION, idType: 'string', distanceMetric: 'dot' });
  for (let id = 0; id < COUNT; id++) {
    const vector = vectorOf(DIMENSION, id);
    const metadata = id % 3 === 0 ? { n: id, text: `"${id}",\n日本` } : undefined;
    all.storeVector('numbers', 3 * id + 1, vector, metadata);
    all.storeVector('plain', id, vector);
    all.storeVector('words', `word "${id}", 語`, vector, metadata);
  }
});

describe('batch-insert', () => {
  test('stores 10,000 records from standard input', async () => {
    const place = elsewhere();
    expect((await inStorage(place)('create', 'many', '-d', String(DIMENSION))).status).toBe(0);
    const args = ['batch-insert', '--database', 'many', '--batch-size', '500'];
    const stored = await jvdb(args, { storage: place, input: records(10_000) });
    expect({ ...stored, stdout: timeless(stored.stdout) }).toEqual(done('stored in many: 10,000 vectors\n'));
    expect(await inStorage(place)('count', '--database', 'many')).toEqual(done('10000\n'));
    expect(await asked(['verify', '--database', 'many'], { storage: place })).toMatchObject([
      { ok: true, vectorCount: 10_000, recordCount: 10_000 },
    ]);
  });

  test('fills ten databases, each command a process of its own', async () => {
    const place = elsewhere();
    const names = Array.from({ length: 10 }, (_, i) => `db${i}`);
    for (const name of names) expect((await inStorage(place)('create', name, '-d', String(DIMENSION))).status).toBe(0);
    for (const [i, name] of names.entries()) {
      const file = `${directory.file()}.jsonl`;
      writeFileSync(file, records(1000, 1000 * i));
      expect(await asked(['batch-insert', file, '--database', name], { storage: place })).toEqual({
        ...{ database: name, format: 'jsonl', records: 1000, stored: 1000, invalid: 0, resumedAt: 0 },
        ...{ bytes: readFileSync(file).length, durationMs: expect.any(Number) as number },
      });
    }
    expect(await asked(['count'], { storage: place })).toEqual(names.map((name) => ({ name, vectorCount: 1000 })));
    for (const [i, name] of names.entries()) {
      const ids = ['--id', '0', '500', '999'];
      const found = (await asked(['get', '--database', name, ...ids], { storage: place })) as { vector: number[] }[];
      expect(found.map(({ vector }) => Float32Array.from(vector))).toEqual(
        [0, 500, 999].map((id) => vectorOf(DIMENSION, 1000 * i + id)),
      );
      expect(found).toMatchObject([{ id: 0, metadata: { n: 0 } }, { id: 500 }, { id: 999, metadata: { n: 999 } }]);
    }
  });
});

describe('a document of all databases', () => {
  test('makes them all elsewhere', async () => {
    const [file, place] = [`${directory.file()}.json`, elsewhere()];
    const bytes = expect.any(Number) as number;
    expect(await ask('export', file)).toEqual({
      ...{ format: 'json', records: 3 * COUNT, bytes, durationMs: bytes, output: file },
    });
    const imported = await inStorage(place)('import', file);
    expect({ ...imported, stdout: timeless(imported.stdout) }).toEqual(
      done(['numbers', 'plain', 'words'].map((name) => `imported into ${name} (created): 1,000 vectors\n`).join('')),
    );
    const kinds = (await asked(['list'], { storage: place })) as object[];
    expect(kinds).toMatchObject([
      { name: 'numbers', distanceMetric: 'euclidean', idType: 'int64', vectorCount: COUNT },
      { name: 'plain', distanceMetric: 'cosine', idType: 'int64', vectorCount: COUNT },
      { name: 'words', distanceMetric: 'dot', idType: 'string', vectorCount: COUNT },
    ]);
    const again = `${directory.file()}.json`;
    expect((await inStorage(place)('export', again)).status).toBe(0);
    expect(readFileSync(again).equals(readFileSync(file))).toBe(true);
    expect(await asked(['import', file], { storage: place })).toMatchObject({
      databases: [{ created: false, stored: COUNT }, { created: false }, { created: false }],
    });
    expect(await asked(['count'], { storage: place })).toMatchObject(Array(3).fill({ vectorCount: COUNT }));
  });

  test('gives one of them to a database that is there, or none it cannot choose', async () => {
    const [file, place] = [`${directory.file()}.json`, elsewhere()];
    const there = inStorage(place);
    expect((await run('export', file, '--database', 'words', '--database', 'plain')).status).toBe(0);
    expect(await there('import', file, '--database', 'x', '--table', 'plain')).toEqual(
      failed(`JVDB_NOT_FOUND: there is no directory ${place}; create a database first, or name another`),
    );
    expect((await there('create', 'x', '-d', String(DIMENSION))).status).toBe(0);
    expect(await there('import', file, '--database', 'x', '--table', 'plane')).toEqual(
      failed(`JVDB_NOT_FOUND: ${file} has no table "plane", but "words", "plain"`),
    );
    expect(await asked(['import', file, '--database', 'x', '--table', 'plain'], { storage: place })).toMatchObject({
      ...{ database: 'x', stored: COUNT, resumedAt: 0 },
    });
    expect((await there('import', file, '--database', 'y')).stderr).toMatch(
      /holds several databases, of which the first was imported into y: leave the option database out, or say which/,
    );
  });
});

const METRIC: Record<string, string> = { numbers: 'euclidean', words: 'dot', plain: 'cosine' };

test.each([
  ...['json', 'jsonl', 'csv', 'npz'].flatMap((format) => [
    [format, 'numbers'],
    [format, 'words'],
  ]),
  ...['npy', 'fvecs'].map((format) => [format, 'plain']),
])('what comes back as %s of %s goes out as it was', async (format, database) => {
  const [first, second] = [1, 2].map(() => `${directory.file()}.${format}`);
  const place = elsewhere();
  expect((await run('export', first!, '--database', database)).status).toBe(0);
  const kind = ['--metric', METRIC[database]!];
  const imported = await inStorage(place)('import', first!, '--database', database, ...kind);
  expect(timeless(imported.stdout)).toBe(`imported into ${database} (created): 1,000 vectors\n`);
  expect((await inStorage(place)('export', second!, '--database', database)).status).toBe(0);
  const [one, two] = [readFileSync(first!), readFileSync(second!)];
  expect(two.equals(one)).toBe(true);
  expect(one.length).toBeGreaterThan(COUNT * DIMENSION * 4);
});

describe('gzip', () => {
  test('by the name, and on standard input and output', async () => {
    const [file, zipped] = [`${directory.file()}.jsonl`, `${directory.file()}.jsonl.GZ`];
    await run('export', file, '--database', 'words');
    expect(await run('export', zipped, '--database', 'words')).toMatchObject({ status: 0 });
    expect(gunzipSync(readFileSync(zipped)).equals(readFileSync(file))).toBe(true);
    const ways = [
      [zipped, undefined],
      ['-', gzipSync(readFileSync(file))],
    ] as const;
    for (const [name, input] of ways) {
      const report = await asked(['import', name, '--database', 'w'], { storage: elsewhere(), input });
      expect(report).toMatchObject({ format: 'jsonl', databases: [{ stored: COUNT, created: true }] });
    }
    const cut = await jvdb(['import', '-', '--database', 'w'], {
      storage: elsewhere(),
      input: readFileSync(zipped).subarray(0, 5000),
    });
    expect(cut).toMatchObject({ status: 1, stdout: '' });
    expect(cut.stderr).toMatch(/^jvdb: JVDB_INVALID_ARGUMENT: - is not whole: its gzip data is .* cut short .*\n$/);
  });
});

(WINDOWS ? describe.skip : describe)('in a shell', () => {
  test('a pipe from one storage to another, zipped or not', async () => {
    const whole = `${directory.file()}.json`;
    expect((await run('export', whole)).status).toBe(0);
    const names = ['numbers', 'plain', 'words'];
    for (const gzip of ['', '--gzip']) {
      const place = elsewhere();
      const line = `jvdb export - --format json ${gzip} | jvdb import - --storage '${place}'`;
      const { stdout, stderr, status } = await shell(line, { storage });
      expect(status).toBe(0);
      expect(timeless(stdout)).toBe(names.map((name) => `imported into ${name} (created): 1,000 vectors\n`).join(''));
      expect(stderr).toMatch(/^exported 3,000 vectors to standard output: [\d.]+ KiB\n$/);
      const compare = `jvdb export - --format json 2> /dev/null | cmp - '${whole}' && echo same`;
      expect(await shell(compare, { storage: place })).toEqual(done('same\n'));
    }
  });

  test('a reader that has enough ends an export quietly', async () => {
    const place = elsewhere();
    {
      using all = new PersistentDatabasePersistence(place);
      all.createDatabase('large', { dimension: 256 });
      for (let id = 0; id < 5000; id++) all.storeVector('large', id, vectorOf(256, id)); // 5 MB, more than a pipe holds
    }
    const status = directory.file();
    const line = `{ jvdb export - --format csv; echo $? > '${status}'; } | head -2 | cut -c -20`;
    const began = performance.now();
    expect(await shell(line, { storage: place })).toEqual(
      done(expect.stringMatching(/^id,v0,v1,.*\n0,.*\n$/) as string),
    );
    expect(readFileSync(status, 'utf8')).toBe('0\n');
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  test('a device or a pipe is written to, and not replaced', async () => {
    const fifo = directory.file();
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    const line = `cat '${fifo}' & jvdb export '${fifo}' --database plain --format fvecs --overwrite > /dev/null; wait`;
    const { status, stdout } = await shell(`{ ${line}; } | wc -c`, { storage });
    expect({ status, bytes: Number(stdout) }).toEqual({ status: 0, bytes: COUNT * (4 + 4 * DIMENSION) });
    expect(lstatSync(fifo).isFIFO()).toBe(true);
  });

  test('a link stays a link', async () => {
    const [file, link] = [`${directory.file()}.npy`, `${directory.file()}.npy`];
    writeFileSync(file, 'old');
    symlinkSync(file, link);
    expect((await run('export', link, '--database', 'plain', '--overwrite')).status).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file).length).toBe(128 + COUNT * DIMENSION * 4);
  });
});

describe('is refused', () => {
  test('wrong usage, with exit status 2', async () => {
    const metric = 'Allowed choices are cosine, dot, euclidean.';
    expect(
      await Promise.all([
        run('import'),
        run('export'),
        run('import', 'a', '--input', 'b'),
        run('export', 'a', '--output', 'b'),
        run('batch-insert', 'a'),
        run('import', 'a', '--resume'),
        run('import', 'a', '--metric', 'l2'),
        run('export', '-', '--format', 'legacy-jvdb'),
        run('import', 'a', '--batch-size', '0'),
      ]),
    ).toEqual([
      wrong('what is to be imported? give a file, or - for standard input'),
      wrong('where to? give a file, or - for standard output'),
      wrong('which file, a or b? give one'),
      wrong('which file, a or b? give one'),
      wrong("required option '--database <name>' not specified"),
      wrong('with --resume or --table name the --database, which must exist'),
      wrong(`option '--metric <metric>' argument 'l2' is invalid. ${metric}`),
      wrong(
        "option '--format <format>' argument 'legacy-jvdb' is invalid. Allowed choices are json, jsonl, csv, npy, npz, parquet, arrow, arrow-stream, fvecs, ivecs, bvecs.",
      ),
      wrong("option '--batch-size <n>' argument '0' is invalid. It must be a whole number from 1 to 1000000."),
    ]);
  });

  test('what is not there, or is there already', async () => {
    const file = `${directory.file()}.json`;
    writeFileSync(file, 'old');
    const none = path.join(directory.path, 'none');
    const nobody = `JVDB_NOT_FOUND: there is no database "nobody" in ${storage}; create it first, by createDatabase(name, { dimension }) or jvdb create`;
    const all = [
      await run('export', '-', '--format', 'csv', '--database', 'nobody'),
      await run('batch-insert', file, '--database', 'nobody', '--format', 'jsonl'),
      await run('export', file),
      await run('export', path.join(none, 'a.json')),
      await run('export', directory.path, '--format', 'json'),
      await run('export', path.join(directory.path, 'a.csv')),
      await run('export', '-'),
    ];
    const there = 'it exists; remove it, or give another name, or the option overwrite';
    expect(all).toEqual([
      failed(nobody),
      failed(nobody),
      failed(`JVDB_EXISTS: cannot write ${file}: ${there}`),
      failed(`JVDB_NOT_FOUND: cannot write ${path.join(none, 'a.json')}: there is no directory ${none}`),
      failed(`JVDB_INVALID_ARGUMENT: cannot write ${directory.path}: it is a directory; name a file in it`),
      failed('JVDB_INVALID_ARGUMENT: a csv file holds one database, and plain is a second one; use the format json'),
      failed("JVDB_INVALID_ARGUMENT: the format of - can't be told by its name; name it by the option format"),
    ]);
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect((await run('export', file, '--overwrite')).status).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ databases: [{}, {}, {}] });
    expect(readdirSync(directory.path).filter((name) => name.includes('.tmp-') || name === 'a.csv')).toEqual([]);
    const missing = await run('import', none, '--database', 'numbers');
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    expect(missing.stderr).toMatch(/^jvdb: JVDB_NOT_FOUND: cannot open .*none: ENOENT.*\n$/);
    const place = elsewhere();
    for (const source of [none, directory.path]) expect((await inStorage(place)('import', source)).status).toBe(1);
    expect(existsSync(place)).toBe(false);
  });
});

describe('a full disk', () => {
  const mount = path.join(directory.path, 'small');
  mkdirSync(mount);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]).status === 0;
  if (!mounted) console.warn('SKIPPED: a full tmpfs (mounting one is not allowed here)');
  afterAll(() => {
    if (mounted) spawnSync('umount', ['-l', mount]);
  });

  (mounted ? test : test.skip)('is told, and what was whole stays so', async () => {
    const place = path.join(mount, 'data');
    const input = records(40_000);
    const full = await jvdb(['import', '-', '--database', 'x', '--batch-size', '100'], { storage: place, input });
    expect(full).toMatchObject({ status: 1, stdout: '' });
    expect(full.stderr).toMatch(/^jvdb: JVDB_NO_SPACE: .*\n$/);
    const [report] = (await asked(['verify'], { storage: place })) as { ok: boolean; vectorCount: number }[];
    expect(report!.ok).toBe(true);
    expect(report!.vectorCount % 100).toBe(0);
    const rest = path.join(mount, 'rest');
    spawnSync('dd', ['if=/dev/zero', `of=${rest}`, 'bs=4k'], { stdio: 'ignore' });
    const file = path.join(mount, 'a.json');
    const out = await run('export', file);
    expect(out).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^jvdb: JVDB_NO_SPACE: cannot write .*\n$/) as string,
    });
    expect(readdirSync(mount).sort()).toEqual(['data', 'rest']);
  });

  (existsSync('/dev/full') ? test : test.skip)('behind standard output is told', async () => {
    for (const args of [['export', '-', '--format', 'json'], ['list']]) {
      const child = spawn(process.execPath, [PROGRAM, ...args, '--storage', storage], {
        stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      });
      const { status, stderr } = await ended(child);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^jvdb: JVDB_NO_SPACE: cannot write to standard output: ENOSPC: .*\n$/);
    }
  });
});
