/**
 * Exact search beside the libraries that search exactly, and the float path beside the memory's bandwidth. Vectors are
 * random, the hardest for a bound: all are about as far from a query. `--chart` draws docs/search.svg.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { chart } from './chart.js';
import { bare, inTurn, median, randomVectors, Scratch, shown, table } from './measure.js';
import { searchPeers, type Loaded, type Peer } from './peers/index.js';

const SHAPES = [
  [100_000, 128],
  [100_000, 768],
  [100_000, 1536],
  [1_000_000, 128],
] as const;
const TOP_K = 10;
const BATCH = 100;
const THREADS = availableParallelism();
const JVDB = 'jvdb';
const FLOAT = "jvdb, scanColumn 'none'";

/** Rows that a library holds, and queries to ask for. */
interface Contender extends Loaded {
  name: string;
  threads: Peer['threads'];
}

/** Milliseconds by name. */
type Times = Map<string, number>;

/** Bytes a second: of the float path, and of reading the same file, on one thread and on all. */
interface Bandwidth {
  one: number;
  oneReading: number;
  all: number;
  allReading: number;
}

interface Figures {
  title: string;
  one: Times;
  all: Times;
  batch: Times;
  floats: Bandwidth;
}

function ours(name: string, store: MemoryMappedVectorStore): Contender {
  return {
    name,
    threads: 'settable',
    search: (query, topK, threads) => {
      return store.searchSync(query, { topK, threads, includeMetadata: false }).map(({ id }) => Number(id));
    },
    async searchBatch(queries, topK, threads) {
      const found = await store.searchBatch(queries, { topK, threads, includeMetadata: false });
      return found.map((hits) => hits.map(({ id }) => Number(id)));
    },
    close: () => {
      store.close();
    },
  };
}

function storeOf(file: string, data: Float32Array, dimension: number, scanColumn: 'int8' | 'none') {
  const count = data.length / dimension;
  const store = new MemoryMappedVectorStore(file, dimension, { scanColumn, initialCapacity: count });
  store.batchStore(
    Float64Array.from({ length: count }, (_, i) => i),
    data,
  );
  store.flushSync();
  return store;
}

async function contenders(scratch: Scratch, data: Float32Array, dimension: number): Promise<Contender[]> {
  const stores = [
    ours(JVDB, storeOf(scratch.file('int8.jvdb'), data, dimension, 'int8')),
    ours(FLOAT, storeOf(scratch.file('none.jvdb'), data, dimension, 'none')),
  ];
  const peers: Contender[] = [];
  for (const peer of searchPeers()) {
    peers.push({ ...(await peer.load(data, dimension)), name: peer.name, threads: peer.threads });
  }
  return [...stores, ...peers];
}

/** Each must find the same: a wrong answer has no speed. */
function compare(all: Contender[], query: Float32Array): void {
  const [first, ...others] = all.map(({ name, search }) => ({ name, rows: search(query, TOP_K, THREADS) }));
  for (const { name, rows } of others) {
    // Sums in float32 may exchange two that are nearly equal.
    const common = rows.filter((row) => first?.rows.includes(row));
    if (common.length < TOP_K - 1) throw new Error(`${name} found ${rows.join()}, jvdb ${first?.rows.join() ?? ''}`);
  }
}

