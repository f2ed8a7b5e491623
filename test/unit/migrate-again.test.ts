/** Migrations taken up again: after compactions, losses and kills, beside another one, by directories. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore, migrate, type MigrateOptions } from '../../lib/index.js';
import { ALL_THE_SAME, OldServer, one, opened, rows, type Store } from '../migrations.js';
import { Directory, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();
const { folder, database: old } = new OldServer(directory);

function filled(count: number, file = directory.file()): Store {
  const store = new MemoryMappedVectorStore<Record<string, unknown>, string>(file, 4, {
    ...{ idType: 'string', autoCompact: false },
  });
  for (let i = 0; i < count; i++) store.storeVector(`id ${i}`, vectorOf(4, i));
  store.flushSync();
  return store;
}

const pass = { pass: true };

/** Changes what a migration keeps. */
function keep(to: string, values: object): void {
  const kept = JSON.parse(readFileSync(`${to}.migration`, 'utf8')) as object;
  writeFileSync(`${to}.migration`, JSON.stringify({ ...kept, ...values }));
}

describe('after a compaction', () => {
  test('of all that was taken, a pass goes on there', async () => {
    using store = filled(100);
    const to = directory.file();
    store.deleteVector('id 7');
    store.storeVector('with two spaces', vectorOf(4, 1));
    await store.flush();
    expect(await one(store.filePath, to, pass)).toMatchObject({ taken: 100 });
    await store.compact();
    expect(await one(store.filePath, to, pass)).toMatchObject({ taken: 0, removed: 0 });
    store.storeVector('new', vectorOf(4, 1));
    await store.flush();
    expect(await one(store.filePath, to, { validate: true })).toMatchObject({
      ...{ taken: 1, validation: { ...ALL_THE_SAME, compared: 101 } },
    });
  });

  test.each(['int64', 'string'] as const)('of a file whose first change alone was taken: %s', async (idType) => {
    using store = new MemoryMappedVectorStore<object, number | string>(directory.file(), 1, { idType });
    const id = (i: number): number | string => (idType === 'int64' ? i : `id ${i}`);
    const to = directory.file();
    store.storeVector(id(0), [0]);
    await store.flush();
    await one(store.filePath, to, pass);
    for (let i = 1; i < 6; i++) store.storeVector(id(i), [i]);
    store.deleteVector(id(5));
    await store.compact();
    expect(await one(store.filePath, to, pass)).toMatchObject({ taken: 5, vectorCount: 5 });
    expect(await one(store.filePath, to, { validate: true })).toMatchObject({ validation: { ok: true, compared: 5 } });
  });

  test('that dropped a deletion at the end, the file may be put back to before that', async () => {
    using store = filled(5);
    const before = readFileSync(store.filePath);
    const to = directory.file();
    store.deleteVector('id 2');
    await store.compact();
    expect(await one(store.filePath, to, pass)).toMatchObject({ taken: 4 });
    expect(await one(store.filePath, to, pass)).toMatchObject({ taken: 0, removed: 0 });
    store.close();
    writeFileSync(store.filePath, before);
    expect(await one(store.filePath, to, { validate: true })).toMatchObject({
      ...{ taken: 5, validation: { ...ALL_THE_SAME, compared: 5 } },
    });
  });

  test('what unflushed changes delete or bring back counts as it was: power loss takes them back', async () => {
    using store = filled(9);
    const to = directory.file();
    await one(store.filePath, to, pass);
    store.deleteVector('id 7');
    store.deleteVector('id 8');
    await store.compact();
    const flushed = readFileSync(store.filePath);
    store.deleteVector('id 3');
    store.storeVector('id 7', vectorOf(4, 9));
    expect(await one(store.filePath, to, pass)).toMatchObject({ removed: 2, pending: 2, vectorCount: 7 });
    store.close();
    writeFileSync(store.filePath, flushed);
    {
      using again: Store = MemoryMappedVectorStore.open(store.filePath);
      again.storeVector('after', vectorOf(4, 1));
    }
    expect(await one(store.filePath, to, { validate: true })).toMatchObject({
      ...{ vectorCount: 8, validation: { ...ALL_THE_SAME, compared: 8 } },
    });
  });
});

test('a copy that was changed is refused again and again', async () => {
  using store = filled(3);
  const to = directory.file();
  await one(store.filePath, to, pass);
  {
    using copy: Store = MemoryMappedVectorStore.open(`${to}.migrating`);
    copy.storeVector('foreign', vectorOf(4, 1));
  }
  for (const options of [pass, {}, {}]) {
    await expectRejection(migrate(store.filePath, to, options), 'JVDB_CONFLICT', /was changed since the last pass/);
  }
  expect(existsSync(to)).toBe(false);
});

