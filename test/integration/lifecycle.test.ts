import { Worker } from 'node:worker_threads';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, endedBy, ROOT, runScript, vectorOf } from '../support.js';

const directory = new Directory();

/** Runs code in a worker; resolves with what it posted last. */
function runWorker(code: string, workerData: unknown): Promise<unknown> {
  const prelude = `const { workerData, parentPort } = require('node:worker_threads');
    const { MemoryMappedVectorStore } = require(${JSON.stringify(ROOT)});`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(prelude + code, { eval: true, workerData });
    let posted: unknown;
    worker.on('message', (message: unknown) => (posted = message));
    worker.on('error', reject);
    worker.on('exit', () => {
      resolve(posted);
    });
  });
}

describe('code that runs while work is being queued', () => {
  const hook = (once: string, count: number): string => `const { createHook } = require('node:async_hooks');
    const store = new MemoryMappedVectorStore(process.argv[1], 2);
    const outcomes = [];
    const note = (promise) => promise.then((value) => outcomes.push(value), (error) => outcomes.push(error.code));
    let armed = true;
    const hook = createHook({ init(_, type) {
      if (!armed || type !== 'jvdb') return;
      armed = false;
      ${once}
    } }).enable();
    note(store.batchStoreAsync([1], new Float32Array(2).fill(1)));
    hook.disable();
    const tell = () => outcomes.length < ${count} ? setTimeout(tell, 10) : console.log(JSON.stringify(outcomes));
    tell();`;

  test('may close the store', async () => {
    const end = await runScript(hook('store.close();', 1), directory.file());
    expect(end).toEqual({ status: 0, signal: null, stdout: '["JVDB_CLOSED"]\n', stderr: '' });
  });

  test('may queue more, with one thread for all', async () => {
    process.env['UV_THREADPOOL_SIZE'] = '1';
    try {
      const end = await runScript(hook('note(store.batchStoreAsync([2], new Float32Array(2)));', 2), directory.file());
      expect(end).toEqual({ status: 0, signal: null, stdout: '[1,1]\n', stderr: '' });
    } finally {
      delete process.env['UV_THREADPOOL_SIZE'];
    }
  });
});

test('signals of finished searches are collected', async () => {
  const code = `const store = new MemoryMappedVectorStore(process.argv[1], 2);
    store.storeVector(1, [1, 2]);
    (async () => {
      const shutdown = new AbortController();
      const signals = [];
      for (let i = 0; i < 200; i++) {
        for (const signal of [AbortSignal.timeout(3600000), AbortSignal.any([shutdown.signal, new AbortController().signal])]) {
          await store.search([1, 2], { signal });
          signals.push(new WeakRef(signal));
        }
      }
      for (let i = 0; i < 10; i++) { await new Promise((resolve) => setTimeout(resolve, 10)); global.gc(); }
      console.log(signals.filter((signal) => signal.deref() !== undefined).length < 10);
      process.exit(0);
    })();`;
  const script = `require('node:v8').setFlagsFromString('--expose-gc'); global.gc = require('node:vm').runInNewContext('gc');`;
  expect(await runScript(script + code, directory.file())).toMatchObject({ status: 0, stdout: 'true\n' });
});

