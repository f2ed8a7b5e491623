/** Commands about vectors, as users run them: insert, get, update, delete, query. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { asked, jvdb } from '../cli.js';
import { Directory, ended, ROOT, vectorOf, type Ended } from '../support.js';

const directory = new Directory();
const storage = path.join(directory.path, 'data');
const PROGRAM = path.join(ROOT, 'bin', 'jvdb.js');
const WINDOWS = process.platform === 'win32';

const done = (stdout: string): Ended => ({ status: 0, signal: null, stdout, stderr: '' });
const failed = (line: string): Ended => ({ status: 1, signal: null, stdout: '', stderr: `jvdb: ${line}\n` });
const wrong = (line: string): Ended => ({ ...failed(line), status: 2 });

const run = (...args: string[]): Promise<Ended> => jvdb(args, { storage });
const ask = (...args: string[]): Promise<unknown> => asked(args, { storage });

/** A database that the test itself fills. */
function filled(name: string, dimension: number, fill: (store: MemoryMappedVectorStore) => void): void {
  using store = new MemoryMappedVectorStore(path.join(storage, `${name}.jvdb`), dimension);
  fill(store);
}

const TIME = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;

beforeAll(async () => {
  expect(await run('create', 'plane', '--dimension', '2')).toMatchObject({ status: 0, stderr: '' });
  filled('animals', 3, (store) => {
    store.storeVector(1, [1, 0, 0], { name: 'cat' });
    store.storeVector(2, [0.8, 0.6, 0], { name: 'dog' });
    store.storeVector(3, [0, 0, -1]);
  });
});

test('what one process inserts, others read', async () => {
  const to = ['--database', 'plane', '--id'];
  expect(await run('insert', ...to, '1', '--vector', '[0.1, -2]', '--metadata', '{"of": "one"}')).toEqual(
    done('stored 1 in plane\n'),
  );
  const file = path.join(directory.path, 'vector.json');
  writeFileSync(file, '[\n  3,\n  4\n]\n');
  expect(await ask('insert', ...to, '2', '--file', file)).toEqual({ database: 'plane', id: 2, lsn: 2 });
  const large = await jvdb(['insert', ...to, '9223372036854775807', '--file', '-', '--json'], {
    storage,
    input: '-1 2e0',
  });
  expect(large).toEqual(done('{"database":"plane","id":"9223372036854775807","lsn":3}\n'));

  const one = await run('get', ...to, '1');
  expect(one.stdout.replaceAll(TIME, 'T')).toBe(
    'id         1\nvector     [0.1,-2]\nmetadata   {"of":"one"}\ncreatedAt  T\nupdatedAt  T\n',
  );
  const time: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  expect(await ask('get', ...to, '9223372036854775807', '2')).toEqual([
    { id: '9223372036854775807', vector: [-1, 2], createdAt: time, updatedAt: time },
    { id: 2, vector: [3, 4], createdAt: time, updatedAt: time },
  ]);
  expect(await ask('query', '--database', 'plane', '--vector', '3,4', '--top-k', '1')).toEqual([
    { id: 2, score: 1, distance: 0 },
  ]);
});

test('ids are any text where the database has such', async () => {
  const ids = ['a b', '日本 ✓', '-', 'line\nend\u001b[2J'];
  expect((await run('create', 'texts', '-d', '1', '-t', 'string', '-m', 'euclidean')).status).toBe(0);
  for (const [i, id] of ids.entries()) {
    const stored = await run('insert', '--database', 'texts', '--id', id, '--vector', String(i));
    expect(stored).toEqual(done(`stored ${JSON.stringify(id)} in texts\n`));
  }
  expect(await ask('get', '--database', 'texts', '--id=-')).toMatchObject({ id: '-', vector: [2] });
  expect((await ask('query', '--database', 'texts', '--vector', '-1')) as object[]).toEqual(
    ids.map((id, i) => ({ id, score: -1 - i, distance: 1 + i })),
  );
  // Nothing that an id has moves the cursor, or ends the line.
  expect(await run('query', '--database', 'texts', '--vector', '5', '--top-k', '1')).toEqual(
    done('id                          score  distance\nline\\u000aend\\u001b[2J  -2.000000  2.000000\n'),
  );
  expect(await run('get', '--database', 'texts', '--id', 'A B')).toEqual(
    failed('JVDB_NOT_FOUND: texts has no vector "A B"'),
  );
  expect(await run('insert', '--database', 'texts', '--id', '', '--vector', '1')).toEqual(
    failed('JVDB_INVALID_ID: a string id has 1 to 1024 bytes of UTF-8, this one has 0'),
  );
});

