import { readFileSync } from 'node:fs';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, runScript, runScriptWith, vectorOf } from '../support.js';

const directory = new Directory();
const DIMENSION = 768; // 3 KiB: a page of 4 KiB holds parts of two or three
const COUNT = 101; // the last one's page has room for more

/** A store of vectors by number; most of them lie in pages that are completely written. */
function filled(count = COUNT): MemoryMappedVectorStore {
  const store = new MemoryMappedVectorStore(directory.file(), DIMENSION);
  for (let id = 0; id < count; id++) store.storeVector(id, vectorOf(DIMENSION, id), { id });
  return store;
}

/** Whether two views of an id are of the same memory: copies are not. */
function isMapped(store: MemoryMappedVectorStore, id: number): boolean {
  const view = store.viewVector(id)!;
  const was = view[0]!;
  view[0] = was + 1;
  const shown = store.viewVector(id)![0];
  view[0] = was;
  return shown === was + 1;
}

test('a view is the stored vector, in an array buffer of its own', () => {
  using store = filled();
  for (let id = 0; id < COUNT; id++) {
    const view = store.viewVector(id)!;
    expect(view).toBeInstanceOf(Float32Array);
    expect(view).toEqual(vectorOf(DIMENSION, id));
    expect(view.buffer.byteLength).toBe(DIMENSION * 4);
    expect(view.byteOffset).toBe(0);
  }
  expect(store.viewVector(COUNT)).toBeUndefined();
});

test('it is mapped where its pages are completely written, else a copy', () => {
  using store = filled();
  const mapped = [...Array(COUNT).keys()].filter((id) => isMapped(store, id));
  expect(mapped).toEqual([...Array(COUNT - 1).keys()]);
  for (let id = COUNT; id < COUNT + 100; id++) store.storeVector(id, vectorOf(DIMENSION, id));
  expect(isMapped(store, COUNT - 1)).toBe(true);
});

test('rubbish written into every view changes no answer and no file', () => {
  using store = filled();
  store.flushSync();
  const before = readFileSync(store.filePath);
  const hits = store.searchSync(vectorOf(DIMENSION, 7), { includeVectors: true });
  for (let id = 0; id < COUNT; id++) store.viewVector(id)!.fill(NaN);
  for (let id = 0; id < COUNT; id++) expect(store.retrieveVector(id)!.vector).toEqual(vectorOf(DIMENSION, id));
  expect(store.searchSync(vectorOf(DIMENSION, 7), { includeVectors: true })).toEqual(hits);
  expect(readFileSync(store.filePath).equals(before)).toBe(true);
  store.updateMetadata(3, { kept: true }); // copies the vector from where the engine sees it
  expect(store.retrieveVector(3)!.vector).toEqual(vectorOf(DIMENSION, 3));
  store.close();
  using again = MemoryMappedVectorStore.open(store.filePath);
  for (let id = 0; id < COUNT; id++) expect(again.viewVector(id)).toEqual(vectorOf(DIMENSION, id));
});

test('it shows the vector as it was, and outlives replacement, deletion, growth and closing', () => {
  const store = filled();
  const views = [...Array(COUNT).keys()].map((id) => store.viewVector(id)!);
  for (let id = 0; id < COUNT; id++) {
    if (id % 2 === 0) store.deleteVector(id);
    else store.storeVector(id, vectorOf(DIMENSION, id + 1000));
  }
  store.batchStore(
    Float64Array.from({ length: 5000 }, (_, i) => 10000 + i),
    new Float32Array(5000 * DIMENSION),
  );
  expect(store.stats().extentCount).toBeGreaterThan(1);
  store.close();
  views.forEach((view, id) => {
    expect(view).toEqual(vectorOf(DIMENSION, id));
  });
});

test('clones take its bytes and no more', () => {
  using store = filled();
  const view = store.viewVector(1)!;
  const clone = structuredClone(view);
  expect(clone.buffer.byteLength).toBe(DIMENSION * 4);
  expect([...clone]).toEqual([...vectorOf(DIMENSION, 1)]);
  clone.fill(0);
  expect(view).toEqual(vectorOf(DIMENSION, 1));
});