describe('a process that ends without closing', () => {
  const write = `const store = new MemoryMappedVectorStore(process.argv[1], 8);
    for (let i = 0; i < 50; i++) store.storeVector(i, new Float32Array(8).fill(i), { i });`;

  test.each([
    ['naturally', '', 0, null],
    ['by process.exit()', 'process.exit(3);', 3, null],
    ['in a timer', 'setTimeout(() => process.exit(4), 5);', 4, null],
  ])('%s has flushed', async (_, code, status, signal) => {
    const file = directory.file();
    expect(await runScript(write + code, file)).toEqual({ status, signal, stdout: '', stderr: '' });
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(50);
    expect(store.stats().recovery).toMatchObject({ durableLsn: 50, recoveredLsn: 50 });
  });

  test.each([
    ['writes', `process.on('exit', () => { store.storeVector(50, new Float32Array(8)); });`],
    ['throws', `process.on('exit', () => { throw new Error('on purpose'); });`],
  ])('has flushed though an exit listener added before %s', async (what, listener) => {
    const file = directory.file();
    const end = await runScript(`let store; ${listener} ${write.replace('const store', 'store')}`, file);
    expect(end.stderr).toMatch(what === 'throws' ? /on purpose/ : /^$/);
    using store = MemoryMappedVectorStore.open(file);
    const written = what === 'throws' ? 50 : 51;
    expect(store.stats().recovery).toMatchObject({ durableLsn: written, recoveredLsn: written });
  });

  test('does not wait for searches', async () => {
    const file = directory.file();
    const code = `store.batchStore([...Array(20000).keys()], new Float32Array(160000).fill(1));
      const search = () => store.search(new Float32Array(8).fill(1), { topK: 20000 });
      (async () => {
        const began = performance.now();
        await search();
        console.log(performance.now() - began);
        for (let i = 0; i < 1000; i++) search();
        process.exit(0);
      })();`;
    const began = performance.now();
    const { status, stdout } = await runScript(write + code, file);
    expect(status).toBe(0);
    // Four threads at most would take as long.
    expect(performance.now() - began).toBeLessThan((1000 * Number(stdout)) / 4);
  });

  test('by an uncaught error has flushed, and the error is told', async () => {
    const file = directory.file();
    const end = await runScript(`${write} throw new Error('on purpose');`, file);
    expect(end.status).toBe(1);
    expect(end.stderr).toMatch(/on purpose/);
    using store = MemoryMappedVectorStore.open(file);
    expect(store.stats().recovery).toMatchObject({ durableLsn: 50, recoveredLsn: 50 });
  });

  test('with flushOnExit: false has not flushed, and loses nothing', async () => {
    const file = directory.file();
    const end = await runScript(write.replace(', 8)', ', 8, { flushOnExit: false })'), file);
    expect(end).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(50);
    expect(store.stats().recovery).toMatchObject({ clean: false, durableLsn: 0, recoveredLsn: 50 });
  });

  test('by a signal loses nothing', async () => {
    const file = directory.file();
    const end = await runScript(`${write} process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 60000);`, file);
    expect(end).toEqual({ ...endedBy('SIGTERM'), stdout: '', stderr: '' });
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(50);
  });

  test('with work under way ends in order', async () => {
    const file = directory.file();
    const end = await runScript(
      `${write} for (let i = 0; i < 20; i++) { store.search(new Float32Array(8)).catch(() => {}); store.flush().catch(() => {}); }
       store.entries().next(); process.exit(5);`,
      file,
    );
    expect(end).toEqual({ status: 5, signal: null, stdout: '', stderr: '' });
    using store = MemoryMappedVectorStore.open(file);
    expect(store.vectorCount).toBe(50);
  });

  test('a store that was forgotten is closed by the garbage collector', async () => {
    const file = directory.file();
    const end = await runScript(
      `(() => { new MemoryMappedVectorStore(process.argv[1], 8).storeVector(1, new Float32Array(8)); })();
       (async () => {
         for (let i = 0; i < 50; i++) { global.gc(); await new Promise((resolve) => setTimeout(resolve, 10)); }
         const store = MemoryMappedVectorStore.open(process.argv[1]);
         console.log(store.stats().recovery.clean, store.vectorCount);
       })();`.replace(
        'global.gc()',
        "require('node:v8').setFlagsFromString('--expose-gc'), require('node:vm').runInNewContext('gc')()",
      ),
      file,
    );
    expect(end).toEqual({ status: 0, signal: null, stdout: 'true 1\n', stderr: '' });
  });
});

describe('workers', () => {
  test('eight of them, fifty vectors each, share one file', async () => {
    const file = directory.file();
    using store = new MemoryMappedVectorStore<{ n: number }, number>(file, 32);
    const counts = await Promise.all(
      Array.from({ length: 8 }, (_, worker) =>
        runWorker(
          `const store = new MemoryMappedVectorStore(workerData.file, 32);
           for (let i = 0; i < 50; i++) {
             const n = workerData.worker * 50 + i;
             store.storeVector(n, new Float32Array(32).fill(n), { n });
             if (!store.has(n)) throw new Error('not there: ' + n);
           }
           parentPort.postMessage(store.vectorCount > 0);
           if (workerData.worker % 2 === 0) store.close();`,
          { file, worker },
        ),
      ),
    );
    expect(counts).toEqual(Array(8).fill(true));
    expect(store.vectorCount).toBe(400);
    for (let n = 0; n < 400; n++) {
      expect(store.retrieveVector(n)).toMatchObject({ vector: new Float32Array(32).fill(n), metadata: { n } });
    }
  });

  test('end in the middle of their work without harm', async () => {
    const file = directory.file();
    using store = new MemoryMappedVectorStore(file, 64);
    store.batchStore(
      Float64Array.from({ length: 20000 }, (_, i) => i),
      new Float32Array(20000 * 64).fill(1),
    );
    for (let round = 0; round < 10; round++) {
      const worker = new Worker(
        `const { workerData, parentPort } = require('node:worker_threads');
         const { MemoryMappedVectorStore } = require(${JSON.stringify(ROOT)});
         const store = new MemoryMappedVectorStore(workerData, 64);
         let n = 100000;
         const go = () => {
           for (let i = 0; i < 20; i++) store.storeVector(n++, new Float32Array(64));
           store.search(new Float32Array(64), { topK: 100 }).then(go);
           store.flush(); store.batchStoreAsync([1, 2, 3], new Float32Array(192));
           const entries = store.entries(); entries.next();
         };
         go(); go(); parentPort.postMessage('started');`,
        { eval: true, workerData: file },
      );
      await new Promise((resolve) => worker.once('message', resolve));
      await new Promise((resolve) => setTimeout(resolve, round * 3));
      await worker.terminate();
    }
    expect(store.vectorCount).toBeGreaterThanOrEqual(20000);
    store.storeVector(0, vectorOf(64, 0));
    expect(store.retrieveVector(0)!.vector).toEqual(vectorOf(64, 0));
  });

  test('a worker that ends without closing has flushed', async () => {
    const file = directory.file();
    await runWorker(
      `const store = new MemoryMappedVectorStore(workerData, 8);
       for (let i = 0; i < 50; i++) store.storeVector(i, new Float32Array(8));`,
      file,
    );
    using store = MemoryMappedVectorStore.open(file);
    expect(store.stats().recovery).toMatchObject({ clean: true, recoveredLsn: 50 });
  });
});
