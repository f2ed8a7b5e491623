'use strict';
// Databases that one platform writes and another reads, with what has to be in them beside.
// Usage: exchange.cjs write|read <directory>
const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { MemoryMappedVectorStore } = require('../..');

const DIMENSION = 48;
const COUNT = 1500;
const DIGEST = 'digest.json';

/** Small integers: sums of their products are exact in every order, on every processor. */
const vectorOf = (seed) =>
  Float32Array.from({ length: DIMENSION }, (_, i) => ((Math.imul(seed * DIMENSION + i, 2654435761) >>> 20) % 17) - 8);

const SCORES = {
  cosine: (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  dot,
  euclidean: (a, b) => -Math.sqrt(dot(a, a) + dot(b, b) - 2 * dot(a, b)),
};

function dot(a, b) {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

/** Every kind of change, flushes between them and a compaction; `id` names the entries. */
async function fill(file, options, id) {
  const store = new MemoryMappedVectorStore(file, DIMENSION, { ...options, initialCapacity: 64, autoCompact: false });
  for (let i = 0; i < COUNT; i++)
    store.storeVector(id(i), vectorOf(i), i % 3 === 0 ? undefined : { i, text: `ä ${i} 向` });
  await store.flush();
  for (let i = 0; i < COUNT; i += 5) store.deleteVector(id(i));
  for (let i = 1; i < COUNT; i += 5) store.updateVector(id(i), vectorOf(i + COUNT));
  for (let i = 2; i < COUNT; i += 5) store.updateMetadata(id(i), { changed: [i, null, 'é'] });
  assert.equal((await store.compact()).compacted, true);
  const more = Array.from({ length: 200 }, (_, i) => COUNT + i);
  store.batchStore(
    more.map(id),
    more.map((i) => vectorOf(i + COUNT)),
  );
  store.batchDelete(more.slice(0, 50).map(id));
  const digest = digestOf(store);
  store.close();
  return { metric: options.metric ?? 'cosine', ...digest };
}

function entriesOf(store) {
  return [...store.ids()].map((id) => ({ id, ...store.retrieveVector(id) }));
}

/** All that a store says of its content. */
function digestOf(store) {
  const hash = createHash('sha256');
  const entries = entriesOf(store);
  for (const { id, vector, metadata, createdAt, updatedAt } of entries) {
    const numbers = Array.from(vector);
    hash.update(JSON.stringify([typeof id, String(id), numbers, metadata ?? null, createdAt, updatedAt]));
  }
  return { count: entries.length, lastLsn: store.lastLsn, hash: hash.digest('hex') };
}

/** Searches find what comparing all entries does, scores to the rounding of float32. */
async function search(store, metric) {
  const entries = entriesOf(store);
  for (const seed of [-1, 7, 12345]) {
    const query = vectorOf(seed);
    const scoreOf = ({ vector }) => SCORES[metric](query, vector);
    const best = entries.map(scoreOf).sort((a, b) => b - a);
    const hits = await store.search(query, { topK: 20, includeVectors: true });
    assert.equal(hits.length, 20);
    for (const [i, hit] of hits.entries()) {
      const near = 1e-5 * Math.max(1, Math.abs(best[i]));
      assert.ok(Math.abs(scoreOf(hit) - best[i]) <= near, `hit ${i} of query ${seed} is not the best left`);
      assert.ok(
        Math.abs(hit.score - best[i]) <= near,
        `score ${hit.score} of hit ${i} of query ${seed} is not ${best[i]}`,
      );
    }
  }
}

async function write(directory) {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  const number = (i) => (i % 2 === 0 ? i : 2n ** 60n + BigInt(i));
  const digests = {
    'numbers.jvdb': await fill(path.join(directory, 'numbers.jvdb'), {}, number),
    'texts.jvdb': await fill(
      path.join(directory, 'texts.jvdb'),
      { idType: 'string', metric: 'dot' },
      (i) => `id ${i} 向量`,
    ),
    'distances.jvdb': await fill(
      path.join(directory, 'distances.jvdb'),
      { metric: 'euclidean', scanColumn: 'none', durability: 'commit' },
      (i) => BigInt(i * 7) ** 3n,
    ),
  };
  fs.writeFileSync(path.join(directory, DIGEST), JSON.stringify(digests));
}

async function read(directory) {
  const digests = JSON.parse(fs.readFileSync(path.join(directory, DIGEST), 'utf8'));
  for (const [name, { metric, ...digest }] of Object.entries(digests)) {
    const file = path.join(directory, name);
    const store = MemoryMappedVectorStore.open(file, { readOnly: true });
    assert.deepEqual(digestOf(store), digest);
    assert.equal((await store.verify()).ok, true);
    await search(store, metric);
    store.close();
    const copy = path.join(directory, `${process.platform}-${process.arch}-${name}`);
    fs.copyFileSync(file, copy);
    const changed = MemoryMappedVectorStore.open(copy);
    const id = name === 'texts.jvdb' ? 'one more' : 999_999;
    assert.equal(changed.storeVector(id, vectorOf(1), { more: true }), digest.lastLsn + 1);
    changed.close();
    const again = MemoryMappedVectorStore.open(copy);
    assert.equal(again.vectorCount, digest.count + 1);
    assert.deepEqual(again.retrieveVector(id).vector, vectorOf(1));
    assert.deepEqual(again.retrieveVector(id).metadata, { more: true });
    again.close();
    fs.rmSync(copy);
  }
  console.log(`${Object.keys(digests).length} databases read`);
}

const [role, directory] = process.argv.slice(2);
const roles = { write, read };
roles[role](directory).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
