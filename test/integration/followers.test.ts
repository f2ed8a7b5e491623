/** Readers beside a writer in another process: refreshing, files that are replaced, read-only places. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, expectError, ROOT, runScript, vectorOf } from '../support.js';

const directory = new Directory();

/** A process of its own that writes to a file and ends; `store` is open there. */
async function write(file: string, code: string): Promise<void> {
  const end = await runScript(
    `const store = new MemoryMappedVectorStore(process.argv[1], 4); ${code}; store.close();`,
    file,
  );
  expect(end).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
}

/** A database that another process wrote, with vectors 1 … count. */
async function written(count: number): Promise<string> {
  const file = directory.file();
  await write(file, `for (let id = 1; id <= ${count}; id++) store.storeVector(id, [id, 0, 0, 1], { id })`);
  return file;
}

const open = (file: string): MemoryMappedVectorStore<{ id: number }, number> =>
  MemoryMappedVectorStore.open(file, { readOnly: true });

test('shows what was there, until it is refreshed', async () => {
  const file = await written(2);
  using reader = open(file);
  await write(file, `store.deleteVector(1); store.batchStore([3, 4], new Float32Array(8).fill(1)); store.flushSync()`);
  expect([...reader.ids()]).toEqual([1, 2]);
  expect(reader.refresh()).toBe(true);
  expect([...reader.ids()]).toEqual([2, 3, 4]);
  expect(reader.retrieveVector(3)).toMatchObject({ vector: new Float32Array(4).fill(1) });
  expect(reader.lastLsn).toBe(5);
  expect(reader.durableLsn).toBe(5);
  expect(reader.refresh()).toBe(false);
  expectError(() => reader.storeVector(9, [1, 2, 3, 4]), 'JVDB_READ_ONLY');
});

