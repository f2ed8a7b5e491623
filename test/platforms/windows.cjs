'use strict';
// What scripts/platforms/windows.js runs with node.exe: the package on Windows, from paths that only
// Windows has to a writer that is killed. Output and that of children goes to files: pipes between
// processes are what Wine does badly.
// Usage: windows.cjs <directory> [role [path]]; JVDB_KILLS sets how many writers are killed.
const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const { MemoryMappedVectorStore } = require('jvdb');
const { operation, applyToModel } = require('../crash/operations.cjs');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const DIMENSION = 100;
const COUNT = 500;
const vectorOf = (seed) => Float32Array.from({ length: DIMENSION }, (_, i) => ((seed * 31 + i * 7) % 101) - 50);

/** Stores, closes, reopens, reads and searches. */
async function useFile(file) {
  const store = new MemoryMappedVectorStore(file, DIMENSION, { idType: 'string' });
  for (let i = 0; i < COUNT; i++) store.storeVector(`id ${i}`, vectorOf(i), { i });
  const more = Array.from({ length: COUNT }, (_, i) => `more ${i}`);
  await store.batchStoreAsync(more, Float32Array.from(more.flatMap((_, i) => [...vectorOf(i + COUNT)])));
  store.deleteVector('more 7');
  await store.flush();
  store.close();
  const again = await MemoryMappedVectorStore.openAsync(file);
  assert.equal(again.stats().recovery.clean, true);
  assert.equal(again.vectorCount, 2 * COUNT - 1);
  assert.deepEqual(again.retrieveVector('more 9').vector, vectorOf(COUNT + 9));
  const [hit] = await again.search(vectorOf(60), { topK: 3 });
  assert.ok(hit.score > 0.999999 && again.retrieveVector(hit.id) !== undefined);
  assert.deepEqual(again.retrieveVector('id 60').metadata, { i: 60 });
  again.close();
}

async function paths(directory) {
  const names = ['plain', 'with space', 'дб-向量-é', '🗄'];
  const deep = path.join(directory, 'a'.repeat(120), 'б'.repeat(120));
  fs.mkdirSync(deep, { recursive: true });
  const files = [...names.map((name) => path.join(directory, `${name}.jvdb`)), path.join(deep, 'long.jvdb')];
  assert.ok(files.at(-1).length > 260);
  for (const file of files) await useFile(file);
  process.chdir(directory);
  const relative = MemoryMappedVectorStore.open('./plain.jvdb');
  assert.equal(relative.vectorCount, 2 * COUNT - 1);
  relative.close();
  for (const name of ['NUL', 'con.jvdb', 'plain.jvdb:stream', directory]) {
    assert.throws(() => new MemoryMappedVectorStore(name, 3), { code: 'JVDB_INVALID_ARGUMENT' });
  }
  assert.throws(() => MemoryMappedVectorStore.open('absent.jvdb'), { code: 'JVDB_NOT_FOUND' });
}

/** Runs this script in another role, in a process of its own; returns its exit status. */
function child(directory, role, file) {
  const log = fs.openSync(path.join(directory, `${role}.log`), 'w');
  const { status } = spawnSync(process.execPath, [module.filename, directory, role, file], {
    stdio: ['ignore', log, log],
  });
  fs.closeSync(log);
  return status;
}

function contend(file) {
  assert.throws(() => MemoryMappedVectorStore.open(file), { code: 'JVDB_LOCKED' });
  const reader = MemoryMappedVectorStore.open(file, { readOnly: true });
  assert.equal(reader.vectorCount, 2 * COUNT - 1);
  assert.throws(() => reader.deleteVector('id 1'), { code: 'JVDB_READ_ONLY' });
  reader.close();
}

function processes(directory) {
  const file = path.join(directory, 'plain.jvdb');
  const store = MemoryMappedVectorStore.open(file);
  assert.equal(child(directory, 'contend', file), 0);
  store.close();
  assert.equal(child(directory, 'write', file), 0);
  const again = MemoryMappedVectorStore.open(file);
  // The other process left by process.exit(), without a close: it flushed all the same.
  assert.equal(again.stats().recovery.clean, false);
  assert.deepEqual(again.retrieveVector('other process').vector, vectorOf(1));
  again.close();
}

async function worker(directory) {
  const file = path.join(directory, 'plain.jvdb');
  const store = MemoryMappedVectorStore.open(file);
  const before = store.vectorCount;
  const thread = new Worker(module.filename, { workerData: file });
  await new Promise((resolve, reject) => thread.on('exit', resolve).on('error', reject));
  assert.equal(store.vectorCount, before + 100);
  store.close();
}

function work(file) {
  const store = MemoryMappedVectorStore.open(file);
  for (let i = 0; i < 100; i++) store.storeVector(`worker ${i}`, vectorOf(i));
  store.close();
}

/** Another process reads on while this one writes, and the file grows under its mappings. */
async function follow(directory) {
  const file = path.join(directory, 'followed.jvdb');
  const store = new MemoryMappedVectorStore(file, DIMENSION, { initialCapacity: 10 });
  store.storeVector(0, vectorOf(0));
  const log = fs.openSync(path.join(directory, 'follow.log'), 'w');
  const reader = spawn(process.execPath, [module.filename, directory, 'follow', file], { stdio: ['ignore', log, log] });
  const ended = new Promise((resolve) => reader.on('exit', resolve));
  for (let i = 1; i <= 3000; i++) store.storeVector(i, vectorOf(i));
  assert.ok(store.stats().extentCount > 3);
  assert.equal(await ended, 0);
  store.close();
}

