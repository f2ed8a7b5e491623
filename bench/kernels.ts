/** The kernels: instruction sets beside scalar C++, two arrays beside simsimd, and the JavaScript work of a search. */
import { execFileSync } from 'node:child_process';
import { MemoryMappedVectorStore, simd } from '../lib/index.js';
import { inTurn, median, randomVectors, Scratch, shown, table } from './measure.js';
import { arrayPeers } from './peers/index.js';

const DIMENSIONS = [128, 768, 1536];
const ROUNDS = 31;
// In the second cache, so that instructions are the limit, not memory.
const ROWS = 64;
const CALLS = 10_000;

/** Nanoseconds of one comparison of two arrays, by name, in one dimension. */
async function pairs(dimension: number): Promise<Map<string, number>> {
  const a = randomVectors(1, dimension);
  const b = randomVectors(1, dimension, 99);
  let sum = 0;
  const calls = (cosine: (a: Float32Array, b: Float32Array) => number) => () => {
    for (let i = 0; i < CALLS; i++) sum += cosine(a, b);
  };
  const peers = arrayPeers().map(({ name, cosine }) => [name, calls(cosine)] as const);
  const found = await inTurn(ROUNDS, { jvdb: calls(simd.cosineSimilarity), ...Object.fromEntries(peers) });
  if (Number.isNaN(sum)) throw new Error('the cosines are no numbers');
  return new Map([...found].map(([name, ms]) => [name, (ms / CALLS) * 1e6]));
}

async function arrays(): Promise<void> {
  const rows: string[][] = [];
  const header = ['ns'];
  for (const dimension of DIMENSIONS) {
    const found = await pairs(dimension);
    if (header.length === 1) header.push(...found.keys(), 'jvdb ÷ simsimd');
    const ratio = (found.get('jvdb') ?? NaN) / (found.get('simsimd') ?? NaN);
    rows.push([String(dimension), ...[...found.values()].map(shown), `**${shown(ratio)}**`]);
  }
  table('Cosine similarity of two arrays', header, rows);
}

/** What a process of one level measures: nanoseconds by what they are of. */
type LevelTimes = Record<string, number>;

const SEARCHED = 10_000;
const QUERIES = 32;

/** Prints the times of the level of this process. */
async function printTimes(): Promise<void> {
  using scratch = new Scratch();
  using store = new MemoryMappedVectorStore(scratch.file('level.jvdb'), 768);
  store.batchStore(
    Float64Array.from({ length: SEARCHED }, (_, i) => i),
    randomVectors(SEARCHED, 768),
  );
  store.flushSync();
  const queries = randomVectors(QUERIES, 768, 99);
  const rows = DIMENSIONS.map((dimension) => {
    const matrix = randomVectors(ROWS, dimension);
    const query = randomVectors(1, dimension, 99);
    const out = new Float32Array(ROWS);
    const call = (): void => {
      for (let i = 0; i < 100; i++) simd.cosineSimilarities(query, matrix, out);
    };
    return [`a row of ${dimension}`, call] as const;
  });
  const found = await inTurn(ROUNDS, {
    ...Object.fromEntries(rows),
    search: () => store.searchBatch(queries, { threads: 1, includeMetadata: false }),
  });
  const per = (name: string): number => (name === 'search' ? QUERIES * SEARCHED : 100 * ROWS);
  const times: LevelTimes = Object.fromEntries([...found].map(([name, ms]) => [name, (ms / per(name)) * 1e6]));
  console.log(JSON.stringify(times));
}

function levels(): void {
  const run = (level: string): LevelTimes => {
    const env = { ...process.env, JVDB_SIMD: level };
    const printed = execFileSync(process.execPath, [...process.execArgv, __filename], { encoding: 'utf8', env });
    return JSON.parse(printed) as LevelTimes;
  };
  // In turn, so that a slow moment of the machine meets all of them.
  const turns = Array.from({ length: 5 }, () => simd.supported.map(run));
  const times = simd.supported.map((level, i) => {
    const names = Object.keys(turns[0]?.[i] ?? {});
    return { level, ns: names.map((name) => [name, median(turns.map((turn) => turn[i]?.[name] ?? NaN))] as const) };
  });
  const scalar = new Map(times[0]?.ns);
  table(
    `Cosine similarity with a row of a matrix in the cache, and with one of ${SEARCHED.toLocaleString('en')} × 768 stored vectors, ${QUERIES} queries at once: ns, and times as fast as scalar`,
    ['', ...scalar.keys()],
    times.map(({ level, ns }) => [
      level,
      ...ns.map(([name, value]) => `${shown(value)} (**${shown((scalar.get(name) ?? NaN) / value)}**)`),
    ]),
  );
}

/**
 * Microseconds that JavaScript's thread is busy with a call, when many are under way at once: what others do on
 * their threads takes less than that.
 */
async function calls(): Promise<void> {
  using scratch = new Scratch();
  using store = new MemoryMappedVectorStore(scratch.file('calls.jvdb'), 8);
  const some = randomVectors(10, 8);
  store.batchStore(
    Float64Array.from({ length: 10 }, (_, i) => i),
    some,
  );
  store.flushSync();
  const query = some.slice(0, 8);
  const many = (call: () => Promise<unknown>) => () => Promise.all(Array.from({ length: 1000 }, call));
  const options = { includeMetadata: false };
  const found = await inTurn(ROUNDS, {
    'flush, with nothing to do': many(() => store.flush()),
    searchRaw: many(() => store.searchRaw(query)),
    search: many(() => store.search(query, options)),
  });
  table(
    'A call in JavaScript, off the event loop: top 10 of 10 vectors, 1,000 under way',
    ['µs', ...found.keys()],
    [['', ...[...found.values()].map(shown)]],
  );
}

/** Runs the benches of this file. */
export async function run(): Promise<void> {
  levels();
  await arrays();
  await calls();
}

if (require.main === module) void printTimes();
