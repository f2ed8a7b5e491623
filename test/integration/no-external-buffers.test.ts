/**
 * A runtime without array buffers over foreign memory, as Electron is since its 21: views are copies
 * there. The addon is as built, but that its import of the function in question is renamed to one that
 * answers as Electron's does.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BINARY, Directory, ended, startNode, type Ended } from '../support.js';

const directory = new Directory();
const IMPORT = '\0napi_create_external_arraybuffer\0';
const onLinux = process.platform === 'linux' ? describe : describe.skip;

/** A folder with the addon of a runtime without external buffers. */
const folder = path.join(directory.path, 'prebuilt');
const substitute = path.join(directory.path, 'no-external-buffers.so');

function makeAddon(): void {
  const addon = readFileSync(BINARY);
  let found = 0;
  for (let at = addon.indexOf(IMPORT); at >= 0; at = addon.indexOf(IMPORT, at + 1)) {
    addon.write('x', at + 1, 'latin1');
    found++;
  }
  expect(found).toBeGreaterThan(0);
  mkdirSync(path.join(folder, 'build', 'Release'), { recursive: true });
  writeFileSync(path.join(folder, 'build', 'Release', 'jvdb.node'), addon);
  const source = path.join(__dirname, 'no-external-buffers.c');
  execFileSync(process.env['CC'] ?? 'cc', ['-shared', '-fPIC', '-o', substitute, source]);
}

const PRELUDE = `
  const { MemoryMappedVectorStore } = require('jvdb');
  const assert = require('node:assert/strict');
  const { readFileSync } = require('node:fs');
  const D = 1024; // a page of 4 KiB each
  const vector = (id) => new Float32Array(D).fill(id + 0.5);
  const file = process.argv[1];
  const make = (count) => {
    const store = new MemoryMappedVectorStore(file, D, { autoCompact: false });
    for (let id = 0; id < count; id++) store.storeVector(id, vector(id), { id });
    return store;
  };
  const isMapped = (store, id) => {
    const view = store.viewVector(id);
    view[0] = -1;
    return store.viewVector(id)[0] === -1;
  };
  const mappings = () => readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.includes('.jvdb')).length;
`;

function run(code: string, without: boolean): Promise<Ended> {
  const preload = [process.env['LD_PRELOAD'], substitute].filter(Boolean).join(' ');
  const env = without ? { JVDB_PREBUILD: folder, LD_PRELOAD: preload } : {};
  const main = `${PRELUDE}(async () => { ${code} })().then(() => console.log('done'));`;
  return ended(startNode(['--expose-gc', '-e', main, directory.file()], env));
}

const done = { status: 0, signal: null, stdout: 'done\n', stderr: '' };

onLinux('without external buffers', () => {
  beforeAll(makeAddon);

  const expectDone = async (code: string): Promise<void> => {
    expect(await run(code, true)).toEqual(done);
  };

  test('a view is a copy, where elsewhere it is mapped', async () => {
    const code = (mapped: boolean): string =>
      `const store = make(100);
      for (let id = 0; id < 99; id++) assert.equal(isMapped(store, id), ${mapped});`;
    expect(await run(code(true), false)).toEqual(done);
    await expectDone(code(false));
  });

  test('it has the values, in an array buffer of its own, and is not changed by anything', () =>
    expectDone(`const store = make(100);
      const views = Array.from({ length: 100 }, (_, id) => store.viewVector(id));
      for (let id = 0; id < 100; id++) {
        assert.deepEqual(views[id], vector(id));
        assert.equal(views[id].byteOffset, 0);
        assert.equal(views[id].buffer.byteLength, D * 4);
        if (id % 2 === 0) store.deleteVector(id);
        else store.storeVector(id, vector(id + 1000));
      }
      assert.equal(store.viewVector(0), undefined);
      views[1].fill(7);
      assert.deepEqual(store.viewVector(1), vector(1001));
      store.close();
      const clone = structuredClone(views[3], { transfer: [views[3].buffer] });
      assert.deepEqual(clone, vector(3));
      views.forEach((view, id) => id === 1 || id === 3 || assert.deepEqual(view, vector(id)));`));

  test('it holds no mapping: compacting gives the space back while views live', () =>
    expectDone(`const store = make(2000);
      const views = Array.from({ length: 2000 }, (_, id) => store.viewVector(id));
      for (let id = 0; id < 1900; id++) store.deleteVector(id);
      const { compacted, bytesBefore, bytesAfter } = await store.compact();
      assert.ok(compacted && bytesAfter < bytesBefore / 4, bytesBefore + ' to ' + bytesAfter);
      store.close();
      for (let i = 0; i < 20 && mappings() > 0; i++) { gc(); await new Promise(setImmediate); }
      assert.equal(mappings(), 0);
      views.forEach((view, id) => assert.deepEqual(view, vector(id)));`));

  test('in a worker, and in a reader beside the writer', () =>
    expectDone(`const store = make(100);
      store.flushSync();
      const { Worker } = require('node:worker_threads');
      const worker = new Worker("const { MemoryMappedVectorStore } = require('jvdb');" +
        "const { workerData, parentPort } = require('node:worker_threads');" +
        "const reader = MemoryMappedVectorStore.open(workerData, { readOnly: true });" +
        "const view = reader.viewVector(5);" +
        "parentPort.postMessage(view, [view.buffer]);", { eval: true, workerData: file });
      const [view] = await require('node:events').once(worker, 'message');
      assert.deepEqual(view, vector(5));
      await worker.terminate();
      const code = "const reader = require('jvdb').MemoryMappedVectorStore.open(process.argv[1], { readOnly: true });" +
        "console.log(reader.viewVector(6)[1023])";
      const said = require('node:child_process').execFileSync(process.execPath, ['-e', code, file], { encoding: 'utf8' });
      assert.equal(said, '6.5\\n');`));

  test('a hundred thousand of them take no memory once they are dropped', () =>
    expectDone(`const store = make(100);
      const some = async () => {
        for (let i = 0; i < 50000; i++) assert.equal(store.viewVector(i % 100)[0], (i % 100) + 0.5);
        gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
        gc();
      };
      await some();
      const before = process.memoryUsage().arrayBuffers;
      await some();
      assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20);`));

  test('nothing else in the addon makes buffers or strings over foreign memory', () => {
    const addon = readFileSync(BINARY);
    for (const name of [
      'napi_create_external_buffer',
      'node_api_create_external_string',
      'node_api_create_external_sharedarraybuffer',
    ]) {
      expect(addon.includes(name)).toBe(false);
    }
    expect(addon.includes(IMPORT)).toBe(true);
  });
});
