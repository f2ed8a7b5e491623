import { linkSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, ROOT, runScript, vectorOf } from '../support.js';

const directory = new Directory();

const workers: Worker[] = [];

afterAll(() => Promise.all(workers.map((worker) => worker.terminate())));

/** Runs code in a worker, which answers with `post`; resolves with the answer. */
function ask(code: string, workerData: unknown): Promise<unknown> {
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
     const { MemoryMappedVectorStore } = require(${JSON.stringify(ROOT)});
     const post = (value) => parentPort.postMessage(value);
     (async () => {${code}})();`,
    { eval: true, workerData },
  );
  workers.push(worker);
  return new Promise((resolve, reject) => {
    worker.on('message', resolve);
    worker.on('error', reject);
  });
}

describe('a store belongs to its thread', () => {
  const message = /belongs to the thread that opened it; open its filePath in the other one/;

  test('posting or cloning it says so', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 4);
    const { port1, port2 } = new MessageChannel();
    expect(() => structuredClone(store)).toThrow(message);
    expect(() => {
      port1.postMessage({ store });
    }).toThrow(message);
    expect(() => new Worker('', { eval: true, workerData: store })).toThrow(message);
    port1.close();
    port2.close();
    store.storeVector(1, [1, 2, 3, 4]);
    expect(store.vectorCount).toBe(1);
  });

  test('and is shown and made JSON of like any object', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 4);
    expect(JSON.parse(JSON.stringify(store))).toEqual({
      allowNonFinite: false,
      dimension: 4,
      metric: 'cosine',
      idType: 'int64',
      filePath: store.filePath,
      readOnly: false,
    });
  });

  test("and can be made a class of one's own with any property", () => {
    class Mine extends MemoryMappedVectorStore {
      thread = 7;
      handle = 8;
    }
    using store = new Mine(directory.file(), 4);
    expect([store.thread, store.handle, store.storeVector(1, [1, 2, 3, 4])]).toEqual([7, 8, 1]);
  });

  test('its number means nothing in another', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 4);
    const forged = `const store = new MemoryMappedVectorStore(workerData + '.other', 4);
      const symbol = Object.getOwnPropertySymbols(store)[0];
      const forged = Object.create(Object.getPrototypeOf(store), { [symbol]: { value: store[symbol] + 1 }, dimension: { value: 4 } });
      try { forged.storeVector(1, [1, 2, 3, 4]); post('written'); } catch (error) { post(error.code); }`;
    expect(await ask(forged, store.filePath)).toBe('JVDB_CLOSED');
  });
});

describe('workers share one engine', () => {
  test.each([
    ['a symbolic link', symlinkSync],
    ['a hard link', linkSync],
    ['another spelling', undefined],
  ])('through %s', async (_, link) => {
    const file = directory.file();
    using store = new MemoryMappedVectorStore(file, 4);
    store.storeVector(1, [1, 0, 0, 0]);
    let other = file.replace(directory.path, `${directory.path}/./../${path.basename(directory.path)}`);
    if (link !== undefined) link(file, (other = directory.file()));
    const answer = await ask(
      `const store = new MemoryMappedVectorStore(workerData, 4);
       store.storeVector(2, [0, 1, 0, 0]);
       post([store.has(1), store.vectorCount]);`,
      other,
    );
    expect(answer).toEqual([true, 2]);
    expect(store.retrieveVector(2)!.vector).toEqual(Float32Array.of(0, 1, 0, 0));
  });

  test('closing it in one leaves it open in the others', async () => {
    const file = directory.file();
    const store = new MemoryMappedVectorStore(file, 4);
    const answer = ask(
      `const store = new MemoryMappedVectorStore(workerData, 4);
       store.storeVector(1, [1, 2, 3, 4]);
       post('open');
       parentPort.once('message', () => { store.storeVector(2, [1, 2, 3, 4]); process.exit(); });`,
      file,
    );
    expect(await answer).toBe('open');
    store.close();
    using again = new MemoryMappedVectorStore(file, 4);
    expect(again.vectorCount).toBe(1);
  });

  test('changes that must be durable at once share syncs', async () => {
    const file = directory.file();
    using store = new MemoryMappedVectorStore(file, 16, { durability: 'commit' });
    const before = store.stats().flushCount;
    const written = await Promise.all(
      Array.from({ length: 6 }, (_, worker) =>
        ask(
          `const { worker } = workerData;
           const store = new MemoryMappedVectorStore(workerData.file, 16, { durability: 'commit' });
           let durable = true;
           const all = [];
           for (let i = 0; i < 30; i++) {
             const lsn = store.storeVector(worker * 1000 + i, new Float32Array(16).fill(i));
             durable = durable && store.durableLsn >= lsn;
             all.push(store.batchStoreAsync([worker * 1000 + 100 + i], new Float32Array(16)));
           }
           await Promise.all(all);
           post(durable && store.durableLsn >= 60);`,
          { file, worker },
        ),
      ),
    );
    expect(written).toEqual(Array(6).fill(true));
    expect(store.vectorCount).toBe(360);
    expect(store.durableLsn).toBe(store.lastLsn);
    const syncs = store.stats().flushCount - before;
    expect(syncs).toBeLessThan(360);
  });
});

describe('a process with workers', () => {
  const setUp = `const { Worker } = require('node:worker_threads');
    const code = \`const { workerData, parentPort } = require('node:worker_threads');
      const { MemoryMappedVectorStore } = require('jvdb');
      const store = new MemoryMappedVectorStore(workerData.file, 8);
      for (let i = 0; ; i++) {
        store.storeVector(workerData.first + i % 1000, new Float32Array(8).fill(i));
        if (i % 100 === 0) store.search(new Float32Array(8).fill(1)).catch(() => {});
        if (i === 2000) parentPort.postMessage(0);
      }\`;
    const store = new MemoryMappedVectorStore(process.argv[1], 8);
    store.storeVector(0, new Float32Array(8).fill(7), { n: 7 });
    let started = 0;
    const workers = [1, 2, 3].map((n) => new Worker(code, { eval: true, workerData: { file: process.argv[1], first: n * 10000 } }));
    for (const worker of workers) worker.on('message', () => { if (++started === 3) go(); });`;

  test.each([
    ['process.exit()', 'process.exit(9)', 9, /^$/],
    ['an uncaught error', `throw new Error('on purpose')`, 1, /on purpose/],
    ['a worker that throws, and another exit code', 'process.exitCode = 4; process.exit()', 4, /^$/],
  ])('ends in the middle of their writes by %s', async (_, end, status, stderr) => {
    const file = directory.file();
    const found = await runScript(`${setUp} const go = () => { ${end}; };`, file);
    expect(found).toMatchObject({ status, signal: null, stdout: '' });
    expect(found.stderr).toMatch(stderr);
    using store = MemoryMappedVectorStore.open(file);
    expect(store.retrieveVector(0)).toMatchObject({ vector: new Float32Array(8).fill(7), metadata: { n: 7 } });
    expect(store.vectorCount).toBe(3001);
    for await (const { vector } of store.entries()) expect(vector.every((value) => value === vector[0])).toBe(true);
  });
});

test('inputs of calls under way may change, and calls may overlap with closing', async () => {
  const file = directory.file();
  const store = new MemoryMappedVectorStore(file, 4);
  const ids = [1, 2, 3];
  const vectors = new Float32Array(12).fill(1);
  const metadata = [{ a: 1 }, { a: 2 }, { a: 3 }];
  const stored = [store.batchStoreAsync(ids, vectors, metadata)];
  ids.fill(9);
  metadata[0]!.a = 99;
  vectors.fill(5);
  for (let i = 0; i < 20; i++) stored.push(store.batchStoreAsync([10 + i], vectorOf(4, i)));
  const again = MemoryMappedVectorStore.openAsync(file);
  const closed = [store.closeAsync(), store.closeAsync()];
  expect(() => store.vectorCount).toThrow(/closed/);
  expect(await Promise.all(stored)).toEqual([3, ...Array<number>(20).fill(1)]);
  await Promise.all(closed);
  using other = await again;
  expect([...other.ids()].slice(0, 3)).toEqual([1, 2, 3]);
  expect(other.retrieveVector(1)).toMatchObject({ vector: new Float32Array(4).fill(1), metadata: { a: 1 } });
  expect(other.vectorCount).toBe(23);
});
