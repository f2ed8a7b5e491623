/** What the documentation shows runs, and says what it promises. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Directory, ROOT } from '../support.js';

const directory = new Directory();

function run(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

test('examples/quickstart.ts', () => {
  const output = run('--import', 'tsx', 'examples/quickstart.ts');
  expect(output).toMatch(/Storing: [\d,]+ vectors\/s with metadata, durable/);
  expect(output).toContain('341,479 words in all');
  expect(output).toContain('king − man + woman = queen');
  const [, acknowledged] = /acknowledged ([\d,]+) of 10,000 updates and was ended by SIGKILL/.exec(output)!;
  expect(output).toContain(`: ${acknowledged!} of them are there`);
});

test('examples/follow.ts', () => {
  const output = run('--import', 'tsx', 'examples/follow.ts');
  expect(output).toMatch(/pass 5: [\d,]+ changes, \d+ vectors\n/);
  expect(output).toMatch(/The copy has all of its [1-9]\d* vectors\./);
});

test('examples/multi-tenant.ts', () => {
  const output = run('--import', 'tsx', 'examples/multi-tenant.ts');
  expect(output).toMatch(/^Creating 1,000 databases and storing 341,479 words: /m);
  expect(output).toMatch(/^10,000 searches of 1,000 tenants: .* 50 of 50 files open/m);
  expect(output).toMatch(/^ {2}totalDatabases +1,000$/m);
  expect(output).toMatch(/^ {2}totalVectors +341,479$/m);
  expect(output).toMatch(/^ {2}errors +0$/m);
  expect(output).toMatch(/All 1,000 tenants found their own words\./);
});

test('examples/backup.ts', () => {
  const output = run('--import', 'tsx', 'examples/backup.ts');
  expect(output).toMatch(/restored to LSN 55000 from 2 backups: 50000 vectors\nall whole: true/);
  expect(output).toMatch(/compacted: 9999 vectors/);
  expect(output).toMatch(/after a compaction, which drops the history: full/);
  expect(output).toMatch(/3 backups removed, 1 left: whole\n/);
});

test('examples/import-export.ts', () => {
  const output = run('--import', 'tsx', 'examples/import-export.ts');
  expect(output).toMatch(/^Importing JSON Lines: 341,476 stored, 3 invalid/m);
  expect(output).toMatch(/^ {2}line 300000: the vector has 99 values, not 100$/m);
  expect(output).toMatch(/^The copy has 341,476 words; queen has rank 1949\.$/m);
  expect(output).toMatch(/^Migrated to dot product: 341,476 compared, all the same\.$/m);
});

test("the README's example", () => {
  const [, code] = /```js\n(.*?)```/s.exec(readFileSync(path.join(ROOT, 'README.md'), 'utf8'))!;
  const output = run('--input-type=module', '-e', `process.chdir(${JSON.stringify(directory.path)});\n${code!}`);
  expect(output).toMatch(/id: 'king'.*rank: 1.*id: 'queen'/s);
});
