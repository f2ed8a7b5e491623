/** Opening, memory above the mapped file, and disk space. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { anonymousMemory, median, milliseconds, randomVectors, Scratch, shown, table } from './measure.js';

function fill(file: string, count: number, dimension: number, scanColumn: 'int8' | 'none' = 'int8'): void {
  using store = new MemoryMappedVectorStore(file, dimension, { scanColumn });
  const step = 50_000;
  const vectors = randomVectors(step, dimension);
  for (let first = 0; first < count; first += step) {
    store.batchStore(
      Float64Array.from({ length: step }, (_, i) => first + i),
      vectors,
    );
  }
}

function openingTime(file: string): number {
  return median(
    Array.from({ length: 21 }, () => {
      let store: MemoryMappedVectorStore | undefined;
      const spent = milliseconds(() => {
        store = MemoryMappedVectorStore.open(file);
        store.retrieveVector(0);
      });
      store?.close();
      return spent;
    }),
  );
}

/** In a process of its own: what opening a file adds to it. */
function memoryOfOpening(file: string): number {
  const script = `
    const { readFileSync } = require('node:fs');
    const anonymous = () => { global.gc(); return Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024; };
    const { MemoryMappedVectorStore } = require(process.argv[2]);
    const before = anonymous();
    const store = MemoryMappedVectorStore.open(process.argv[1]);
    console.log(anonymous() - before);`;
  const { stdout } = spawnSync(process.execPath, ['--expose-gc', '-e', script, file, path.join(__dirname, '..')], {
    encoding: 'utf8',
  });
  return Number(stdout);
}

/** One by one, so that the table grows as it does in real use: the largest addition on the way. */
function memoryOfGrowing(scratch: Scratch): number {
  using store = new MemoryMappedVectorStore(scratch.file('growing.jvdb'), 16);
  const vector = new Float32Array(16).fill(1);
  const before = anonymousMemory();
  let most = 0;
  for (let i = 0; i < 100_000; i++) {
    store.storeVector(i, vector);
    if (i % 5000 === 4999) most = Math.max(most, anonymousMemory() - before);
  }
  return most;
}

/** Runs the benches of this file. */
export function run(): void {
  using scratch = new Scratch();
  const cases = [
    [100_000, 768],
    [1_000_000, 128],
  ] as const;
  const rows = cases.map(([count, dimension]) => {
    const file = scratch.file(`${count}.jvdb`);
    fill(file, count, dimension);
    const memory = memoryOfOpening(file);
    return [
      `${count.toLocaleString('en')} × ${dimension}`,
      `${shown(openingTime(file))} ms`,
      `${shown(memory / 1e6)} MB`,
      `${shown(memory / count)} B`,
    ];
  });
  table(
    'Opening until the first vector, file in the page cache; memory above the mapped file',
    ['vectors', 'median of 21', 'memory', 'a vector'],
    rows,
  );
  console.log(`\nStoring 100,000 one by one adds at most ${shown(memoryOfGrowing(scratch) / 1e6)} MB on the way.`);
  table(
    'Disk blocks of a closed file beside the raw float32 bytes, 100,000 × 768',
    ['', 'ratio'],
    (['int8', 'none'] as const).map((scanColumn) => {
      const file = scratch.file(`size-${scanColumn}.jvdb`);
      fill(file, 100_000, 768, scanColumn);
      return [`scanColumn '${scanColumn}'`, `**${shown((statSync(file).blocks * 512) / (100_000 * 768 * 4))}**`];
    }),
  );
}
