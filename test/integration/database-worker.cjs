'use strict';
// A worker that does mixed operations on databases that all workers share, and posts what it left of its
// own ids: [database, id, seed] for each.
const { workerData, parentPort } = require('node:worker_threads');
const { PersistentDatabasePersistence } = require('jvdb');

const { place, worker, operations, databases, dimension, maxOpenFiles, vectorOf: text } = workerData;
const vectorOf = eval(`(${text})`);
const persistence = new PersistentDatabasePersistence(place, { maxOpenFiles, flushIntervalSeconds: 0.05 });
let state = worker + 1;
const random = (below) => (state = (state * 48271) % 2147483647) % below;
const left = new Map();

async function step(n) {
  const name = `db${random(databases)}`;
  const id = worker * 1000 + random(30);
  const key = `${name} ${id}`;
  const expected = left.get(key);
  switch (random(8)) {
    case 0:
    case 1:
      persistence.storeVector(name, id, vectorOf(dimension, n), { n });
      left.set(key, n);
      return;
    case 2: {
      const ids = [id, worker * 1000 + 500 + random(30)];
      await persistence.batchStoreAsync(name, ids, [vectorOf(dimension, n), vectorOf(dimension, n)], [{ n }, { n }]);
      for (const one of ids) left.set(`${name} ${one}`, n);
      return;
    }
    case 3:
      if (persistence.deleteVector(name, id) > 0 !== (expected !== undefined)) throw new Error(`delete ${key}`);
      left.delete(key);
      return;
    case 4: {
      const hits = await persistence.search(name, vectorOf(dimension, expected ?? 0), { topK: 3, filterIds: [id] });
      if (hits.length !== (expected === undefined ? 0 : 1)) throw new Error(`search ${key}`);
      if (expected !== undefined && hits[0].metadata.n !== expected) throw new Error(`hit of ${key}`);
      return;
    }
    case 5:
      for await (const record of persistence.entries(name))
        if (record.vector.length !== dimension) throw new Error(key);
      return;
    case 6: {
      const own = `own-${worker}`;
      persistence.createDatabase(own, { dimension: 2 });
      persistence.storeVector(own, n, [n, 1]);
      if (persistence.vectorCount(own) !== 1 || !persistence.deleteDatabase(own)) throw new Error(own);
      return;
    }
    default: {
      const record = persistence.retrieveVector(name, id);
      if (record?.metadata.n !== expected) throw new Error(`${key} is ${record?.metadata.n}, not ${expected}`);
      if (record && record.vector.join() !== vectorOf(dimension, expected).join()) throw new Error(`vector of ${key}`);
    }
  }
}

(async () => {
  for (let n = 0; n < operations; n++) await step(n);
  const { openFiles, lruEvictions, errors } = await persistence.getStorageStats();
  await persistence.closeAsync();
  parentPort.postMessage({ left: [...left], openFiles, lruEvictions, errors });
})();
