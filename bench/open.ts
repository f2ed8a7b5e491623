/** Opening, memory above the mapped file, and disk space. */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { median, milliseconds, randomVectors, Scratch, shown, table } from './measure.js';

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

/** Runs a script in a process of its own, where memory is nobody else's; what it prints, as a number. */
function inProcess(script: string, file: string): number {
  const prelude = `
    const { readFileSync } = require('node:fs');
    const anonymous = () => { global.gc(); return Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024; };
    const [, file, root] = process.argv;
    const { MemoryMappedVectorStore } = require(root);`;
  const args = ['--expose-gc', '-e', prelude + script, file, path.join(__dirname, '..')];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

/** What opening a file adds to a process, above the mapped file. */
function memoryOfOpening(file: string): number {
  return inProcess(
    `const before = anonymous();
     const store = MemoryMappedVectorStore.open(file);
     console.log(anonymous() - before);`,
    file,
  );
}

/** One by one, so that the table grows as it does in real use: the largest addition on the way. */
function memoryOfGrowing(file: string): number {
  return inProcess(
    `const store = new MemoryMappedVectorStore(file, 16);
     const vector = new Float32Array(16).fill(1);
     for (let i = 0; i < 1000; i++) store.storeVector(0, vector);
     const before = anonymous();
     let most = 0;
     for (let i = 0; i < 100000; i++) {
       store.storeVector(i, vector);
       if (i % 5000 === 4999) most = Math.max(most, anonymous() - before);
     }
     console.log(most);`,
    file,
  );
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
  console.log(
    `\nStoring 100,000 one by one adds at most ${shown(memoryOfGrowing(scratch.file('growing.jvdb')) / 1e6)} MB on the way.`,
  );
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
