import { Directory, runScript } from '../support.js';

// A system that can't shrink a mapped file, or maps none here, has nothing to show.
const onPosix = process.platform === 'win32' ? describe.skip : describe;
const directory = new Directory();

const PRELUDE = `const fs = require('node:fs');
  const file = process.argv[1];
  const out = new Float32Array(256);
  const vector = (id) => new Float32Array(256).fill(id + 0.5);
  const make = (options) => {
    const store = new MemoryMappedVectorStore(file, 256, { idType: 'string', ...options });
    for (let id = 0; id < 500; id++) store.storeVector('id ' + id, vector(id), { id });
    store.flushSync();
    return store;
  };
  const cut = () => fs.truncateSync(file, 0);
  const end = async (call) => {
    try {
      await call();
      return 'done';
    } catch (error) {
      const said = error instanceof JvdbError && error.message.startsWith(file + ' was cut short by another process');
      return said ? error.code : String(error);
    }
  };
  const all = async (iterable) => { for await (const one of iterable) if (one === undefined) throw one; };
  const zeros = (array) => array.every((value) => value === 0);
  const say = (value) => console.log(JSON.stringify(value));
  const main = async () => {`;

/** What the script says; it must end in order. */
async function said(code: string): Promise<unknown> {
  const end = await runScript(`${PRELUDE}${code}}; main();`, directory.file());
  expect(end).toMatchObject({ status: 0, signal: null, stderr: '' });
  return JSON.parse(end.stdout) as unknown;
}

