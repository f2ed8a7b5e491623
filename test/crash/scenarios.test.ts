/** Processes that SIGKILL themselves at a chosen point. Every acknowledged change survives, flushed or not. */
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, endedBy, runScript, vectorOf } from '../support.js';

const directory = new Directory();

/** vectorOf for the child, word for word. */
const PRELUDE = `const vectorOf = ${vectorOf.toString()};
  const die = () => process.kill(process.pid, 'SIGKILL');
  const open = (file, dimension) => new MemoryMappedVectorStore(file, dimension);`;

async function runAndDie(script: string, ...args: string[]): Promise<void> {
  const end = await runScript(`${PRELUDE}\n${script}`, ...args);
  expect(end).toEqual({ ...endedBy('SIGKILL'), stdout: '', stderr: '' });
}

function expectVectors(
  file: string,
  dimension: number,
  ids: readonly number[],
  seedOf = (id: number): number => id,
): void {
  using store = MemoryMappedVectorStore.open(file);
  expect(store.stats().recovery.clean).toBe(false);
  expect([...store.ids()].sort((a, b) => Number(a) - Number(b))).toEqual(ids);
  for (const id of ids) expect(store.retrieveVector(id)!.vector).toEqual(vectorOf(dimension, seedOf(id)));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

test('50 flushed and 20 not', async () => {
  const file = directory.file();
  await runAndDie(
    `const store = open(process.argv[1], 32);
     for (let i = 0; i < 50; i++) store.storeVector(i, vectorOf(32, i));
     store.flushSync();
     for (let i = 50; i < 70; i++) store.storeVector(i, vectorOf(32, i));
     die();`,
    file,
  );
  expectVectors(file, 32, range(0, 70));
});

test('a flush every 10 of 100', async () => {
  const file = directory.file();
  await runAndDie(
    `const store = open(process.argv[1], 32);
     for (let i = 0; i < 105; i++) { store.storeVector(i, vectorOf(32, i)); if (i % 10 === 9) store.flushSync(); }
     die();`,
    file,
  );
  expectVectors(file, 32, range(0, 105));
});

test('five databases, every other one flushed', async () => {
  const files = range(0, 5).map(() => directory.file());
  await runAndDie(
    `process.argv.slice(1).forEach((file, n) => {
       const store = open(file, 16 + n);
       for (let i = 0; i < 40; i++) store.storeVector(i, vectorOf(16 + n, i * 10 + n));
       if (n % 2 === 0) store.flushSync();
     });
     die();`,
    ...files,
  );
  files.forEach((file, n) => {
    expectVectors(file, 16 + n, range(0, 40), (id) => id * 10 + n);
  });
});

test('100 flushed, then four workers with 25 each at once', async () => {
  const file = directory.file();
  await runAndDie(
    `const { Worker } = require('node:worker_threads');
     const store = open(process.argv[1], 24);
     for (let i = 0; i < 100; i++) store.storeVector(i, vectorOf(24, i));
     store.flushSync();
     const code = ${JSON.stringify(PRELUDE)} + \`
       const { workerData } = require('node:worker_threads');
       const store = open(workerData.file, 24);
       for (let i = 0; i < 25; i++) { const id = 100 + workerData.n * 25 + i; store.storeVector(id, vectorOf(24, id)); }
       require('node:worker_threads').parentPort.postMessage('done'); setInterval(() => {}, 1000);\`;
     let done = 0;
     for (let n = 0; n < 4; n++) {
       const worker = new Worker("const { MemoryMappedVectorStore } = require('jvdb');" + code, { eval: true, workerData: { file: process.argv[1], n } });
       worker.once('message', () => { if (++done === 4) die(); });
     }`,
    file,
  );
  expectVectors(file, 24, range(0, 200));
});

test('25 of 50 deleted', async () => {
  const file = directory.file();
  await runAndDie(
    `const store = open(process.argv[1], 16);
     for (let i = 0; i < 50; i++) store.storeVector(i, vectorOf(16, i));
     store.flushSync();
     for (let i = 0; i < 25; i++) store.deleteVector(i * 2);
     die();`,
    file,
  );
  expectVectors(
    file,
    16,
    range(0, 25).map((i) => i * 2 + 1),
  );
});

test('100 × 512 in one batch', async () => {
  const file = directory.file();
  await runAndDie(
    `const ids = [...Array(100).keys()];
     open(process.argv[1], 512).batchStore(ids, ids.map((id) => vectorOf(512, id)));
     die();`,
    file,
  );
  expectVectors(file, 512, range(0, 100));
});

test('killed while opening and reopening', async () => {
  const file = directory.file();
  for (let round = 0; round < 10; round++) {
    await runAndDie(
      `const store = open(process.argv[1], 8);
       store.storeVector(${round}, vectorOf(8, ${round}));
       die();`,
      file,
    );
    expectVectors(file, 8, range(0, round + 1));
  }
});
