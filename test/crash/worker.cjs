'use strict';
// A worker that is made to be terminated: it does all a store can do, over and over, and counts what it
// was told is written in `acknowledged`, an Int32Array over shared memory: the next id, then 1 for each id
// that is written.
const { setImmediate } = require('node:timers/promises');
const { workerData, parentPort } = require('node:worker_threads');
const { MemoryMappedVectorStore } = require('jvdb');

const { file, dimension, acknowledged, kind, durability } = workerData;
const store = new MemoryMappedVectorStore(file, dimension, { durability });
const vector = (id) => new Float32Array(dimension).fill(id);
const query = new Float32Array(dimension).fill(1);
const kept = [];

/** The next id of all workers; whatever it names is written with one call. */
const take = (count) => Atomics.add(acknowledged, 0, count);
const wrote = (first, count) => {
  for (let id = first; id < first + count; id++) Atomics.store(acknowledged, id + 1, 1);
};
function write(count) {
  const first = take(count);
  if (first + count >= acknowledged.length - 1) return;
  if (count === 1) store.storeVector(first, vector(first), { id: first });
  else {
    const ids = Array.from({ length: count }, (_, i) => first + i);
    store.batchStore(
      ids,
      ids.map(vector),
      ids.map((id) => ({ id })),
    );
  }
  wrote(first, count);
}

const KINDS = {
  call: () => {
    for (let i = 0; i < 50; i++) write(1);
    write(30);
  },
  search: async () => {
    write(1);
    await Promise.all([store.search(query, { topK: 100 }), store.search(query), store.flush()]);
  },
  flush: async () => {
    write(5);
    await Promise.all([store.flush(), store.flush()]);
  },
  batch: async () => {
    const first = take(20);
    if (first + 20 >= acknowledged.length - 1) return;
    const ids = Array.from({ length: 20 }, (_, i) => first + i);
    await Promise.all([
      store.batchStoreAsync(
        ids,
        ids.map(vector),
        ids.map((id) => ({ id })),
      ),
      store.flush(),
    ]);
    wrote(first, 20);
  },
  read: async () => {
    for (let i = 0; i < 20; i++) kept.push(store.viewVector(i));
    kept.splice(0, Math.max(0, kept.length - 1000));
    for await (const record of store.entries()) if (record.id > 500) break;
    for await (const change of store.changes()) if (change.lsn > 500) break;
    [...store.ids()];
  },
  open: async () => {
    const other = await MemoryMappedVectorStore.openAsync(file);
    const search = other.search(query).catch((error) => error.code);
    await other.closeAsync();
    await search;
    write(1);
  },
};

async function main() {
  const names = kind === 'all' ? Object.keys(KINDS) : [kind];
  let started = false;
  for (;;) {
    await Promise.all(names.map((name) => KINDS[name]()));
    if (!started) parentPort.postMessage('started');
    started = true;
    await setImmediate();
  }
}
void main();