test('queries print a table, with what is asked for', async () => {
  const query = (...args: string[]): Promise<Ended> => run('query', '--database', 'animals', ...args);
  expect(await query('--vector', '[1, 0, 0]')).toEqual(
    done('id     score  distance\n 1  1.000000  0.000000\n 2  0.800000  0.200000\n 3  0.000000  1.000000\n'),
  );
  expect(await query('--id', '1', '--metadata', '--vectors', '--threads', '1')).toEqual(
    done(
      'id     score  distance  metadata        vector\n' +
        ' 2  0.800000  0.200000  {"name":"dog"}  [0.8,0.6,0]\n' +
        ' 3  0.000000  1.000000                  [0,0,-1]\n',
    ),
  );
  const exact: unknown = expect.closeTo(0.8, 7);
  expect(await ask('query', '--database', 'animals', '--id', '1', '--min-score', '0.5', '--metadata')).toEqual([
    { id: 2, score: exact, distance: expect.closeTo(0.2, 7) as unknown, metadata: { name: 'dog' } },
  ]);
  expect(await ask('query', '--database', 'animals', '--vector', '1,0,0', '--offset', '1', '--top-k', '1')).toEqual([
    { id: 2, score: exact, distance: expect.closeTo(0.2, 7) as unknown },
  ]);
  expect(await query('--vector', '1,0,0', '--max-distance', '-0.1')).toEqual(done('nothing found\n'));
  expect(
    await jvdb(['query', '--database', 'animals', '--file', '-', '--json'], { storage, input: '[9,9,9]' }),
  ).toEqual(
    done(expect.stringMatching(/^\[\{"id":2,"score":0\.80829037\d+,"distance":0\.191709\d+\},/) as unknown as string),
  );
});

test('updates change what is given, deletions what is there', async () => {
  filled('changed', 2, (store) => {
    store.batchStore([1, 2, 3], new Float32Array([1, 0, 2, 0, 3, 0]), [{ n: 1 }, undefined, undefined]);
  });
  const at = ['--database', 'changed', '--id'];
  expect(await run('update', ...at, '1', '--vector', '[5, 6]')).toEqual(done('updated 1 in changed\n'));
  expect(await ask('get', ...at, '1')).toMatchObject({ vector: [5, 6], metadata: { n: 1 } });
  expect(await ask('update', ...at, '1', '--metadata', '{"n": 2}')).toEqual({ database: 'changed', id: 1, lsn: 5 });
  expect(await ask('get', ...at, '1')).toMatchObject({ vector: [5, 6], metadata: { n: 2 } });
  expect(await run('update', ...at, '1', '--vector', '7 8', '--metadata', '')).toMatchObject({ status: 0 });
  const emptied = (await ask('get', ...at, '1')) as object;
  expect(emptied).toMatchObject({ vector: [7, 8] });
  expect(emptied).not.toHaveProperty('metadata');
  const absent = 'JVDB_NOT_FOUND: changed has no vector 9';
  expect(await run('update', ...at, '9', '--vector', '1,2')).toEqual(failed(absent));
  expect(await run('update', ...at, '9', '--metadata', '{}')).toEqual(failed(absent));

  expect(await run('delete', ...at, '2', '9', '2', '--id', '1', '9')).toEqual({
    ...done('deleted 2 from changed\n'),
    stderr: `jvdb: ${absent}\n`,
  });
  expect(await ask('delete', ...at, '3')).toEqual({ database: 'changed', deleted: 1, absent: [] });
  expect(await run('delete', ...at, '1', '2')).toEqual(failed('JVDB_NOT_FOUND: changed has no vectors 1, 2'));
  expect(await run('get', ...at, '1')).toEqual(failed('JVDB_NOT_FOUND: changed has no vector 1'));
});

test('prints those of several that are there, and fails for the others', async () => {
  const { stdout, ...rest } = await run('get', '--database', 'animals', '--id', '3', '8', '2', '9');
  expect(rest).toEqual({ ...failed('JVDB_NOT_FOUND: animals has no vectors 8, 9'), stdout: undefined });
  expect(stdout.replaceAll(TIME, 'T')).toBe(
    'id         3\nvector     [0,0,-1]\ncreatedAt  T\nupdatedAt  T\n\n' +
      'id         2\nvector     [0.8,0.6,0]\nmetadata   {"name":"dog"}\ncreatedAt  T\nupdatedAt  T\n',
  );
});

test('reads beside a process that writes, and takes nothing from it', async () => {
  filled('busy', 2, (store) => store.storeVector(1, [1, 0]));
  using writer = MemoryMappedVectorStore.open(path.join(storage, 'busy.jvdb'));
  writer.storeVector(2, [0, 1], { fresh: true }); // not flushed
  expect(await ask('query', '--database', 'busy', '--vector', '0,1', '--metadata')).toEqual([
    { id: 2, score: 1, distance: 0, metadata: { fresh: true } },
    { id: 1, score: 0, distance: 1 },
  ]);
  expect(await run('count', '--database', 'busy')).toEqual(done('2\n'));
  for (const change of [
    ['insert', '--database', 'busy', '--id', '3', '--vector', '1,1'],
    ['delete', '--database', 'busy', '--id', '1'],
    ['drop', 'busy'],
  ]) {
    const refused = await run(...change);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^jvdb: JVDB_LOCKED: .*\n$/);
  }
  expect([...writer.ids()]).toEqual([1, 2]);
});

