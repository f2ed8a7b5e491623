/** jvdb migrate as people run it: what it says, and what locks it out. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { asked, jvdb } from '../cli.js';
import { Directory, startNode, vectorOf } from '../support.js';
import { oldFile, type OldEntry } from '../unit/formats/legacy-files.js';

const directory = new Directory();

function old(name: string, entries: OldEntry[] | string): string {
  const folder = path.join(directory.path, name);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'vectors.jvdb');
  writeFileSync(file, typeof entries === 'string' ? entries : oldFile(entries));
  return file;
}

const entries = (count: number): OldEntry[] =>
  Array.from({ length: count }, (_, i) => ({ id: `id ${i}`, vector: [...vectorOf(8, i)] }));

test('says what it did, for people and for machines', async () => {
  const from = old('root/words', [...entries(3), { id: 'gone', vector: [...vectorOf(8, 9)], flags: 2 }]);
  const to = path.join(directory.path, 'new', 'words.jvdb');
  const root = path.dirname(path.dirname(from));
  const first = await jvdb(['migrate', root, path.dirname(to), '--pass']);
  expect(first).toMatchObject({ status: 0, stderr: '' });
  expect(
    first.stdout
      .replaceAll(to, 'TO')
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/)),
  ).toEqual([
    ['database', 'vectors', 'taken', 'skipped', 'deleted', 'removed', 'without id', 'invalid', 'compared'],
    ['TO', '3', '3', '0', '1', '0', '0', '0'],
    [''],
  ]);
  expect(await asked(['migrate', root, path.dirname(to), '--validate'])).toEqual({
    ok: true,
    databases: [
      {
        ...{ from, to, kind: 'legacy', taken: 0, skipped: 3, deleted: 1, removed: 0, metadataChanged: 0 },
        ...{ withoutId: 0, invalid: 0, pending: 0, vectorCount: 3 },
        validation: { ok: true, compared: 3, missing: 0, different: 0, extra: 0, examples: [] },
      },
    ],
    failed: [],
    gone: [],
    durationMs: expect.any(Number) as unknown,
  });
  expect(await jvdb(['migrate', from, to])).toMatchObject({
    status: 1,
    stdout: '',
    stderr: `jvdb: JVDB_EXISTS: ${to} exists; name a new file, or remove it\n`,
  });
  expect(await jvdb(['migrate', from])).toMatchObject({ status: 2 });
  expect(await jvdb(['count', '--database', 'words'], { storage: path.dirname(to) })).toMatchObject({ stdout: '3\n' });
});

test('goes on with the others where one is damaged, and fails at the end', async () => {
  const from = old('mixed/a', entries(2));
  const damaged = old('mixed/b', 'x'.repeat(300));
  const root = path.dirname(path.dirname(from));
  const to = path.join(directory.path, 'mixed-new');
  const { status, stdout, stderr } = await jvdb(['migrate', root, to]);
  expect([status, stdout.split('\n').length]).toEqual([1, 3]);
  expect(stderr).toContain(`${damaged}: JVDB_CORRUPT: `);
  expect(stderr).toContain('jvdb: JVDB_CONFLICT: of 2 databases 1 could not be migrated, and 0 differ');
  expect(await asked(['count', '--database', 'a'], { storage: to })).toMatchObject({ vectorCount: 2 });
});

test('waits for nobody who has the copy open', async () => {
  const from = old('locked', entries(2));
  const to = directory.file();
  expect(await jvdb(['migrate', from, to, '--pass'])).toMatchObject({ status: 0 });
  const holder = startNode([
    '-e',
    `const store = require('jvdb').MemoryMappedVectorStore.open(${JSON.stringify(`${to}.migrating`)});
     console.log('open'); process.stdin.on('end', () => store.close()).resume();`,
  ]);
  const exited = once(holder, 'close');
  await once(holder.stdout!, 'data');
  const locked = await jvdb(['migrate', from, to]);
  holder.stdin!.end();
  await exited;
  expect([locked.status, locked.stderr]).toEqual([1, expect.stringMatching(/^jvdb: JVDB_LOCKED: /)]);
  expect(await jvdb(['migrate', from, to])).toMatchObject({ status: 0 });
});
