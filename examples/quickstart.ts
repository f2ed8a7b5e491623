/**
 * The main job on real data: 341,479 English words with their GloVe vectors. Stores them, finds
 * neighbours and an analogy, then shows what kill -9 leaves.
 *
 * Run it with: npm run quickstart
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MemoryMappedVectorStore } from 'jvdb';
import { Progress, seconds } from './progress.js';
import { flatVectors, loadWords, type Embeddings } from './words.js';

interface WordMetadata {
  rank: number;
}

const BATCH = 10_000;
const UPDATES = 10_000;

function storeWords(file: string, embeddings: Embeddings): void {
  const { words, dimensions } = embeddings;
  using store = new MemoryMappedVectorStore<WordMetadata, string>(file, dimensions, { idType: 'string' });
  const progress = new Progress('Storing', words.length);
  let spent = 0;
  for (let begin = 0; begin < words.length; begin += BATCH) {
    const ids = words.slice(begin, begin + BATCH);
    const flat = flatVectors(embeddings, ids);
    const metadata = ids.map((_, i) => ({ rank: begin + i + 1 }));
    const began = performance.now();
    store.batchStore(ids, flat, metadata);
    spent += performance.now() - began;
    progress.show(begin + ids.length);
  }
  const began = performance.now();
  store.flushSync();
  spent += performance.now() - began;
  store.close();
  const rate = Math.round((words.length / spent) * 1000).toLocaleString('en');
  const { size, blocks } = statSync(file);
  progress.end(
    `${rate} vectors/s with metadata, durable; ${megabytes(blocks * 512)} on disk (${megabytes(size)} laid out)`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

async function showNeighbours(file: string): Promise<void> {
  using store = MemoryMappedVectorStore.open<WordMetadata, string>(file, { readOnly: true });
  for (const word of ['king', 'paris', 'database']) {
    const query = store.retrieveVector(word);
    if (query === undefined) throw new Error(`${word} is missing`);
    const began = performance.now();
    const hits = await store.search(query.vector, { topK: 6 });
    const took = seconds(performance.now() - began);
    console.log(`\n${word} (rank ${query.metadata?.rank}) is like, found in ${took}:`);
    for (const { id, score, metadata } of hits.slice(1)) {
      console.log(`  ${score.toFixed(3)}  ${id} (rank ${metadata?.rank})`);
    }
  }
  const [king, man, woman] = ['king', 'man', 'woman'].map((word) => unit(store.retrieveVector(word)?.vector));
  if (king === undefined || man === undefined || woman === undefined) throw new Error('a word is missing');
  const hits = await store.search(
    king.map((value, i) => value - (man[i] ?? 0) + (woman[i] ?? 0)),
    { topK: 4 },
  );
  const [best] = hits.filter(({ id }) => !['king', 'man', 'woman'].includes(id));
  console.log(`\nking − man + woman = ${best?.id} (${best?.score.toFixed(3)})`);
}

function unit(vector: Float32Array | undefined): Float32Array | undefined {
  if (vector === undefined) return undefined;
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

/** A child updates words, tells of each on its stdout once the call has returned, and is killed midway. */
async function killWriter(file: string): Promise<number> {
  const script = `
    const { MemoryMappedVectorStore } = require('jvdb');
    const { writeSync } = require('node:fs');
    const store = MemoryMappedVectorStore.open(process.argv[1]);
    const ids = [...store.ids()].slice(0, ${UPDATES});
    ids.forEach((id, n) => {
      store.updateMetadata(id, { rank: -1 - n });
      writeSync(1, n + '\\n');
    });`;
  const child = spawn(process.execPath, ['-e', script, file], { cwd: __dirname, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.length > UPDATES * 2.5) child.kill('SIGKILL');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  const acknowledged = output.split('\n').length - 1;
  console.log(
    `\nA child acknowledged ${acknowledged.toLocaleString('en')} of ${UPDATES.toLocaleString('en')} updates and was ended by ${signal ?? 'itself'}.`,
  );
  return acknowledged;
}

function checkUpdates(file: string, order: readonly string[], acknowledged: number): void {
  const began = performance.now();
  using store = MemoryMappedVectorStore.open<WordMetadata, string>(file);
  const took = seconds(performance.now() - began);
  let there = 0;
  for (let n = 0; n < acknowledged; n++) {
    if (store.retrieveVector(order[n] ?? '')?.metadata?.rank === -1 - n) there++;
  }
  console.log(
    `Opened again in ${took}: ${there.toLocaleString('en')} of them are there, ${store.vectorCount.toLocaleString('en')} words in all.`,
  );
  if (there !== acknowledged) process.exitCode = 1;
}

async function main(): Promise<void> {
  const began = performance.now();
  const directory = mkdtempSync(path.join(tmpdir(), 'jvdb-quickstart-'));
  const file = path.join(directory, 'words.jvdb');
  try {
    const embeddings = loadWords();
    storeWords(file, embeddings);
    await showNeighbours(file);
    const acknowledged = await killWriter(file);
    checkUpdates(file, embeddings.words, acknowledged);
    console.log(`\nDone in ${seconds(performance.now() - began)}.`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

void main();
