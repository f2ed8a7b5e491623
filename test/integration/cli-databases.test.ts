/** Commands about databases, as users run them: drop, count, list, info, stats; and what is wrong usage. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PersistentDatabasePersistence } from '../../lib/index.js';
import { asked, jvdb } from '../cli.js';
import { Directory, runScript, type Ended } from '../support.js';

const directory = new Directory();
const storage = path.join(directory.path, 'data');
const damaged = path.join(directory.path, 'damaged');

const done = (stdout: string): Ended => ({ status: 0, signal: null, stdout, stderr: '' });
const failed = (line: string): Ended => ({ status: 1, signal: null, stdout: '', stderr: `jvdb: ${line}\n` });
const wrong = (line: string): Ended => ({ ...failed(line), status: 2 });

const run = (...args: string[]): Promise<Ended> => jvdb(args, { storage });
const ask = (...args: string[]): Promise<unknown> => asked(args, { storage });

function fill(place: string): void {
  using all = new PersistentDatabasePersistence(place);
  all.createDatabase('points', { dimension: 2, distanceMetric: 'euclidean', scanColumn: 'none' });
  for (let id = 0; id < 12; id++) all.storeVector('points', id, [id, 1]);
  all.batchDelete('points', [3, 4]);
  all.createDatabase('words', { dimension: 100, idType: 'string' });
}

// What the file takes depends on the file system.
const withoutSizes = (text: string): string => text.replaceAll(/ *\d+(\.\d)? [KM]?i?B$/gm, ' SIZE');

beforeAll(() => {
  fill(storage);
  fill(damaged);
  writeFileSync(path.join(damaged, 'broken.jvdb'), 'no database');
  mkdirSync(path.join(damaged, 'empty'));
});

test('lists and counts all databases, or none', async () => {
  const { stdout, ...rest } = await run('list');
  expect(rest).toEqual({ status: 0, signal: null, stderr: '' });
  expect(withoutSizes(stdout)).toBe(
    'name    dimension  distanceMetric  idType  vectorCount  allocatedBytes\n' +
      'points          2  euclidean       int64            10 SIZE\n' +
      'words         100  cosine          string            0 SIZE\n',
  );
  const bytes: unknown = expect.any(Number);
  expect(await ask('list')).toEqual([
    {
      ...{ name: 'points', dimension: 2, distanceMetric: 'euclidean', idType: 'int64' },
      ...{ vectorCount: 10, allocatedBytes: bytes },
    },
    {
      ...{ name: 'words', dimension: 100, distanceMetric: 'cosine', idType: 'string' },
      ...{ vectorCount: 0, allocatedBytes: bytes },
    },
  ]);
  expect(await run('count')).toEqual(done('name    vectorCount\npoints           10\nwords             0\n'));
  expect(await run('count', '--database', 'points')).toEqual(done('10\n'));
  expect(await ask('count', '--database', 'points')).toEqual({ name: 'points', vectorCount: 10 });

  expect(await run('list', '--storage', directory.path)).toEqual(done(`no databases in ${directory.path}\n`));
  expect(await run('count', '--json', '--storage', directory.path)).toEqual(done('[]\n'));
});

test('one that is damaged is told and hides no other', async () => {
  const error = { code: 'JVDB_CORRUPT', message: expect.stringContaining('broken.jvdb is not a jvdb file') as unknown };
  const count = ['count', '--storage', damaged];
  expect(await ask(...count)).toEqual([
    { name: 'broken', error },
    { name: 'points', vectorCount: 10 },
    { name: 'words', vectorCount: 0 },
  ]);
  const table = await run(...count);
  expect(table).toMatchObject({ status: 0, stderr: '' });
  expect(table.stdout.split('\n')).toEqual([
    'name    vectorCount  error',
    expect.stringMatching(/^broken {15}JVDB_CORRUPT: .*broken\.jvdb is not a jvdb file/),
    'points           10',
    'words             0',
    '',
  ]);
  expect(await ask('list', '--storage', damaged)).toMatchObject([{ name: 'broken', error }, { vectorCount: 10 }, {}]);
  expect(await ask('stats', '--storage', damaged)).toEqual({
    ...{ totalDatabases: 3, totalVectors: 10, deletedVectors: 2, totalBytes: expect.any(Number) as unknown },
    unreadable: [{ name: 'broken', error }],
  });
  for (const command of ['count', 'info', 'stats', 'get']) {
    const id = command === 'get' ? ['--id', '1'] : [];
    const { status, stdout, stderr } = await run(command, '--database', 'broken', '--storage', damaged, ...id);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^jvdb: JVDB_CORRUPT: .*broken\.jvdb is not a jvdb file.*\n$/);
  }
});

test('info tells what a database is', async () => {
  const filePath = path.join(storage, 'points.jvdb');
  const { stdout, ...rest } = await run('info', '--database', 'points');
  expect(rest).toEqual({ status: 0, signal: null, stderr: '' });
  expect(withoutSizes(stdout).replace(/\d{4}-.*Z/, 'TIME')).toBe(
    'name            points\ndimension       2\ndistanceMetric  euclidean\nindexType       FLAT\nidType          int64\n' +
      'scanColumn      none\nallowNonFinite  false\ncreatedAt       TIME\nvectorCount     10\ndeletedCount    2\n' +
      `fileBytes SIZE\nallocatedBytes SIZE\nfilePath        ${filePath}\n`,
  );
  expect(await ask('info', '--database', 'words')).toEqual({
    ...{ name: 'words', dimension: 100, distanceMetric: 'cosine', indexType: 'FLAT', idType: 'string' },
    ...{ scanColumn: 'int8', allowNonFinite: false, vectorCount: 0, deletedCount: 0 },
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown,
    fileBytes: expect.any(Number) as unknown,
    allocatedBytes: expect.any(Number) as unknown,
    filePath: path.join(storage, 'words.jvdb'),
  });
});

test('stats are of one database, or sums of all', async () => {
  const all = await run('stats');
  expect(withoutSizes(all.stdout)).toBe(
    'totalDatabases  2\ntotalVectors    10\ndeletedVectors  2\ntotalBytes SIZE\nunreadable      none\n',
  );
  const one = await run('stats', '--database', 'points');
  expect(one.stdout).toMatch(/^name {12}points\nvectorCount {5}10\ndeadCount {7}2\ncapacity {8}1000\n/);
  expect(await ask('stats', '--database', 'points')).toMatchObject({
    ...{ name: 'points', vectorCount: 10, deadCount: 2, lastLsn: 14, durableLsn: 14 },
    recovery: { clean: true, droppedRecords: 0 },
  });
});

test('drop deletes a database and its file', async () => {
  expect((await run('create', 'gone', '-d', '3')).status).toBe(0);
  expect(await run('drop', 'gone')).toEqual(done('dropped gone\n'));
  expect(existsSync(path.join(storage, 'gone.jvdb'))).toBe(false);
  expect(await run('drop', 'gone')).toEqual(failed(`JVDB_NOT_FOUND: there is no database gone in ${storage}`));
  expect((await run('create', 'gone', '-d', '4')).status).toBe(0);
  expect(await ask('drop', 'gone')).toEqual({ name: 'gone' });
});

test('says in a line what is wrong with the storage or the name', async () => {
  const nowhere = path.join(directory.path, 'nowhere');
  const missing = failed(`JVDB_NOT_FOUND: there is no directory ${nowhere}; create a database first, or name another`);
  const commands = [['list'], ['count'], ['stats'], ['drop', 'a'], ['insert', '--id', '1', '--vector', '1']];
  const asking = commands.map((args) =>
    args.length === 1 || args[0] === 'drop' ? args : [...args, '--database', 'a'],
  );
  expect(await Promise.all(asking.map((args) => jvdb(args, { storage: nowhere })))).toEqual(asking.map(() => missing));
  expect(existsSync(nowhere)).toBe(false);
  expect(await jvdb(['list'], { storage: '' })).toEqual(
    wrong('where are the databases? give --storage DIR, or set JVDB_STORAGE'),
  );
  const none = await Promise.all([
    run('count', '--database', 'nobody'),
    run('query', '--database', 'nobody', '--vector', '1'),
    run('insert', '--database', 'nobody', '--id', '1', '--vector', '1'),
  ]);
  for (const { status, stdout, stderr } of none) {
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^jvdb: JVDB_NOT_FOUND: there is no database "nobody" in .*\n$/);
  }
  const { status, stderr } = await run('info', '--database', '../data/points');
  expect(status).toBe(1);
  expect(stderr).toMatch(/^jvdb: JVDB_INVALID_ARGUMENT: a database can't be named "\.\.\/data\/points": .*\n$/);
});

test('wrong usage has exit status 2', async () => {
  expect(
    await Promise.all([
      run('lists'),
      run('list', '--jsn'),
      run('list', 'all'),
      run('drop'),
      run('get', '--id', '1'),
      run('get', '--database', 'points'),
      run('query', '--database', 'points', '--vector', '1,2', '--top-k', '0'),
      run('query', '--database', 'points', '--vector', '1,2', '--min-score', 'high'),
    ]),
  ).toEqual([
    wrong("unknown command 'lists'\n(Did you mean list?)"),
    wrong("unknown option '--jsn'\n(Did you mean --json?)"),
    wrong("too many arguments for 'list'. Expected 0 arguments but got 1."),
    wrong("missing required argument 'name'"),
    wrong("required option '--database <name>' not specified"),
    wrong("required option '--id <id...>' not specified"),
    wrong("option '--top-k <n>' argument '0' is invalid. It must be a whole number from 1 to 9007199254740991."),
    wrong("option '--min-score <score>' argument 'high' is invalid. It must be a number."),
  ]);
});

test('an error has no control characters', async () => {
  expect(await run('\u001b[31mlist')).toEqual(wrong("unknown command '\\u001b[31mlist'"));
  expect(await run('list', '--\u009bjson')).toEqual(wrong("unknown option '--\\u009bjson'\n(Did you mean --json?)"));
  const { stderr } = await run('import', 'a\u001b[31mb');
  expect(stderr).toMatch(/^jvdb: JVDB_NOT_FOUND: cannot open a\\u001b\[31mb: ENOENT: /);
  expect(stderr).not.toContain('\u001b');
});

test('what never ends has failed', async () => {
  const script = `
    require('node:fs/promises').open = () => new Promise(() => undefined);
    void require('./dist/cli/main.js').main(process.argv.slice(1), '').then((status) => (process.exitCode = status));`;
  const args = ['insert', '--database', 'points', '--id', '1', '--file', 'vector'];
  expect(await runScript(script, '--', ...args, '--storage', storage)).toEqual(
    failed('ended before the work was done, waiting for nothing; please report this'),
  );
});