test('says in a line what is wrong with a vector, an id or metadata', async () => {
  const at = (command: string, id: string, ...more: string[]): Promise<Ended> =>
    run(command, '--database', 'animals', '--id', id, ...more);
  const ways = await Promise.all([
    at('insert', '4', '--vector', '[1, NaN, 3]'),
    at('insert', '4', '--vector', '1,,2,3'),
    at('insert', '4', '--vector', '[]'),
    at('insert', 'four', '--vector', '1,2,3'),
    at('insert', '4', '--vector', '1,2,3', '--metadata', '[1]'),
    at('insert', '4'),
    at('update', '1'),
    run('query', '--database', 'animals'),
    at('query', '1', '--vector', '1,2,3'),
  ]);
  expect(ways).toEqual([
    wrong('"NaN" in the vector is no number'),
    wrong('the vector has a comma with no number beside it'),
    wrong('the vector is empty; give it as [0.1, 0.2]'),
    wrong('the ids of this database are whole numbers, not four'),
    wrong(`metadata must be a JSON object such as '{"title": "…"}', not [1]`),
    wrong("give the vector: --vector '[0.1, 0.2]', or --file FILE"),
    wrong('what is to be updated? give --vector, --file or --metadata'),
    wrong("what is to be found? give --vector '[0.1, 0.2]', --file FILE or --id ID"),
    wrong("option '--id <id>' cannot be used with option '--vector <values>'"),
  ]);
  const calls = [
    () => at('insert', '4', '--vector', '1,2'),
    () => at('insert', '4', '--vector', '1,2,1e39'),
    () => at('insert', '9223372036854775808', '--vector', '1,2,3'),
    () => at('insert', '4', '--file', path.join(storage, 'no such file')),
    () => run('query', '--database', 'animals', '--vector', '1,2'),
    () => run('query', '--database', 'animals', '--id', '7'),
  ];
  const codes: Ended[] = [];
  for (const call of calls) codes.push(await call()); // one at a time: who writes locks
  expect(codes).toEqual(Array(6).fill(expect.objectContaining({ status: 1, stdout: '' })));
  expect(codes.map(({ stderr }) => /^jvdb: (JVDB_\w+): [^\n]+\n$/.exec(stderr)?.[1])).toEqual([
    'JVDB_DIMENSION_MISMATCH',
    'JVDB_INVALID_VECTOR',
    'JVDB_INVALID_ID',
    'JVDB_NOT_FOUND',
    'JVDB_DIMENSION_MISMATCH',
    'JVDB_NOT_FOUND',
  ]);
  expect(await run('count', '--database', 'animals')).toEqual(done('3\n'));
});

describe('a reader that has enough', () => {
  beforeAll(() => {
    filled('many', 256, (store) => {
      for (let id = 0; id < 2000; id++) store.storeVector(id, vectorOf(256, id));
    });
  });

  test.each([[['--json']], [[]]])('ends the program in order, with %j', async (json: string[]) => {
    const args = ['query', '--database', 'many', '--id', '0', '--top-k', '2000', '--vectors', ...json];
    const child = spawn(process.execPath, [PROGRAM, ...args, '--storage', storage], { stdio: 'pipe' });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

// Windows has no signals.
(WINDOWS ? test.skip : test)('a signal ends waiting for standard input', async () => {
  const args = ['insert', '--database', 'animals', '--id', '5', '--file', '-', '--storage', storage];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: 'pipe' });
  const end = ended(child);
  // More than a pipe holds, so that it is written when it is being read; the rest never comes.
  child.stdin.write('[1'.padEnd(1 << 21), () => child.kill('SIGINT'));
  expect(await end).toEqual(failed('stopped by SIGINT; what was done until then is whole'));
  expect(await ask('count', '--database', 'animals')).toEqual({ name: 'animals', vectorCount: 3 });
});
