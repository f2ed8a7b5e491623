/**
 * npx tsx bench/transfer-large.ts [GiB]: files of that size (default 4.5) imported by the command line with a heap of
 * 256 MiB, and exported to an npz that needs zip64; each is compared with what was written. Takes four times as much
 * disk as the files, JVDB_BENCH_DIR chooses it, and three minutes. Linux only.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { peakMemory } from '../test/memory.js';
import { machine, Scratch, shown, table } from './measure.js';

const DIMENSION = 768;
const BLOCK = 1024;
const SAMPLES = 10_000;
const PROGRAM = path.join(__dirname, '..', 'bin', 'jvdb.js');

/** Values with seven digits behind the point; each row begins with its number, and is else as in every block. */
const DIGITS = Array.from({ length: BLOCK * DIMENSION }, (_, i) => Math.imul(i + 1, 2654435761) >>> 9);
const BLOCK_VALUES = Float32Array.from(DIGITS, (digits) => digits / 1e7);

function rowOf(record: number): Float32Array {
  const start = (record % BLOCK) * DIMENSION;
  const row = BLOCK_VALUES.slice(start, start + DIMENSION);
  row[0] = record;
  return row;
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}

/** A header for so many rows, and what a block of them is; returns how many rows the file has. */
function make(
  file: string,
  bytes: number,
  block: (first: number) => Uint8Array,
  header: (rows: number) => string = () => '',
): number {
  const blocks = Math.ceil(bytes / block(0).length);
  const handle = openSync(file, 'w');
  writeSync(handle, header(blocks * BLOCK), null, 'latin1');
  for (let i = 0; i < blocks; i++) writeAll(handle, block(i * BLOCK));
  closeSync(handle);
  return blocks * BLOCK;
}

function npyHeader(rows: number): string {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${DIMENSION}), }`;
  return `\x93NUMPY\x01\x00\x76\x00${text.padEnd(117)}\n`;
}

function npyBlock(first: number): Uint8Array {
  for (let i = 0; i < BLOCK; i++) BLOCK_VALUES[i * DIMENSION] = first + i;
  return new Uint8Array(BLOCK_VALUES.buffer);
}

const FVECS = Float32Array.from({ length: BLOCK * (DIMENSION + 1) });

function fvecsBlock(first: number): Uint8Array {
  const dimensions = new Int32Array(FVECS.buffer);
  for (let i = 0; i < BLOCK; i++) {
    const at = i * (DIMENSION + 1);
    dimensions[at] = DIMENSION;
    FVECS.set(rowOf(first + i), at + 1);
  }
  return new Uint8Array(FVECS.buffer);
}

let tails: string[] | undefined;

function jsonlBlock(first: number): Uint8Array {
  tails ??= Array.from({ length: BLOCK }, (_, row) =>
    DIGITS.slice(row * DIMENSION + 1, (row + 1) * DIMENSION)
      .map((digits) => (digits / 1e7).toFixed(7))
      .join(','),
  );
  const lines = tails.map((tail, i) => `{"id":${first + i},"data":[${first + i},${tail}]}\n`);
  return Buffer.from(lines.join(''));
}

interface Ran {
  seconds: number;
  memory: number;
}

async function jvdb(...args: readonly string[]): Promise<Ran> {
  const began = performance.now();
  const child = spawn(process.execPath, ['--max-old-space-size=256', PROGRAM, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const memory = await peakMemory(child);
  if (child.exitCode !== 0) throw new Error(`jvdb ${args.join(' ')} ended with ${child.exitCode}`);
  return { seconds: (performance.now() - began) / 1000, memory };
}

/** That a database has all rows, by number; a sample of them is compared value by value. */
function compare(file: string, rows: number): void {
  using store = MemoryMappedVectorStore.open(file, { readOnly: true });
  if (store.vectorCount !== rows) throw new Error(`${file} has ${store.vectorCount} vectors of ${rows}`);
  const found = new Float32Array(DIMENSION);
  for (let i = 0; i < SAMPLES; i++) {
    const record = i === 0 ? rows - 1 : Math.floor((i * rows) / SAMPLES);
    const wanted = rowOf(record);
    const isThere = store.readVector(record, found);
    if (!isThere || wanted.some((value, at) => value !== found[at]))
      throw new Error(`${file}: record ${record} differs`);
  }
}

/** The same rows from memory, a block at a time: what an import can be at most. */
function bulk(file: string, rows: number): Ran {
  const began = performance.now();
  const store = new MemoryMappedVectorStore(file, DIMENSION);
  for (let first = 0; first < rows; first += BLOCK) {
    npyBlock(first);
    store.batchStore(
      Float64Array.from({ length: BLOCK }, (_, i) => first + i),
      BLOCK_VALUES,
    );
  }
  store.close();
  const seconds = (performance.now() - began) / 1000;
  rmSync(file);
  return { seconds, memory: NaN };
}

function line(what: string, file: string, rows: number, { seconds, memory }: Ran): string[] {
  const { size } = statSync(file);
  const figures = [size / 2 ** 30, seconds, size / 1e6 / seconds, rows / seconds];
  return [what, ...figures.map(shown), Number.isNaN(memory) ? '' : shown(memory / 1e6)];
}

async function main(): Promise<void> {
  const bytes = Number(process.argv[2] ?? 4.5) * 2 ** 30;
  console.log(machine());
  using scratch = new Scratch();
  const [storage, npz] = [scratch.file('databases'), scratch.file('large.npz')];
  const lines: string[][] = [];
  const take = async (file: string, database: string, rows: number): Promise<void> => {
    const ran = await jvdb('import', file, '--database', database, '--storage', storage);
    compare(path.join(storage, `${database}.jvdb`), rows);
    lines.push(line(`import ${path.extname(file).slice(1)}`, file, rows, ran));
    rmSync(file);
  };
  const drop = (database: string): Promise<Ran> => jvdb('drop', database, '--storage', storage);
  const sources = [
    ['npy', npyBlock, npyHeader],
    ['fvecs', fvecsBlock, undefined],
    ['jsonl', jsonlBlock, undefined],
  ] as const;
  for (const [name, block, header] of sources) {
    const file = scratch.file(`large.${name}`);
    const rows = make(file, bytes, block, header);
    if (name === 'npy') lines.push(line('batchStore', file, rows, bulk(scratch.file('bulk.jvdb'), rows)));
    await take(file, name, rows);
    if (name === 'npy') {
      const ran = await jvdb('export', npz, '--database', name, '--storage', storage);
      lines.push(line('export npz', npz, rows, ran));
      await drop(name);
      await take(npz, 'again', rows);
      await drop('again');
    } else await drop(name);
  }
  table(
    `${DIMENSION} values each, by bin/jvdb.js with --max-old-space-size=256; ${SAMPLES.toLocaleString('en')} of each compared`,
    ['', 'GiB', 's', 'MB/s', 'vectors/s', 'memory, MB'],
    lines,
  );
}

void main();
