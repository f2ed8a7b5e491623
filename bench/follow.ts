/** A reader beside a writer in another process, and what reading costs the first time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { median, milliseconds, randomVectors, Scratch, shown, table } from './measure.js';

const DIMENSION = 128;
const RATE = 100_000; // inserts a second
const SECONDS = 5;

// Every vector says when it was written, by the clock that all processes share.
const WRITER = `const { MemoryMappedVectorStore } = require(${JSON.stringify(path.join(__dirname, '..'))});
  const store = new MemoryMappedVectorStore(process.argv[1], ${DIMENSION}, { initialCapacity: ${RATE * SECONDS} });
  const vector = new Float32Array(${DIMENSION}).fill(1);
  const clock = new Float64Array(vector.buffer, 0, 1);
  const now = () => Number(process.hrtime.bigint()) / 1e6;
  const began = now();
  for (let i = 0; i < ${RATE * SECONDS}; i++) {
    while (now() - began < i / ${RATE / 1000}) ;
    clock[0] = now();
    store.storeVector(i, vector);
  }
  console.log(now() - began);
  store.close();`;

interface Lag {
  rate: number;
  oldest: number[]; // milliseconds: the age of the oldest vector when a refresh has shown it
  spent: number[]; // milliseconds a refresh took
}

async function follow(file: string): Promise<Lag> {
  new MemoryMappedVectorStore(file, DIMENSION, { initialCapacity: RATE * SECONDS, allowNonFinite: true }).close();
  using store = MemoryMappedVectorStore.open(file, { readOnly: true });
  const child = spawn(process.execPath, ['-e', WRITER, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const out = new Float32Array(DIMENSION);
  const clock = new Float64Array(out.buffer, 0, 1);
  const now = (): number => Number(process.hrtime.bigint()) / 1e6;
  const lag: Lag = { rate: 0, oldest: [], spent: [] };
  while (store.lastLsn < RATE * SECONDS) {
    const first = store.lastLsn; // the id of the first that comes next
    const began = now();
    const more = store.refresh();
    const shownAt = now();
    if (more && store.readVector(first, out)) {
      lag.oldest.push(shownAt - (clock[0] ?? NaN));
      lag.spent.push(shownAt - began);
    }
    await setImmediate();
  }
  if (child.exitCode === null) await once(child, 'close');
  lag.rate = (RATE * SECONDS) / (Number(text) / 1000);
  return lag;
}

/** Microseconds to read each vector, for the first time after opening and again. */
function firstAndSecond(scratch: Scratch, dimension: number, count: number): string[] {
  const file = scratch.file(`${dimension}.jvdb`);
  {
    using store = new MemoryMappedVectorStore(file, dimension);
    store.batchStore(
      Float64Array.from({ length: count }, (_, i) => i),
      randomVectors(count, dimension),
    );
  }
  const out = new Float32Array(dimension);
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < 7; round++) {
    using store = MemoryMappedVectorStore.open(file);
    for (const spent of times) {
      spent.push(
        milliseconds(() => {
          for (let i = 0; i < count; i++) store.readVector((i * 48271) % count, out);
        }) / count,
      );
    }
  }
  const [first, second] = times.map((spent) => median(spent) * 1000);
  return [
    String(dimension),
    `${shown(first ?? NaN)} µs`,
    `${shown(second ?? NaN)} µs`,
    `**${shown((first ?? NaN) / (second ?? NaN))}**`,
  ];
}

/** Runs the benches of this file. */
export async function run(): Promise<void> {
  using scratch = new Scratch();
  const { rate, oldest, spent } = await follow(scratch.file('followed.jvdb'));
  const sorted = [...oldest].sort((a, b) => a - b);
  const at = (share: number): string => `${shown(sorted[Math.floor((sorted.length - 1) * share)] ?? NaN)} ms`;
  table(
    `A reader that refreshes without pause, beside a writer of dimension ${DIMENSION} in another process`,
    ['inserts/s', 'refreshes', 'one takes', 'behind by, median', '99 %', 'at most'],
    [[shown(rate), shown(oldest.length), `${shown(median(spent))} ms`, at(0.5), at(0.99), at(1)]],
  );
  table(
    'readVector right after opening, when its checksum is compared, and again',
    ['dimension', 'first', 'second', 'ratio'],
    [firstAndSecond(scratch, 128, 100_000), firstAndSecond(scratch, 768, 100_000)],
  );
}
