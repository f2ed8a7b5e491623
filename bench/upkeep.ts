/** Compacting, backing up and verifying beside plain copies of as many bytes, and searches meanwhile. */
import { closeSync, copyFileSync, fsyncSync, openSync, rmSync, statSync, truncateSync } from 'node:fs';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { inTurn, median, randomVectors, Scratch, shown, table } from './measure.js';

const ROUNDS = 5;
const MB = 1e6;

/** As `cp` and `sync` do. */
function copy(from: string, to: string, bytes: number): void {
  copyFileSync(from, to);
  truncateSync(to, bytes);
  const descriptor = openSync(to, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
  rmSync(to);
}

/** Every other vector of the file was replaced: a third of what it holds is dead. */
function fill(filePath: string, count: number, dimension: number): MemoryMappedVectorStore {
  const store = new MemoryMappedVectorStore(filePath, dimension, { initialCapacity: count, autoCompact: false });
  const ids = Array.from({ length: count }, (_, id) => id);
  const vectors = randomVectors(count, dimension);
  store.batchStore(ids, vectors);
  churn(store, vectors, count);
  return store;
}

function churn(store: MemoryMappedVectorStore, vectors: Float32Array, count: number): void {
  const half = Array.from({ length: count / 2 }, (_, i) => 2 * i);
  store.batchStore(half, vectors.subarray(0, (count / 2) * store.dimension));
  store.flushSync();
}

async function speeds(scratch: Scratch, count: number, dimension: number): Promise<string[]> {
  const store = fill(scratch.file('speeds.jvdb'), count, dimension);
  const vectors = randomVectors(count, dimension);
  const live = scratch.file('live.jvdb');
  await store.compact();
  copyFileSync(store.filePath, live);
  const { size: liveBytes } = statSync(live);
  let number = 0;
  let backupBytes = 0;
  const spent = { compact: [] as number[], backup: [] as number[] };
  const took = await inTurn(ROUNDS, {
    'copy of what lives': () => {
      copy(live, scratch.file('copy'), liveBytes);
    },
    churn: () => {
      churn(store, vectors, count);
    },
    'copy of all': () => {
      const { size } = statSync(store.filePath);
      copy(store.filePath, scratch.file('copy'), size);
    },
    backup: async () => {
      const report = await store.backup(scratch.file(`backup-${++number}`));
      backupBytes = report.bytes;
      spent.backup.push(report.durationMs);
      rmSync(report.path);
    },
    verify: () => store.verify(),
    compact: async () => {
      spent.compact.push((await store.compact()).durationMs);
    },
  });
  store.close();
  rmSync(store.filePath);
  const speed = (bytes: number, ms: number): number => bytes / MB / (ms / 1000);
  const compacting = speed(liveBytes, median(spent.compact));
  const copying = speed(liveBytes, took.get('copy of what lives') ?? NaN);
  const backing = speed(backupBytes, median(spent.backup));
  const copyingAll = speed(backupBytes, took.get('copy of all') ?? NaN);
  const verifying = speed(backupBytes, took.get('verify') ?? NaN);
  const cell = (value: number): string => `${shown(value)} MB/s`;
  return [
    `${count.toLocaleString('en')} × ${dimension}`,
    ...[cell(compacting), cell(copying), `**${shown(compacting / copying)}**`],
    ...[cell(backing), cell(copyingAll), `**${shown(backing / copyingAll)}**`, cell(verifying)],
  ];
}

async function latencies(store: MemoryMappedVectorStore, query: Float32Array, until: () => boolean): Promise<number[]> {
  const spent: number[] = [];
  while (!until()) {
    const began = performance.now();
    await store.search(query, { topK: 10 });
    spent.push(performance.now() - began);
  }
  return spent.sort((a, b) => a - b);
}

async function meanwhile(scratch: Scratch, count: number, dimension: number): Promise<string[]> {
  const store = fill(scratch.file('meanwhile.jvdb'), count, dimension);
  const vectors = randomVectors(count, dimension);
  const query = randomVectors(1, dimension, 7);
  const alone: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let left = 200;
    alone.push(...(await latencies(store, query, () => left-- === 0)));
    const state = { done: false };
    const compacting = store.compact().finally(() => (state.done = true));
    beside.push(...(await latencies(store, query, () => state.done)));
    await compacting;
    churn(store, vectors, count);
  }
  store.close();
  rmSync(store.filePath);
  const quantile = (values: number[], share: number): number =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? NaN;
  const [p50, p99] = [0.5, 0.99].map((share) => [quantile(alone, share), quantile(beside, share)] as const);
  const cells = ([a, b]: readonly [number, number]): string[] => [
    `${shown(a)} ms`,
    `${shown(b)} ms`,
    `**${shown(b / a)}**`,
  ];
  return [
    `${count.toLocaleString('en')} × ${dimension}`,
    ...cells(p50 ?? [NaN, NaN]),
    ...cells(p99 ?? [NaN, NaN]),
    String(beside.length),
  ];
}

/** Runs the benches of this file. */
export async function run(): Promise<void> {
  using scratch = new Scratch();
  const sizes = [
    [400_000, 128],
    [100_000, 768],
  ] as const;
  const rows: string[][] = [];
  for (const [count, dimension] of sizes) rows.push(await speeds(scratch, count, dimension));
  table(
    `Compacting and backing up beside a plain copy and fsync of as many bytes, median of ${ROUNDS} rounds in turn`,
    ['', 'compact', 'copy of what lives', 'ratio', 'backup, verified', 'copy of the file', 'ratio', 'verify'],
    rows,
  );
  const searches: string[][] = [];
  for (const [count, dimension] of sizes) searches.push(await meanwhile(scratch, count, dimension));
  table(
    'Searches one after the other, without and during a compaction',
    ['', 'p50 without', 'during', 'ratio', 'p99 without', 'during', 'ratio', 'searches during'],
    searches,
  );
}
