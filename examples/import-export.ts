/**
 * Data in and out: 341,479 words from a stream of JSON Lines, as another program would write it, some of them
 * wrong; out again as npz for Python, and into another database from there; at the end into a new file with
 * another metric.
 *
 * Run it with: npx tsx examples/import-export.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { exportVectors, importVectors, MemoryMappedVectorStore, migrate, type InvalidRecord } from 'jvdb';
import { Progress } from './progress.js';
import { loadWords, type Embeddings } from './words.js';

type Words = MemoryMappedVectorStore<{ rank: number }, string>;

/** A line for each word; every 100,000th has lost a value. */
function* lines({ words, vectors, dimensions }: Embeddings): Generator<Buffer> {
  for (const [i, id] of words.entries()) {
    const embedding = vectors[id]?.slice(0, i % 100_000 === 99_999 ? dimensions - 1 : dimensions);
    yield Buffer.from(`${JSON.stringify({ id, embedding, rank: i + 1 })}\n`);
  }
}

async function main(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'jvdb-transfer-'));
  const at = (name: string): string => path.join(directory, name);
  try {
    const embeddings = loadWords();
    using store: Words = new MemoryMappedVectorStore<{ rank: number }, string>(
      at('words.jvdb'),
      embeddings.dimensions,
      {
        idType: 'string',
      },
    );

    const wrong: InvalidRecord[] = [];
    const importing = new Progress('Importing JSON Lines', embeddings.words.length);
    const { stored, invalid } = await importVectors(store, Readable.from(lines(embeddings)), {
      format: 'jsonl',
      skipInvalid: true,
      onInvalid: (record) => wrong.push(record),
      onProgress: ({ records }) => {
        importing.show(records);
      },
    });
    importing.end(`${stored.toLocaleString('en')} stored, ${invalid} invalid`);
    for (const { line, reason } of wrong) console.log(`  line ${line}: ${reason}`);

    const exporting = new Progress('Exporting npz', store.vectorCount);
    const { bytes } = await exportVectors(store, at('words.npz'), {
      onProgress: ({ records }) => {
        exporting.show(records);
      },
    });
    exporting.end(`${(bytes / 1e6).toFixed(1)} MB`);

    using copy: Words = new MemoryMappedVectorStore<{ rank: number }, string>(at('copy.jvdb'), embeddings.dimensions, {
      idType: 'string',
    });
    await importVectors(copy, at('words.npz'));
    const { rank } = copy.retrieveVector('queen')?.metadata ?? {};
    console.log(`The copy has ${copy.vectorCount.toLocaleString('en')} words; queen has rank ${rank}.`);

    const { databases } = await migrate(at('words.jvdb'), at('dot.jvdb'), { distanceMetric: 'dot', validate: true });
    const { compared, ok } = databases[0]?.validation ?? {};
    console.log(
      `Migrated to dot product: ${compared?.toLocaleString('en')} compared, ${ok ? 'all the same' : 'NOT the same'}.`,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

void main();