async function measure(count: number, dimension: number): Promise<Figures> {
  using scratch = new Scratch();
  const title = `${count.toLocaleString('en')} × ${dimension}`;
  console.error(`loading ${title} …`);
  const all = await contenders(scratch, randomVectors(count, dimension), dimension);
  const queries = randomVectors(BATCH + 1, dimension, 99);
  const query = (i: number): Float32Array => queries.slice((i % BATCH) * dimension, ((i % BATCH) + 1) * dimension);
  compare(all, query(0));
  const batch = queries.slice(0, BATCH * dimension);
  const single = (threads: number, some: Contender[]) =>
    inTurn(
      21,
      Object.fromEntries(some.map(({ name, search }) => [name, (i: number) => search(query(i), TOP_K, threads)])),
    );
  const one = await single(1, all);
  const together = await single(
    THREADS,
    all.filter(({ threads }) => threads === 'settable'),
  );
  const batches = await inTurn(
    3,
    Object.fromEntries(
      all.flatMap(({ name, searchBatch }) =>
        searchBatch === undefined ? [] : [[name, () => searchBatch(batch, TOP_K, THREADS)]],
      ),
    ),
  );
  const rate = (times: Times): number => (count * dimension * 4) / (at(times, FLOAT) / 1000);
  const floats = {
    one: rate(one),
    oneReading: readingRate(scratch.file('none.jvdb'), 1),
    all: rate(together),
    allReading: readingRate(scratch.file('none.jvdb'), THREADS),
  };
  for (const { close } of all) close?.();
  return { title, one, all: together, batch: new Map([...batches].map(([name, ms]) => [name, ms / BATCH])), floats };
}

function readingRate(file: string, threads: number): number {
  return median(bare('read', file, threads, 21, '-'));
}

const at = (times: Times, name: string): number => times.get(name) ?? NaN;

function best(times: Times): number {
  return Math.min(...[...times].filter(([name]) => !name.startsWith(JVDB)).map(([, ms]) => ms));
}

function tableOf(title: string, figures: Figures[], times: (of: Figures) => Times): void {
  const names = [...new Set(figures.flatMap((of) => [...times(of).keys()]))];
  const rows = figures.map((of) => [
    of.title,
    ...names.map((name) => (times(of).has(name) ? shown(at(times(of), name)) : '')),
    `**${shown(best(new Map([...of.one, ...times(of)])) / at(times(of), JVDB))}**`,
  ]);
  table(title, ['ms', ...names, 'best peer ÷ jvdb'], rows);
}

function bandwidths(figures: Figures[]): void {
  const rows = figures.map(({ title, one, all, floats }) => {
    const pair = (found: number, limit: number): string[] => [
      `${shown(found / 1e9)} GB/s`,
      `${shown(limit / 1e9)} GB/s`,
      `**${shown(found / limit)}**`,
    ];
    const speedup = (name: string): string => `**${shown(at(one, name) / at(all, name))}**`;
    return [
      title,
      ...pair(floats.one, floats.oneReading),
      ...pair(floats.all, floats.allReading),
      shown(floats.allReading / floats.oneReading),
      speedup(FLOAT),
      speedup(JVDB),
    ];
  });
  const threads = `${THREADS} threads`;
  table(
    `The float path beside reading the same file, and what ${threads} bring: to reading, to the float path, with codes`,
    ['', 'one thread', 'reading', 'ratio', threads, 'reading', 'ratio', `${threads}: reading`, 'float path', 'codes'],
    rows,
  );
}

function draw({ title, one, batch }: Figures): void {
  const file = path.join(__dirname, '..', 'docs', 'search.svg');
  const panels = [
    { title: `One query, one thread, ${title}`, values: one },
    { title: `${BATCH} queries at once, each`, values: batch },
  ];
  writeFileSync(file, chart(`Exact top ${TOP_K}: milliseconds, fewer are better`, panels));
  console.log(`\n${file} was drawn.`);
}

/** Runs the benches of this file. */
export async function run(): Promise<void> {
  const figures: Figures[] = [];
  for (const [count, dimension] of SHAPES) figures.push(await measure(count, dimension));
  tableOf(`Exact top ${TOP_K}, one query, one thread`, figures, ({ one }) => one);
  // A peer that can't use more takes as long as with one.
  tableOf(`The same on ${THREADS} threads`, figures, ({ all }) => all);
  tableOf(`${BATCH} queries at once on ${THREADS} threads, each`, figures, ({ batch }) => batch);
  bandwidths(figures);
  const [, middle] = figures;
  if (process.argv.includes('--chart') && middle !== undefined) draw(middle);
}
