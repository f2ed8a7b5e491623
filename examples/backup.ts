/**
 * Backups of a database that goes on being written to: a whole copy, an increment, the disaster, and the
 * restoration of yesterday and of the last moment before it. Then the space of what was replaced is given back.
 *
 * Run it with: npx tsx examples/backup.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BackupDirectory, MemoryMappedVectorStore } from 'jvdb';
import { flatVectors, loadWords } from './words.js';

const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

async function main(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'jvdb-backup-'));
  const embeddings = loadWords();
  const words = embeddings.words.slice(0, 50_000);
  try {
    const file = path.join(directory, 'words.jvdb');
    const backups = new BackupDirectory(path.join(directory, 'backups'));
    using store = new MemoryMappedVectorStore<object, string>(file, embeddings.dimensions, {
      idType: 'string',
      autoCompact: false,
    });

    store.batchStore(words, flatVectors(embeddings, words));
    const full = await backups.backup('words', store);
    console.log(`${full.kind}: ${full.vectorCount} vectors, ${mega(full.bytes)} in ${full.id}`);

    const some = words.slice(0, 5000);
    store.batchStore(some, flatVectors(embeddings, some));
    const increment = await backups.backup('words', store);
    console.log(`${increment.kind}: ${mega(increment.bytes)}, behind LSN ${increment.sinceLsn}`);

    store.batchDelete(words.slice(0, 40_000)); // the disaster
    await backups.backup('words', store);
    const before = path.join(directory, 'before.jvdb');
    const { lastLsn, backups: parts } = await backups.restore('words', before, { lsn: increment.lastLsn });
    using restored = MemoryMappedVectorStore.open<object, string>(before);
    console.log(`restored to LSN ${lastLsn} from ${parts.length} backups: ${restored.vectorCount} vectors`);
    console.log(`all whole: ${(await restored.verify()).ok}`);

    store.deleteVector(words.at(-1) ?? '');
    const { bytesBefore, bytesAfter, vectorCount } = await store.compact();
    console.log(`compacted: ${vectorCount} vectors, ${mega(bytesBefore)} → ${mega(bytesAfter)}`);

    const next = await backups.backup('words', store);
    console.log(`after a compaction, which drops the history: ${next.kind}`);
    const removed = await backups.prune({ keepFull: 1 });
    const states = (await backups.verify()).map(({ ok }) => (ok ? 'whole' : 'damaged'));
    console.log(`${removed.length} backups removed, ${states.length} left: ${states.join(', ')}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

void main();
