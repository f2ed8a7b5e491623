/** What the command line says of records that can't be read, and where it leaves them. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { asked, jvdb } from '../cli.js';
import { Directory, ROOT, type Ended } from '../support.js';

const directory = new Directory();
const storage = path.join(directory.path, 'data');
const run = (...args: string[]): Promise<Ended> => jvdb(args, { storage });
const failed = (line: string): Ended => ({ status: 1, signal: null, stdout: '', stderr: `jvdb: ${line}\n` });
const HINT = 'the option skipInvalid (--skip-invalid) passes over such records';

function fileOf(extension: string, lines: readonly string[]): string {
  const file = `${directory.file()}${extension}`;
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return file;
}

const LINES = [
  '{"id": 1, "data": [1, 2, 3]}',
  'no JSON',
  '{"id": 2, "data": [1, 2]}',
  '{"id": "three", "data": [1, 2, 3]}',
  '{"id": 4, "data": [1, "2", 3]}',
  '{"id": 5, "data": [7, 8, 9], "metadata": {"at": "日本"}}',
];
const REASONS = [
  { record: 2, line: 2, column: 1, reason: expect.stringMatching(/^it is not JSON: /) as string, text: LINES[1] },
  { record: 3, line: 3, column: 1, reason: 'the vector has 2 values, not 3', text: LINES[2] },
  { record: 4, line: 4, column: 1, reason: 'the id "three" is no integer from 0 to 2^63-1', text: LINES[3] },
  { record: 5, line: 5, column: 1, reason: 'value 1 of the vector is "2", not a number', text: LINES[4] },
];
const file = fileOf('.jsonl', LINES);

test('the first ones are told, with line, column and reason, and no database is made for them', async () => {
  const { status, stdout, stderr } = await run('import', file, '--database', 'none');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^jvdb: JVDB_INVALID_ARGUMENT: .*:2:1: it is not JSON: [^;]*; [^\n]*\n$/);
  const [, ...rest] = stderr.split('; ');
  expect(rest).toEqual([
    `${file}:3:1: the vector has 2 values, not 3`,
    `${file}:4:1: the id "three" is no integer from 0 to 2^63-1 (and 1 more near by)`,
    'nothing was imported',
    `${HINT}\n`,
  ]);
  expect(await asked(['list'], { storage })).toEqual([]);
});

test('in a CSV file they have the column of the value', async () => {
  const csv = fileOf('.csv', ['id,v0,v1', '1,0.5,1', '2,0.5,x', '"3', '",1,2', '4,1,2,3', '5,1,2']);
  const report = fileOf('.jsonl', ['what was there before']);
  const one = ['import', csv, '--database', 'table', '--id-type', 'int64'];
  const { stderr } = await run(...one);
  expect(stderr).toMatch(/^jvdb: JVDB_INVALID_ARGUMENT: .*\.csv:3:7: value 1 of the vector is "x", not a number; /);
  expect(await asked([...one, '--invalid-file', report], { storage })).toMatchObject({
    databases: [{ database: 'table', records: 5, stored: 2, invalid: 3 }],
  });
  const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { record: 2, line: 3, column: 7, text: '2,0.5,x' },
    { record: 3, line: 4, text: '"3\n",1,2' },
    { record: 4, line: 6, text: '4,1,2,3' },
  ]);
});

test('are passed over, counted and kept where that is asked for', async () => {
  expect((await run('create', 'some', '-d', '3')).status).toBe(0);
  const into = ['--database', 'some'];
  expect(await run('batch-insert', file, ...into)).toMatchObject({ status: 1, stdout: '' });
  expect((await run('count', ...into)).stdout).toBe('0\n');
  const skipped = await run('batch-insert', file, ...into, '--skip-invalid');
  expect(skipped).toMatchObject({ status: 0, stderr: '' });
  expect(skipped.stdout).toMatch(/^stored in some: 2 vectors, 4 invalid records passed over, [\d,]+ a second\n$/);

  const kept = directory.file();
  expect(await asked(['import', file, ...into, '--invalid-file', kept], { storage })).toEqual({
    format: 'jsonl',
    databases: [{ database: 'some', created: false, records: 6, stored: 2, invalid: 4 }],
    bytes: readFileSync(file).length,
    durationMs: expect.any(Number) as number,
  });
  const lines = readFileSync(kept, 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual(REASONS);
  expect(await asked(['get', '--database', 'some', '--id', '5'], { storage })).toMatchObject({
    ...{ vector: [7, 8, 9], metadata: { at: '日本' } },
  });
});

test('say how much was stored before them', async () => {
  const lines = Array.from({ length: 1000 }, (_, id) => `{"id": ${id}, "data": [${id}]}`);
  const long = fileOf('.jsonl', [...lines, 'oops']);
  expect((await run('create', 'long', '-d', '1')).status).toBe(0);
  const { stderr, ...rest } = await run('batch-insert', long, '--database', 'long', '--batch-size', '100');
  expect(rest).toEqual({ status: 1, signal: null, stdout: '' });
  expect(stderr).toMatch(/:1001:1: it is not JSON: .*; the first 1000 records were imported; the option/);
  expect((await run('count', '--database', 'long')).stdout).toBe('1000\n');
});

test('a file for them that cannot be one', async () => {
  const before = readFileSync(file);
  const to = (name: string): Promise<Ended> => run('import', file, '--database', 'some', '--invalid-file', name);
  expect(await to(path.join(directory.path, '.', path.basename(file)))).toEqual({
    ...failed(`${file} is what is to be imported; give another file for invalid records`),
    status: 2,
  });
  expect(readFileSync(file).equals(before)).toBe(true);
  const nowhere = await to(path.join(directory.path, 'none', 'x'));
  expect(nowhere).toMatchObject({ status: 1, stdout: '' });
  expect(nowhere.stderr).toMatch(/^jvdb: JVDB_NOT_FOUND: cannot write .*: ENOENT: .*\n$/);
});

test('their file stays as it is where there is nothing to import', async () => {
  const [kept, none] = [directory.file(), directory.file()];
  writeFileSync(kept, 'of another import');
  for (const command of [
    ['import', none, '--database', 'some'],
    ['import', none, '--database', 'some', '--table', 'one'],
    ['batch-insert', none, '--database', 'some'],
    ['migrate', none, directory.file()],
  ]) {
    const { status, stderr } = await run(...command, '--invalid-file', kept);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^jvdb: JVDB_NOT_FOUND: cannot open .*: ENOENT/)]);
  }
  const { stderr } = await run('import', directory.path, '--database', 'some', '--invalid-file', kept);
  expect(stderr).toBe(`jvdb: JVDB_INVALID_ARGUMENT: ${directory.path} is a directory; give a file\n`);
  expect(readFileSync(kept, 'utf8')).toBe('of another import');
});

test('a database is no file for them, and nothing is exported over one', async () => {
  const database = path.join(storage, 'some.jvdb');
  const old = path.join(ROOT, 'test/fixtures/legacy-jvdb/tiny-4x10.jvdb');
  const before = [database, old].map((one) => readFileSync(one));
  for (const [name, what] of [
    [database, 'a database, or a backup of one'],
    [old, 'a database of the old server'],
  ] as const) {
    const refused = { ...failed(`${name} is ${what}; give another file for invalid records`), status: 2 };
    for (const command of [
      ['import', file, '--database', 'some'],
      ['batch-insert', file, '--database', 'some'],
      ['migrate', old === name ? database : old, directory.file()],
    ]) {
      expect(await run(...command, '--invalid-file', name)).toEqual(refused);
    }
    expect(await run('export', name, '--database', 'long', '--format', 'jsonl', '--overwrite')).toEqual(
      failed(`JVDB_INVALID_ARGUMENT: cannot write ${name}: it is ${what}; give another name`),
    );
  }
  expect([database, old].map((one, i) => readFileSync(one).equals(before[i]!))).toEqual([true, true]);
});

test('are in their file once, after an import that was killed behind its checkpoint', async () => {
  const lines = Array.from({ length: 3000 }, (_, id) => `{"id": ${id}, "data": [${id}]}`);
  for (const at of [100, 2000, 2500]) lines[at] = 'oops';
  const long = fileOf('.jsonl', lines);
  const [kept, checkpoint] = [directory.file(), path.join(storage, 'again.import')];
  expect((await run('create', 'again', '-d', '1')).status).toBe(0);
  // A checkpoint as of the last record that is whole before a second kind of damage.
  const command = ['import', long, '--database', 'again', '--resume', '--batch-size', '100'];
  expect((await run(...command)).stderr).toMatch(/:101:1: /);
  const state = JSON.parse(readFileSync(checkpoint, 'utf8')) as { records: number };
  expect(state.records).toBe(100);
  const older = [101, 2001, 2501].map((record) => JSON.stringify({ record, line: record, reason: 'of the first run' }));
  writeFileSync(checkpoint, JSON.stringify({ ...state, records: 1000 }));
  writeFileSync(kept, `${older.join('\n')}\n{"record": 26`);
  expect((await run(...command, '--invalid-file', kept)).status).toBe(0);
  const found = readFileSync(kept, 'utf8').trimEnd().split('\n');
  expect(found.map((line) => (JSON.parse(line) as { record: number }).record)).toEqual([101, 2001, 2501]);
  expect(found[0]).toBe(older[0]);
  expect(found[1]).toMatch(/it is not JSON/);
});