async function read(file) {
  const store = MemoryMappedVectorStore.open(file, { readOnly: true });
  let seen = 0;
  while (!store.has(3000)) {
    store.refresh();
    assert.ok(store.vectorCount >= seen);
    for (; seen < store.vectorCount; seen++) {
      assert.deepEqual(store.retrieveVector(seen).vector, vectorOf(seen));
      assert.deepEqual(store.viewVector(seen), vectorOf(seen));
    }
    await new Promise((done) => setTimeout(done, 1));
  }
  const view = store.viewVector(5);
  view[0] = 1e6;
  assert.deepEqual(store.retrieveVector(5).vector, vectorOf(5));
  store.close();
}

/** Starts a writer, kills it once it acknowledged some operations; resolves with the last one. */
async function kill(directory, file, seed, first, count) {
  const output = path.join(directory, 'writer.log');
  const log = fs.openSync(output, 'w');
  const script = path.join(__dirname, '../crash/writer.cjs');
  const numbers = [seed, 3, first, 10].map(String);
  const writer = spawn(process.execPath, [script, file, ...numbers], { stdio: ['ignore', log, log] });
  const ended = new Promise((resolve) => writer.on('exit', (status, signal) => resolve(signal ?? status)));
  const acknowledged = () => fs.readFileSync(output, 'utf8').split('\n').slice(0, -1).map(Number);
  const until = Date.now() + 30000;
  while (acknowledged().length < count && Date.now() < until) await new Promise((done) => setTimeout(done, 1));
  writer.kill('SIGKILL');
  assert.equal(await ended, 'SIGKILL');
  fs.closeSync(log);
  return acknowledged().at(-1);
}

/** What was acknowledged is there, bit by bit, and at most the one operation under way besides. */
async function kills(directory) {
  const file = path.join(directory, 'killed.jvdb');
  const seed = 3;
  const model = new Map();
  let lsn = 0;
  let next = 0;
  for (let round = 0; round < Number(process.env.JVDB_KILLS ?? 10); round++) {
    const last = await kill(directory, file, seed, next, 20 + round * 13);
    const store = MemoryMappedVectorStore.open(file);
    for (; next <= last; next++) lsn += applyToModel(model, operation(seed, next, 3));
    if (store.lastLsn !== lsn) lsn += applyToModel(model, operation(seed, next++, 3));
    assert.equal(store.lastLsn, lsn);
    assert.equal(store.vectorCount, model.size);
    for (const [id, { vector, metadata }] of model) {
      const found = store.retrieveVector(id);
      assert.deepEqual([found.vector, found.metadata], [vector, metadata]);
    }
    store.close();
  }
}

async function all(store) {
  const found = [];
  for await (const entry of store.entries()) found.push(entry);
  return found;
}

/** Verifies, compacts, copies and puts together again; compacting takes that nobody holds the file. */
async function upkeep(directory) {
  const file = path.join(directory, 'upkeep-向量.jvdb');
  const [whole, more, restored] = ['whole', 'more', 'restored'].map((name) => path.join(directory, `${name}.jvdb`));
  const store = new MemoryMappedVectorStore(file, DIMENSION);
  for (let i = 0; i < 2 * COUNT; i++) store.storeVector(i % COUNT, vectorOf(i), { i });
  await store.flush(); // only what is durable can be seen without a copy
  const held = { view: store.viewVector(2) };
  await assert.rejects(store.compact(), { code: 'JVDB_CONFLICT', message: /views/ });
  assert.deepEqual(held.view, vectorOf(COUNT + 2));
  store.storeVector(1, vectorOf(1));
  delete held.view;
  for (let i = 0; i < 10; i++) {
    collect();
    await new Promise((done) => setTimeout(done, 10));
  }
  const search = store.search(vectorOf(700), { topK: 1 });
  const report = await store.compact();
  assert.ok((await search)[0].score > 0.999999);
  assert.deepEqual([report.compacted, report.vectorCount, report.deadCount], [true, COUNT, COUNT + 1]);
  assert.equal((await store.verify()).ok, true);
  const { lastLsn } = await store.backup(whole);
  store.storeVector(9999, vectorOf(9999));
  await store.backup(more, { sinceLsn: lastLsn });
  await MemoryMappedVectorStore.restore([whole, more], restored);
  const before = await all(store);
  store.close();
  for (const name of [file, restored]) {
    const again = MemoryMappedVectorStore.open(name);
    assert.deepEqual(await all(again), before);
    again.close();
  }
  assert.equal(fs.existsSync(`${file}.compacting`), false);
}

/** Files that Linux wrote. */
function fixtures(directory) {
  for (const name of ['int64-v1.jvdb', 'string-v1.jvdb']) {
    const copy = path.join(directory, name);
    fs.copyFileSync(path.join(__dirname, '../fixtures', name), copy);
    const store = MemoryMappedVectorStore.open(copy);
    const ids = [...store.ids()];
    assert.ok(ids.length > 0 && ids.length === store.vectorCount);
    for (const id of ids) assert.equal(store.retrieveVector(id).vector.length, store.dimension);
    store.close();
  }
}

async function main(directory) {
  for (const test of [paths, processes, worker, follow, upkeep, kills, fixtures]) {
    const began = Date.now();
    await test(directory);
    console.log(`${test.name}: ok, ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
}

const [directory, role, file] = process.argv.slice(2);
if (!isMainThread) work(workerData);
else if (role === 'contend') contend(file);
else if (role === 'follow') read(file);
else if (role === 'write') {
  MemoryMappedVectorStore.open(file).storeVector('other process', vectorOf(1));
  process.exit(0);
} else {
  main(directory).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
