/**
 * A second copy that is kept up to date: a writer in another process stores and deletes vectors, and
 * is killed in the middle; this process follows it and applies its changes to a file of its own.
 *
 * Run it with: npx tsx examples/follow.ts
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { MemoryMappedVectorStore } from 'jvdb';

interface Metadata {
  n: number;
}
type Store = MemoryMappedVectorStore<Metadata, number>;

const DIMENSION = 64;

// Flushes now and then, and goes on until it is killed. Compacting would drop changes that the copy has not
// seen; it could only begin anew then.
const WRITER = `const { MemoryMappedVectorStore } = require('jvdb');
  const store = new MemoryMappedVectorStore(process.argv[1], ${DIMENSION}, { autoCompact: false });
  for (let n = 0; ; n++) {
    store.storeVector(n % 5000, new Float32Array(${DIMENSION}).fill(n), { n });
    if (n % 7 === 0) store.deleteVector((n * 3) % 5000);
    if (n % 1000 === 0) store.flushSync();
  }`;

/** Applies what is new; returns the LSN to go on from. */
async function takeOver(source: Store, copy: Store, sinceLsn: number): Promise<number> {
  source.refresh();
  const { durableLsn } = source;
  let last = sinceLsn;
  for await (const change of source.changes({ sinceLsn })) {
    if (change.type === 'put') copy.storeVector(change.id, change.vector, change.metadata);
    else copy.deleteVector(change.id);
    // Later ones may yet be lost with the writer's machine: they are asked for again.
    if (change.endsGroup && change.lsn <= durableLsn) last = change.lsn;
  }
  return last;
}

function same(a: Store, b: Store): boolean {
  if (a.vectorCount !== b.vectorCount) return false;
  return [...a.ids()].every((id) => a.retrieveVector(id)?.metadata?.n === b.retrieveVector(id)?.metadata?.n);
}

async function main(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'jvdb-follow-'));
  const file = path.join(directory, 'source.jvdb');
  new MemoryMappedVectorStore(file, DIMENSION).close();
  const writer = spawn(process.execPath, ['-e', WRITER, file], { stdio: 'inherit' });
  try {
    using source: Store = MemoryMappedVectorStore.open(file, { readOnly: true });
    using copy: Store = new MemoryMappedVectorStore(path.join(directory, 'copy.jvdb'), DIMENSION);
    let lsn = 0;
    for (let pass = 1; pass <= 5; pass++) {
      await setTimeout(100);
      lsn = await takeOver(source, copy, lsn);
      console.log(`pass ${pass}: ${source.lastLsn.toLocaleString('en')} changes, ${copy.vectorCount} vectors`);
    }
    writer.kill('SIGKILL');
    await once(writer, 'close');
    await takeOver(source, copy, lsn);
    console.log(`The writer was killed after ${source.lastLsn.toLocaleString('en')} changes.`);
    console.log(`The copy has ${same(source, copy) ? 'all' : 'NOT ALL'} of its ${source.vectorCount} vectors.`);
  } finally {
    writer.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
}

void main();