onPosix('a file that is cut short while it is open', () => {
  test.each([
    ['retrieveVector', `store.retrieveVector('id 3')`],
    ['readVector', `store.readVector('id 3', out)`],
    ['batchRetrieve', `store.batchRetrieve(['id 3', 'id 4', 'no'])`],
    ['readVectors', `store.readVectors(['id 3', 'no'], new Float32Array(512))`],
    ['viewVector, a copy', `store.viewVector('id 499')`],
    ['searchSync', `store.searchSync(vector(3))`],
    ['search', `store.search(vector(3), { topK: 5, includeVectors: true })`],
    ['searchBatch', `store.searchBatch([vector(3), vector(4)])`],
    ['searchRaw', `store.searchRaw(vector(3))`],
    ['entries', `all(store.entries())`],
    ['ids', `all(store.ids())`],
    ['changes', `all(store.changes())`],
    ['has', `store.has('id 3')`],
    ['updateMetadata', `store.updateMetadata('id 3', { changed: true })`],
    ['updateVector', `store.updateVector('id 3', vector(1))`],
    ['deleteVector', `store.deleteVector('id 3')`],
  ])('%s: JVDB_IO, here and in a reader, and from then on', async (_name, call) => {
    const code = `const store = STORE;
      store.vectorCount;
      cut();
      const ends = [await end(() => ${call})];
      ends.push(await end(() => store.readVector('id 7', out)), await end(() => store.vectorCount), await end(() => store.stats()));
      ends.push(await end(() => store.search(vector(1))), await end(() => store.refresh()));
      say(ends);`;
    const io = Array<string>(6).fill('JVDB_IO');
    expect(await said(code.replace('STORE', 'make()'))).toEqual(io);
    // Nothing was compared with its checksum yet.
    expect(await said(code.replace('STORE', '(make().close(), MemoryMappedVectorStore.open(file))'))).toEqual(io);
    if (/update|delete/.test(call)) return;
    const reader = '(make().close(), MemoryMappedVectorStore.open(file, { readOnly: true }))';
    expect(await said(code.replace('STORE', reader))).toEqual(io);
  });

  test('by another process, in the middle of many searches', async () => {
    const ends = await said(`const store = make();
      const { spawn } = require('node:child_process');
      const other = spawn(process.execPath, ['-e', 'require("node:fs").truncateSync(process.argv[1], 0)', file]);
      let last = 'done';
      const ends = new Set();
      while (last === 'done') {
        const searches = await Promise.all(Array.from({ length: 8 }, (_, i) =>
          end(async () => {
            const [best] = await store.search(vector(i), { includeVectors: true });
            if (best.vector[0] !== best.metadata.id + 0.5) throw new Error('wrong answer');
          })));
        for (const one of searches) ends.add(one);
        last = await end(() => store.readVector('id 5', out));
      }
      say([last, [...ends].filter((one) => one !== 'done' && one !== 'JVDB_IO')]);`);
    expect(ends).toEqual(['JVDB_IO', []]);
  });

  test('a view shows zeros, and the next call throws', async () => {
    const found = await said(`const store = make();
      const view = store.viewVector('id 3');
      const before = view.every((value) => value === 3.5);
      cut();
      say([before, zeros(view), await end(() => store.has('id 4')), await end(() => store.flush())]);`);
    expect(found).toEqual([true, true, 'JVDB_IO', 'JVDB_IO']);
  });

  test('closing says so too, gives the file back, and what is opened then is what is there', async () => {
    const found = await said(`const store = make();
      cut();
      const ends = [await end(() => store.readVector('id 1', out)), await end(() => MemoryMappedVectorStore.open(file)), await end(() => store.close())];
      ends.push(await end(() => store.close()));
      try { MemoryMappedVectorStore.open(file); } catch (error) { ends.push(error.code); }
      fs.unlinkSync(file);
      const again = make();
      say([...ends, again.viewVector('id 9')[0]]);
      again.close();`);
    expect(found).toEqual(['JVDB_IO', 'JVDB_IO', 'JVDB_IO', 'done', 'JVDB_CORRUPT', 9.5]);
  });

  test('other stores of the process work on', async () => {
    const found = await said(`const store = make();
      const other = new MemoryMappedVectorStore(file + '.other', 256);
      for (let id = 0; id < 100; id++) other.storeVector(id, vector(id));
      cut();
      const ends = [await end(() => store.readVector('id 1', out)), other.viewVector(50)[0], (await other.search(vector(3)))[0].score > 0.99];
      other.close();
      say(ends);`);
    expect(found).toEqual(['JVDB_IO', 50.5, true]);
  });

  test('a SIGBUS that somebody sends goes to the listener that was there before', async () => {
    const found = await said(`let heard = 0;
      process.on('SIGBUS', () => heard++);
      const store = make();
      process.kill(process.pid, 'SIGBUS');
      for (let i = 0; i < 100 && heard === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
      cut();
      say([heard, await end(() => store.readVector('id 1', out)), heard]);`);
    expect(found).toEqual([1, 'JVDB_IO', 1]);
  });

  test('without one, it ends the process as ever', async () => {
    const code = `${PRELUDE} make(); process.kill(process.pid, 'SIGBUS'); setTimeout(() => {}, 10000); }; main();`;
    expect(await runScript(code, directory.file())).toMatchObject({ signal: 'SIGBUS' });
  });

  test('in a worker that ends, the others go on', async () => {
    const worker = `const { workerData, parentPort } = require('node:worker_threads');
      const { MemoryMappedVectorStore } = require('jvdb');
      const store = MemoryMappedVectorStore.open(workerData);
      require('node:fs').truncateSync(workerData, 0);
      try { store.viewVector('id 499'); } catch (error) { parentPort.postMessage(error.code); }`;
    const found = await said(`make().close();
      const { Worker } = require('node:worker_threads');
      const run = () => new Promise((resolve) => {
        let code;
        const worker = new Worker(${JSON.stringify(worker)}, { eval: true, workerData: file });
        worker.on('message', (message) => (code = message));
        worker.on('exit', () => resolve(code));
      });
      const codes = [await run()];
      fs.unlinkSync(file);
      make().close();
      codes.push(await run());
      say(codes);`);
    expect(found).toEqual(['JVDB_IO', 'JVDB_IO']);
  });
});