describe('two at once', () => {
  test('in one process: the second is refused', async () => {
    using store = filled(1000);
    const to = directory.file();
    const first = migrate(store.filePath, to, { validate: true });
    await expectRejection(migrate(store.filePath, to), 'JVDB_LOCKED', /is under way; wait for it/);
    expect(await first).toMatchObject({ ok: true, databases: [{ taken: 1000 }] });
  });

  test.each<[string, MigrateOptions]>([
    ['with the same options', {}],
    ['with others', { distanceMetric: 'dot' }],
  ])('in another process, %s: the copy that it fills is left alone', async (_, options) => {
    using store = filled(10);
    const to = directory.file();
    await one(store.filePath, to, pass);
    keep(to, { position: '0', lastLsn: null }); // as where it is killed, or runs, in its first pass
    const code = `
      const { MemoryMappedVectorStore } = require(${JSON.stringify(path.resolve('dist'))});
      const store = MemoryMappedVectorStore.open(${JSON.stringify(`${to}.migrating`)});
      console.log('open');
      process.stdin.on('end', () => store.close()).resume();`;
    const holder = spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(holder.stdout, 'data');
      await expectRejection(migrate(store.filePath, to, options), 'JVDB_LOCKED', /migrating/);
      expect(rows(`${to}.migrating`)).toEqual(rows(store.filePath));
    } finally {
      holder.stdin.end();
      await once(holder, 'exit');
    }
    expect(await one(store.filePath, to, { ...options, validate: true })).toMatchObject({ validation: ALL_THE_SAME });
  });
});

describe('killed at the end', () => {
  // Between its last acts: marked as whole, linked, without its old name, without the mark.
  test.each(['marked', 'linked', 'named'])('%s', async (when) => {
    using store = filled(3);
    const to = directory.file();
    await one(store.filePath, to, pass);
    keep(to, { isDone: true });
    if (when === 'linked') linkSync(`${to}.migrating`, to);
    if (when === 'named') renameSync(`${to}.migrating`, to);
    expect(await one(store.filePath, to, { validate: true })).toMatchObject({
      ...{ taken: 0, vectorCount: 3, validation: { ...ALL_THE_SAME, compared: 3 } },
    });
    for (const left of ['.migrating', '.migration']) expect(existsSync(`${to}${left}`)).toBe(false);
    expect(rows(to)).toEqual(rows(store.filePath));
    await expectRejection(migrate(store.filePath, to), 'JVDB_EXISTS', /name a new file/);
  });

  test('another file has its name: it is left alone', async () => {
    using store = filled(3);
    const to = directory.file();
    await one(store.filePath, to, pass);
    keep(to, { isDone: true });
    writeFileSync(to, 'mine');
    await expectRejection(migrate(store.filePath, to), 'JVDB_EXISTS', /name a new file/);
    expect(readFileSync(to, 'utf8')).toBe('mine');
  });
});