describe('in a process of its own', () => {
  const prelude = `const d = ${DIMENSION};
    require('node:v8').setFlagsFromString('--expose-gc');
    const gc = require('node:vm').runInNewContext('gc');
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const vector = (id) => new Float32Array(d).fill(id + 0.5);
    const make = () => {
      const store = new MemoryMappedVectorStore(process.argv[1], d);
      for (let id = 0; id < 100; id++) store.storeVector(id, vector(id));
      return store;
    };
    const good = (view, id) => view.length === d && view.every((value) => value === id + 0.5);
    const mappings = () => require('node:fs').existsSync('/proc/self/maps')
      ? require('node:fs').readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.includes('.jvdb')).length : 0;
    const main = async () => {`;
  const run = async (code: string): Promise<void> => {
    const end = await runScript(`${prelude}${code}}; main();`, directory.file());
    expect(end).toEqual({ status: 0, signal: null, stdout: 'true\n', stderr: '' });
  };

  test('a view outlives the garbage collection of its store, and the last one takes the mapping along', () =>
    run(`let view = make().viewVector(5);
      for (let i = 0; i < 20; i++) { gc(); await pause(5); }
      const one = mappings();
      const shown = good(view, 5);
      view = undefined;
      for (let i = 0; i < 20; i++) { gc(); await pause(5); }
      console.log(shown && (one === 1 || process.platform !== 'linux') && mappings() === 0);`));

  test('a million views, made and dropped, take no memory', () =>
    run(`const store = make();
      let ok = true;
      const some = async (count) => {
        for (let i = 0; i < count; i++) ok = store.viewVector(i % 100)[0] === (i % 100) + 0.5 && ok;
        await pause(0);
      };
      for (let i = 0; i < 20; i++) await some(5000);
      gc(); await pause(20); gc();
      const before = process.memoryUsage();
      for (let i = 0; i < 200; i++) await some(5000);
      gc(); await pause(20); gc();
      const after = process.memoryUsage();
      const grown = (after.rss - before.rss) / 2 ** 20;
      const most = process.env.ASAN_OPTIONS === undefined ? 50 : 600; // AddressSanitizer keeps what is freed for a while
      console.log(ok && grown < most && mappings() <= 2 || { grown, ok, mappings: mappings() });`));

  test('a view that is transferred goes where it is taken, or is not taken', () =>
    run(`const store = make();
      const view = store.viewVector(6);
      let moved;
      try { moved = structuredClone(view, { transfer: [view.buffer] }); } catch (error) { moved = error.name === 'DataCloneError' ? view : undefined; }
      store.close();
      for (let i = 0; i < 10; i++) { gc(); await pause(5); }
      console.log(good(moved, 6));`));
});

test('a view handed on by transfer() outlives the worker that made it', async () => {
  // Node 20 has it behind a flag, as V8 calls it; later releases have it always.
  const worker = `const { workerData, parentPort } = require('node:worker_threads');
    const { MemoryMappedVectorStore } = require('jvdb');
    const store = new MemoryMappedVectorStore(workerData, 768);
    for (let id = 0; id < 100; id++) store.storeVector(id, new Float32Array(768).fill(id + 0.5));
    const buffers = [];
    for (let id = 0; id < 50; id++) buffers.push(store.viewVector(id).buffer.transfer());
    parentPort.postMessage(buffers, buffers);`;
  const code = `const { Worker } = require('node:worker_threads');
    require('node:v8').setFlagsFromString('--expose-gc');
    const gc = require('node:vm').runInNewContext('gc');
    if (ArrayBuffer.prototype.transfer === undefined) { console.log('no transfer()'); return; }
    const worker = new Worker(${JSON.stringify(worker)}, { eval: true, workerData: process.argv[1] });
    let buffers;
    worker.on('message', (message) => (buffers = message));
    worker.on('exit', async () => {
      for (let i = 0; i < 10; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)); }
      const views = buffers.map((buffer) => new Float32Array(buffer));
      console.log(views.length === 50 && views.every((view, id) => view.every((value) => value === id + 0.5)));
    });`;
  const flags = process.versions.node.startsWith('20.') ? ['--harmony-rab-gsab-transfer'] : [];
  const end = await runScriptWith(flags, `(() => {${code}})();`, directory.file());
  expect(end).toEqual({ status: 0, signal: null, stdout: 'true\n', stderr: '' });
});

test('a reader maps what is durable, and copies what may still be lost', async () => {
  const store = filled();
  store.flushSync();
  const script = `const store = MemoryMappedVectorStore.open(process.argv[1], { readOnly: true });
    const mapped = (id) => {
      const view = store.viewVector(id);
      view[0] += 1;
      return store.viewVector(id)[0] === view[0];
    };
    console.log(mapped(0), mapped(150));`;
  for (let id = COUNT; id < COUNT + 100; id++) store.storeVector(id, vectorOf(DIMENSION, id));
  expect((await runScript(script, store.filePath)).stdout).toBe('true false\n');
  store.flushSync();
  expect((await runScript(script, store.filePath)).stdout).toBe('true true\n');
  store.close();
});
