/** Bulk and single inserts beside the bare program and lmdb. */
import { rmSync } from 'node:fs';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { bare, median, milliseconds, peer, randomVectors, Scratch, shown, table, warmMemory } from './measure.js';

const COUNT = 100_000;
const ROUNDS = 7;

interface Lmdb {
  open(options: object): {
    transactionSync(call: () => void): void;
    putSync(key: number, value: Uint8Array): void;
    flushed: Promise<unknown>;
    close(): Promise<void>;
  };
}

function jvdbBulk(file: string, dimension: number, ids: Float64Array, vectors: Float32Array): number {
  const store = new MemoryMappedVectorStore(file, dimension);
  const spent = milliseconds(() => {
    store.batchStore(ids, vectors);
    store.flushSync();
  });
  store.close();
  rmSync(file);
  return spent;
}

async function lmdbBulk(lmdb: Lmdb, path: string, dimension: number, vectors: Float32Array): Promise<number> {
  const db = lmdb.open({ path, encoding: 'binary', compression: false, mapSize: 8 * COUNT * dimension });
  const began = performance.now();
  for (let first = 0; first < COUNT; first += 10_000) {
    db.transactionSync(() => {
      for (let i = first; i < first + 10_000; i++) {
        db.putSync(i, new Uint8Array(vectors.buffer, i * dimension * 4, dimension * 4));
      }
    });
  }
  await db.flushed;
  const spent = performance.now() - began;
  await db.close();
  rmSync(path, { recursive: true, force: true });
  return spent;
}

async function bulk(scratch: Scratch, dimension: number): Promise<string[]> {
  const lmdb = peer('lmdb') as Lmdb | undefined;
  const ids = Float64Array.from({ length: COUNT }, (_, i) => i);
  const vectors = randomVectors(COUNT, dimension);
  const ours: number[] = [];
  const limits: number[] = [];
  const peers: number[] = [];
  // In turn, so that a slow moment of the machine meets all of them.
  for (let round = 0; round < ROUNDS; round++) {
    limits.push(Math.min(...bare('bulk', scratch.file('bare'), COUNT, dimension, 1)) * 1000);
    ours.push(jvdbBulk(scratch.file('ours.jvdb'), dimension, ids, vectors));
    if (lmdb !== undefined) peers.push(await lmdbBulk(lmdb, scratch.file('lmdb'), dimension, vectors));
  }
  const rate = (times: number[]): number => COUNT / (median(times) / 1000);
  return [
    String(dimension),
    shown(rate(ours)),
    shown(rate(limits)),
    `**${shown(rate(ours) / rate(limits))}**`,
    lmdb === undefined ? 'missing' : shown(rate(peers)),
    lmdb === undefined ? 'missing' : `**${shown(rate(ours) / rate(peers))}**`,
  ];
}

function single(scratch: Scratch, withMetadata: boolean): string[] {
  const dimension = 768;
  const count = 50_000;
  const vectors = randomVectors(1000, dimension);
  const row = (i: number): Float32Array => vectors.subarray((i % 1000) * dimension, ((i % 1000) + 1) * dimension);
  const rows = Array.from({ length: 1000 }, (_, i) => row(i));
  const ours: number[] = [];
  const limits: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    limits.push(...bare('single', scratch.file('bare'), count, dimension, withMetadata ? 24 : 0));
    const file = scratch.file('single.jvdb');
    const store = new MemoryMappedVectorStore(file, dimension, { initialCapacity: count });
    store.storeVector(0, row(0));
    const spent = milliseconds(() => {
      for (let i = 1; i < count; i++) {
        const vector = rows[i % 1000] ?? vectors;
        if (withMetadata) store.storeVector(i, vector, { rank: i });
        else store.storeVector(i, vector);
      }
    });
    ours.push((spent / (count - 1)) * 1e6);
    store.close();
    rmSync(file);
  }
  return [
    withMetadata ? 'with metadata' : 'without metadata',
    `${shown(median(ours) / 1000)} µs`,
    `${shown(median(limits) / 1000)} µs`,
    `**${shown(median(ours) / median(limits))}**`,
  ];
}

/** Runs the benches of this file. */
export async function run(): Promise<void> {
  using scratch = new Scratch();
  warmMemory(4 * 2 ** 30);
  const rows = [];
  for (const dimension of [128, 768, 1536]) rows.push(await bulk(scratch, dimension));
  table(
    `Bulk insert of ${COUNT.toLocaleString('en')} vectors, durable: vectors/s, median of ${ROUNDS}`,
    ['dimension', 'jvdb', 'bare pwrite + fdatasync', 'ratio', 'lmdb, transactions of 10,000', 'ratio'],
    rows,
  );
  table(
    `storeVector, dimension 768, median of ${ROUNDS}`,
    ['', 'jvdb', 'the same pwrites alone', 'ratio'],
    [single(scratch, false), single(scratch, true)],
  );
}