describe('a directory where one was left out', () => {
  /** Databases a, which is done, and b, which is cut. */
  async function halfDone(
    make: (file: string) => void | Promise<void>,
  ): Promise<{ from: string; to: string; mend: () => void }> {
    const [from, to] = [folder(), folder()];
    for (const name of ['a', 'b']) await make(path.join(from, `${name}.jvdb`));
    const b = path.join(from, 'b.jvdb');
    const whole = readFileSync(b);
    writeFileSync(b, whole.subarray(0, 5000));
    expect(await migrate(from, to)).toMatchObject({ ok: false, databases: [{ to: path.join(to, 'a.jvdb') }] });
    return { from, to, mend: () => { writeFileSync(b, whole); } }; // prettier-ignore
  }
  const ours = (file: string): void => {
    filled(3, file).close();
  };
  const compacted = async (file: string): Promise<void> => {
    using store = filled(4, file);
    store.deleteVector('id 2');
    await store.compact();
  };
  const theirs = (file: string): void => {
    const made = old([{ id: 'x', vector: [1, 2] }], {}, folder());
    renameSync(made, file);
  };

  test.each([
    ['of this package', ours, 3],
    ['of this package, compacted after a deletion', compacted, 3],
    ['of the old server', theirs, 1],
  ])('those that are done stay so, and are compared where that is asked for: %s', async (_, make, count) => {
    const { from, to, mend } = await halfDone(make);
    expect(await migrate(from, to)).toMatchObject({ ok: false, databases: [{ to: path.join(to, 'a.jvdb') }] });
    mend();
    const report = await migrate(from, to, { validate: true });
    expect(report).toMatchObject({ ok: true, gone: [], databases: [{ validation: { compared: count } }, {}] });
    expect(existsSync(path.join(to, 'a.jvdb.migration'))).toBe(false);
  });

  test('that is compacted after a deletion, and the new one is in use', async () => {
    const { from, to, mend } = await halfDone(compacted);
    {
      using made: Store = MemoryMappedVectorStore.open(path.join(to, 'a.jvdb'));
      made.storeVector('new', vectorOf(4, 1));
    }
    mend();
    expect(await migrate(from, to)).toMatchObject({ ok: true, databases: [{ vectorCount: 4 }, { vectorCount: 3 }] });
  });

  test('what is no longer the same is told', async () => {
    const { from, to, mend } = await halfDone(ours);
    mend();
    {
      using store: Store = MemoryMappedVectorStore.open(path.join(from, 'a.jvdb'));
      store.storeVector('since', vectorOf(4, 1));
    }
    const told = await migrate(from, to);
    expect(told.ok).toBe(false);
    expect(told.failed.map(({ error }) => [error.code, error.message])).toEqual([
      [
        'JVDB_CONFLICT',
        expect.stringMatching(/was changed since .*a\.jvdb was made of it; remove .* to migrate it anew/),
      ],
    ]);
    expect(await migrate(from, to, { validate: true })).toMatchObject({
      ...{ ok: false, failed: [], databases: [{ validation: { ok: false, missing: 1 } }, {}] },
    });
    for (const left of ['', '.migration']) rmSync(path.join(to, `a.jvdb${left}`));
    expect(await migrate(from, to)).toMatchObject({ ok: true, databases: [{ taken: 4 }, {}] });
  });

  test('what the old server wrote since is told', async () => {
    const { from, to, mend } = await halfDone(theirs);
    mend();
    const entries = [{ id: 'x', vector: [3, 4], timestamp: BigInt(Date.now()) * 1_000_000n }];
    renameSync(old(entries, {}, folder()), path.join(from, 'a.jvdb'));
    expect(await migrate(from, to)).toMatchObject({ ok: false, failed: [{ error: { code: 'JVDB_CONFLICT' } }] });
  });

  test('only old databases of the directory are told to be gone, and not those that are done', async () => {
    const first = await halfDone(ours);
    const [from, { to }] = [folder(), first];
    ours(path.join(from, 'c.jvdb'));
    expect(await migrate(from, to)).toMatchObject({ ok: true, gone: [], databases: [{}] });
    rmSync(path.join(first.from, 'a.jvdb'));
    first.mend();
    expect(await migrate(first.from, to)).toMatchObject({ ok: true, gone: [], databases: [{}] });
  });
});

test('databases that share names get those of their places, all different', async () => {
  const [from, to] = [folder(), folder()];
  const named = { metadata: { name: 'c' } };
  old([{ id: 'of a', vector: [1] }], named, path.join(from, 'a'));
  old([{ id: 'of b', vector: [1] }], named, path.join(from, 'b'));
  old([{ id: 'of z', vector: [1] }], { metadata: { name: 'a' } }, path.join(from, 'z'));
  renameSync(old([{ id: 'file b', vector: [1] }], {}, folder()), path.join(from, 'b.jvdb'));
  const { databases, failed } = await migrate(from, to);
  const made = databases.map(({ to: file }) => [path.basename(file), [...opened(file).ids()]]);
  expect(made).toEqual([
    ['a.jvdb', ['of a']],
    ['b.jvdb', ['of b']],
    ['z.jvdb', ['of z']],
  ]);
  expect(failed.map(({ error }) => error.message)).toEqual([
    expect.stringMatching(
      /b.vectors\.jvdb has the name b too; migrate .*b\.jvdb by itself, to a file with another name/,
    ),
  ]);
});

test('an invalid record is told once, though the last pass reads it twice', async () => {
  const first = [
    { id: 'good', vector: [1, 2] },
    { id: 'bad', vector: [NaN, 1] },
  ].map((one) => ({
    ...one,
    timestamp: 10n ** 18n,
  }));
  const from = old(first);
  const to = directory.file();
  const told: number[] = [];
  const options = { skipInvalid: true, onInvalid: ({ record }: { record: number }): void => void told.push(record) };
  await one(from, to, { ...options, ...pass });
  const timestamp = 2n ** 61n;
  const since = [
    { id: 'more', vector: [5, 6], timestamp },
    { id: 'bad too', vector: [NaN, 1], timestamp },
  ];
  old([...first, ...since], {}, path.dirname(from));
  told.length = 0;
  expect(await one(from, to, options)).toMatchObject({ invalid: 2, vectorCount: 2 });
  expect(told).toHaveLength(2);
});
