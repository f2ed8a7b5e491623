/** Reading one vector by id beside JavaScript's own copies, by benchmark.js. */
import { setImmediate } from 'node:timers/promises';
import Benchmark from 'benchmark';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { median, milliseconds, randomVectors, Scratch, shown, table } from './measure.js';

const COUNT = 100_000;
const DIMENSION = 768;

/** Nanoseconds for one call of each, by name: medians, for a garbage collection in one sample says little. */
function nanoseconds(cases: Record<string, () => unknown>): Record<string, number> {
  const suite = new Benchmark.Suite();
  for (const [name, call] of Object.entries(cases)) suite.add(name, call, { maxTime: 2, minSamples: 20 });
  suite.run();
  const all = Array.from(suite as unknown as ArrayLike<Benchmark.Target>);
  return Object.fromEntries(all.map(({ name, stats }) => [name ?? '', median(stats?.sample ?? []) * 1e9]));
}

/**
 * Microseconds for a view: of the call alone, and with its end. Views end in the event loop, so they are
 * made some at a time.
 */
async function viewing(store: MemoryMappedVectorStore, next: () => number): Promise<[call: number, all: number]> {
  const some = 5000;
  const rounds = 100;
  const calls: number[] = [];
  const began = performance.now();
  for (let round = 0; round < rounds; round++) {
    calls.push(
      milliseconds(() => {
        for (let i = 0; i < some; i++) store.viewVector(next());
      }) / some,
    );
    await setImmediate();
  }
  return [median(calls) * 1000, ((performance.now() - began) / rounds / some) * 1000];
}

/** Runs the benches of this file. */
export async function run(): Promise<void> {
  using scratch = new Scratch();
  const matrix = randomVectors(COUNT, DIMENSION);
  using store = new MemoryMappedVectorStore(scratch.file('read.jvdb'), DIMENSION);
  const ids = Float64Array.from({ length: COUNT }, (_, i) => i);
  store.batchStore(ids, matrix);
  const order = Float64Array.from({ length: COUNT }, (_, i) => (i * 48271) % COUNT);
  let turn = 0;
  const next = (): number => order[turn++ % COUNT] ?? 0;
  const out = new Float32Array(DIMENSION);
  const some = ids.slice(0, 100);
  const rows = new Float32Array(100 * DIMENSION);
  let first = 0;
  // The first read of a vector compares it with its checksum; from then on it is not.
  for (const id of ids) store.readVector(id, out);

  const ns = nanoseconds({
    retrieveVector: () => store.retrieveVector(next()),
    'matrix.slice': () => {
      const i = next();
      return matrix.slice(i * DIMENSION, (i + 1) * DIMENSION);
    },
    readVector: () => store.readVector(next(), out),
    'out.set': () => {
      const i = next();
      out.set(matrix.subarray(i * DIMENSION, (i + 1) * DIMENSION));
    },
    'readVectors of 100': () => {
      for (let i = 0; i < 100; i++) some[i] = order[(first + i) % COUNT] ?? 0;
      first += 100;
      return store.readVectors(some, rows);
    },
    has: () => store.has(next()),
  });
  const [view, viewAndEnd] = await viewing(store, next);
  const line = (ours: string, theirs: string): string[] => [
    ours,
    `${shown(ns[ours] ?? NaN)} ns`,
    theirs,
    `${shown(ns[theirs] ?? NaN)} ns`,
    `**${shown((ns[ours] ?? NaN) / (ns[theirs] ?? NaN))}**`,
  ];
  table(
    `One of ${COUNT.toLocaleString('en')} vectors of dimension ${DIMENSION}, at random`,
    ['jvdb', '', 'JavaScript', '', 'ratio'],
    [
      line('retrieveVector', 'matrix.slice'),
      line('readVector', 'out.set'),
      ['viewVector (with its end)', `${shown(view * 1000)} ns (${shown(viewAndEnd * 1000)})`, '', '', ''],
      ['readVectors of 100, each', `${shown((ns['readVectors of 100'] ?? NaN) / 100)} ns`, '', '', ''],
      ['has', `${shown(ns['has'] ?? NaN)} ns`, '', '', ''],
    ],
  );
}