test('a refresh in one isolate shows in the others, and each is told once', async () => {
  const file = await written(1);
  using reader = open(file);
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const { MemoryMappedVectorStore } = require(${JSON.stringify(ROOT)});
     const store = MemoryMappedVectorStore.open(workerData, { readOnly: true });
     parentPort.on('message', (message) => {
       if (message === 'end') return process.exit();
       parentPort.postMessage([store.vectorCount, store.refresh(), store.refresh(), store.vectorCount]);
     });
     parentPort.postMessage('open');`,
    { eval: true, workerData: file },
  );
  const answer = (): Promise<unknown> => new Promise((resolve) => worker.once('message', resolve));
  expect(await answer()).toBe('open');
  await write(file, 'store.storeVector(2, [1, 2, 3, 4])');
  expect(reader.refresh()).toBe(true);
  worker.postMessage('ask');
  expect(await answer()).toEqual([2, true, false, 2]);
  worker.postMessage('end');
});

test('a store that is opened shows the file as it is then', async () => {
  const file = await written(1);
  using reader = open(file);
  await write(file, 'store.storeVector(2, [1, 2, 3, 4])');
  using other = open(file);
  expect(other.vectorCount).toBe(2);
  expect(reader.refresh()).toBe(true);
  expect(other.refresh()).toBe(false);
});

test('a reader beside a writer in its own process is up to date, until another file takes its place', async () => {
  const file = await written(1);
  using writer = new MemoryMappedVectorStore(file, 4);
  using reader = open(file);
  writer.storeVector(2, [1, 2, 3, 4]);
  expect(reader.has(2)).toBe(true);
  expect(writer.refresh()).toBe(false);
  expect(reader.refresh()).toBe(true);
  expect(reader.refresh()).toBe(false);
  renameSync(await written(5), file);
  expect(reader.refresh()).toBe(true);
  expect(reader.vectorCount).toBe(5);
  expect(writer.vectorCount).toBe(2);
});

describe('another file in its place', () => {
  const replacement = async (dimension: number): Promise<string> => {
    const file = directory.file();
    await runScript(
      `const store = new MemoryMappedVectorStore(process.argv[1], ${dimension});
       store.storeVector(7, new Float32Array(${dimension}).fill(7)); store.close();`,
      file,
    );
    return file;
  };

  test('is opened anew, while work under way ends on the old one', async () => {
    const file = await written(3000);
    using reader = open(file);
    const entries = reader.entries();
    const changes = reader.changes();
    const ids = reader.ids();
    expect((await entries.next()).value).toMatchObject({ id: 1 });
    const view = reader.viewVector(1)!;
    const search = reader.search([3, 0, 0, 1], { topK: 1 });
    renameSync(await replacement(4), file);
    expect(reader.vectorCount).toBe(3000);
    expect(reader.refresh()).toBe(true);
    expect([...reader.ids()]).toEqual([7]);
    expect(await search).toHaveLength(1);
    let last = 0;
    for await (const { id } of entries) last = id;
    expect(last).toBe(3000);
    for await (const { lsn } of changes) last = lsn;
    expect(last).toBe(3000);
    expect([...ids]).toHaveLength(3000);
    expect([...view]).toEqual([1, 0, 0, 1]);
    expect(reader.refresh()).toBe(false);
  });

  test('is refused where it is of another dimension, or no database, or gone; then there may be one again', async () => {
    const file = await written(1);
    using reader = open(file);
    const other = await replacement(5);
    copyFileSync(file, `${file}.bak`);
    renameSync(other, file);
    expectError(() => reader.refresh(), 'JVDB_DIMENSION_MISMATCH', /dimension 5, not 4/);
    copyFileSync(path.join(ROOT, 'package.json'), file);
    expectError(() => reader.refresh(), 'JVDB_CORRUPT', /not a jvdb file/);
    rmSync(file);
    expectError(() => reader.refresh(), 'JVDB_NOT_FOUND', new RegExp(file));
    expect(reader.has(1)).toBe(true);
    renameSync(`${file}.bak`, file);
    expect(reader.refresh()).toBe(true);
    expect(reader.has(1)).toBe(true);
    expect(reader.refresh()).toBe(false);
  });

  test('is looked for at the path as it was, wherever the process is', async () => {
    const file = await written(1);
    const end = await runScript(
      `process.chdir(${JSON.stringify(path.dirname(file))});
       const reader = MemoryMappedVectorStore.open(${JSON.stringify(path.basename(file))}, { readOnly: true });
       process.chdir('/');
       console.log(reader.refresh(), reader.has(1));`,
    );
    expect(end).toMatchObject({ status: 0, stdout: 'false true\n', stderr: '' });
  });
});

describe('where nothing may be written', () => {
  test('a file and a directory without the right to write can be read', async () => {
    const file = await written(3);
    const place = path.join(directory.path, 'locked');
    mkdirSync(place);
    renameSync(file, path.join(place, 'a.jvdb'));
    chmodSync(path.join(place, 'a.jvdb'), 0o444);
    chmodSync(place, 0o555);
    using reader = open(path.join(place, 'a.jvdb'));
    expect(reader.refresh()).toBe(false);
    expect(reader.viewVector(2)).toEqual(Float32Array.of(2, 0, 0, 1));
    chmodSync(place, 0o755);
  });

  test('a read-only file system can be read', async () => {
    const place = path.join(directory.path, 'mounted');
    mkdirSync(place);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'jvdb-test', place], { stdio: 'ignore' });
    } catch {
      console.warn('SKIPPED: mounting a file system is not allowed here');
      return;
    }
    try {
      copyFileSync(await written(3), path.join(place, 'a.jvdb'));
      execFileSync('mount', ['-o', 'remount,ro', place]);
      using reader = open(path.join(place, 'a.jvdb'));
      expect(reader.refresh()).toBe(false);
      expect(reader.retrieveVector(3)!.vector).toEqual(Float32Array.of(3, 0, 0, 1));
      expect(await reader.search(vectorOf(4, 1))).toHaveLength(3);
      await reader.flush();
      expectError(
        () => MemoryMappedVectorStore.open(path.join(place, 'a.jvdb')),
        'JVDB_IO',
        /permissions|[Rr]ead-only/,
      );
    } finally {
      execFileSync('umount', [place]);
    }
  });
});
