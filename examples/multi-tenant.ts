/**
 * A database for each of 1,000 tenants, 50 of them open at a time: 341,479 words with their GloVe vectors are
 * dealt out, then searched by tenants of whom 40 make four fifths of the requests.
 *
 * Run it with: npx tsx examples/multi-tenant.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PersistentDatabasePersistence, profiles, type StorageStats } from 'jvdb';
import { Progress, seconds } from './progress.js';
import { flatVectors, loadWords, type Embeddings } from './words.js';

interface WordMetadata {
  rank: number;
}
type Tenants = PersistentDatabasePersistence<WordMetadata, string>;

const TENANTS = 1000;
const BUSY_TENANTS = 40;
const SEARCHES = 10_000;

const nameOf = (tenant: number): string => `tenant-${String(tenant).padStart(4, '0')}`;

/** Word n belongs to tenant n modulo 1,000. */
function wordsOf(words: readonly string[], tenant: number): string[] {
  return Array.from(
    { length: Math.ceil((words.length - tenant) / TENANTS) },
    (_, i) => words[tenant + i * TENANTS] ?? '',
  );
}

async function storeWords(tenants: Tenants, embeddings: Embeddings): Promise<void> {
  const { words, dimensions } = embeddings;
  const progress = new Progress('Creating 1,000 databases and storing 341,479 words', TENANTS);
  for (let tenant = 0; tenant < TENANTS; tenant++) {
    const name = nameOf(tenant);
    const own = wordsOf(words, tenant);
    tenants.createDatabase(name, { dimension: dimensions, idType: 'string', initialCapacity: own.length });
    const metadata = own.map((_, i) => ({ rank: tenant + i * TENANTS + 1 }));
    await tenants.batchStoreAsync(name, own, flatVectors(embeddings, own), metadata);
    progress.show(tenant + 1);
  }
  await tenants.flush();
  progress.end(`${(await tenants.getStorageStats()).lruEvictions} evictions`);
}

/** Each search must find the word whose vector it asks with, in the database of its tenant. */
async function search(tenants: Tenants, { words, vectors, dimensions }: Embeddings): Promise<void> {
  const before = await tenants.getStorageStats();
  const progress = new Progress('10,000 searches of 1,000 tenants', SEARCHES);
  let state = 42;
  const random = (below: number): number => (state = (state * 48271) % 2147483647) % below;
  const asked = new Set<number>();
  const missed: string[] = [];
  const one = async (n: number): Promise<void> => {
    const tenant = n < TENANTS ? n : random(random(10) < 8 ? BUSY_TENANTS : TENANTS);
    asked.add(tenant);
    const word = words[tenant + random(Math.floor(words.length / TENANTS)) * TENANTS] ?? '';
    const [hit] = await tenants.search(nameOf(tenant), vectors[word]?.slice(0, dimensions) ?? [], { topK: 1 });
    if (hit === undefined || hit.score < 1 - 1e-6) missed.push(word);
    progress.show(n + 1);
  };
  // Four requests at a time, as a server may have them.
  for (let n = 0; n < SEARCHES; n += 4) await Promise.all([n, n + 1, n + 2, n + 3].map(one));
  const { lruHits, lruMisses, openFiles, maxOpenFiles } = await tenants.getStorageStats();
  const hits = lruHits - before.lruHits;
  const rate = (hits / (hits + lruMisses - before.lruMisses)) * 100;
  progress.end(`${rate.toFixed(0)} % met an open file, ${openFiles} of ${maxOpenFiles} files open`);
  if (missed.length > 0 || asked.size < TENANTS) throw new Error(`not found: ${missed.slice(0, 5).join(', ')}`);
  console.log('All 1,000 tenants found their own words.');
}

function show(stats: StorageStats): void {
  console.log('\nStatistics:');
  for (const [name, value] of Object.entries(stats)) {
    if (typeof value !== 'number') continue;
    const text = value.toLocaleString('en', { maximumFractionDigits: 2 });
    console.log(`  ${name.padEnd(18)} ${text.padStart(14)}`);
  }
}

async function main(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'jvdb-tenants-'));
  try {
    const embeddings = loadWords();
    const began = performance.now();
    await using tenants: Tenants = new PersistentDatabasePersistence(directory, {
      ...profiles.balanced,
      maxOpenFiles: 50,
    });
    await storeWords(tenants, embeddings);
    await search(tenants, embeddings);
    const listing = performance.now();
    const names = tenants.listDatabases();
    console.log(`${names.length.toLocaleString('en')} databases listed in ${seconds(performance.now() - listing)}.`);
    show(await tenants.getStorageStats());
    console.log(`\nDone in ${seconds(performance.now() - began)}.`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

void main();
