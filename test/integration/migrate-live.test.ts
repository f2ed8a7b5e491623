/** Migrating without downtime: passes beside a process that goes on writing to the old database, then the last one. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { MemoryMappedVectorStore, migrate } from '../../lib/index.js';
import { Directory, startNode, vectorOf } from '../support.js';
import { oldFile } from '../unit/formats/legacy-files.js';

const directory = new Directory();
// Its index is read in several pieces.
const COUNT = 40_000;
const DIMENSION = 16;

// Changes vectors in place as the old server did, half by half, then the entry's time; deletes some.
const OLD_SERVER = `
  const fs = require('node:fs');
  const file = fs.openSync(process.argv[1], 'r+');
  const slots = ${2 * COUNT}, data = 128 + 64 * slots, entry = Buffer.alloc(64);
  const half = Buffer.alloc(${2 * DIMENSION});
  let changes = 0;
  process.stdin.on('end', () => { console.log(changes); process.exit(); }).resume();
  const change = () => {
    for (let i = 0; i < 20; i++) {
      const at = 128 + 64 * Math.floor(Math.random() * slots);
      fs.readSync(file, entry, 0, 64, at);
      if (entry.readUInt32LE(28) !== 1) continue;
      const vector = Number(entry.readBigUInt64LE(8));
      for (let i = 0; i < half.length; i += 4) half.writeFloatLE(changes + 1, i);
      fs.writeSync(file, half, 0, half.length, vector);
      fs.writeSync(file, half, 0, half.length, vector + half.length);
      entry.writeBigUInt64LE(BigInt(Date.now()) * 1000000n, 32);
      if (++changes % 50 === 0) entry.writeUInt32LE(2, 28);
      fs.writeSync(file, entry, 24, 16, at + 24);
    }
    setTimeout(change, 1);
  };
  console.log('writes');
  change();`;

const OURS = `
  const { MemoryMappedVectorStore } = require('jvdb');
  const store = MemoryMappedVectorStore.open(process.argv[1]);
  let changes = 0;
  process.stdin.on('end', () => { store.close(); console.log(changes); process.exit(); }).resume();
  const change = () => {
    for (let i = 0; i < 20; i++) {
      const id = 'id ' + Math.floor(Math.random() * ${COUNT});
      if (++changes % 50 === 0) store.deleteVector(id);
      else store.storeVector(id, new Float32Array(${DIMENSION}).fill(changes), { changes });
    }
    if (Math.random() < 0.05) store.flushSync();
    setTimeout(change, 1);
  };
  console.log('writes');
  change();`;

function oldServers(): string {
  const folder = path.join(directory.path, 'old');
  mkdirSync(folder);
  const vectors = Array.from({ length: COUNT }, (_, i) => ({ id: `id ${i}`, vector: [...vectorOf(DIMENSION, i)] }));
  writeFileSync(path.join(folder, 'vectors.jvdb'), oldFile(vectors, { capacity: 2 * COUNT }));
  return path.join(folder, 'vectors.jvdb');
}

function ours(): string {
  const numbers = Array.from({ length: COUNT }, (_, i) => i);
  using store = new MemoryMappedVectorStore<object, string>(directory.file(), DIMENSION, { idType: 'string' });
  store.batchStore(
    numbers.map((i) => `id ${i}`),
    numbers.map((i) => vectorOf(DIMENSION, i)),
  );
  return store.filePath;
}

test.each([
  ['the old server', oldServers, OLD_SERVER],
  ['this package', ours, OURS],
])('from %s', async (_, make, script) => {
  const from = make();
  const to = directory.file();
  const writer = startNode(['-e', script, from]);
  const closed = once(writer, 'close');
  let said = '';
  writer.stdout!.on('data', (text: Buffer) => (said += text.toString()));
  await once(writer.stdout!, 'data');
  const taken: number[] = [];
  for (let pass = 0; pass < 5; pass++) {
    const { databases } = await migrate(from, to, { pass: true, skipInvalid: true });
    taken.push(databases[0]!.taken);
    if (pass < 4) await pause(300); // what was changed during the last one is for the very last
  }
  writer.stdin!.end();
  await closed;
  expect(taken[0]).toBeGreaterThan(0);
  expect(Math.max(...taken.slice(1))).toBeLessThan(COUNT / 2);
  expect(Number(said.split('\n')[1])).toBeGreaterThan(2000);
  const { ok, databases } = await migrate(from, to, { validate: true });
  expect(databases[0]!.validation).toMatchObject({ missing: 0, different: 0, extra: 0 });
  expect([ok, databases[0]!.vectorCount]).toEqual([true, databases[0]!.validation!.compared]);
});
