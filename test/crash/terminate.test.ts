/**
 * Workers are terminated in the middle of whatever they do, with work pending; nothing that was
 * acknowledged is lost, and the store works on. JVDB_TERMINATIONS sets how many.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory } from '../support.js';

const TERMINATIONS = Number(process.env['JVDB_TERMINATIONS'] ?? 100);
const KINDS = ['call', 'search', 'flush', 'batch', 'read', 'open', 'all'];
const DIMENSION = 64;
const MOST_IDS = 400000;

const directory = new Directory();

/** Starts a worker, and terminates it some time after it has begun. */
async function terminateOne(
  file: string,
  kind: string,
  durability: string,
  acknowledged: Int32Array,
  delay: number,
): Promise<void> {
  const worker = new Worker(path.join(__dirname, 'worker.cjs'), {
    workerData: { file, dimension: DIMENSION, acknowledged, kind, durability },
  });
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', () => {
      setTimeout(() => {
        worker.terminate().then(() => {
          resolve();
        }, reject);
      }, delay);
    });
  });
}

test(
  `${TERMINATIONS} terminations`,
  async () => {
    const file = directory.file();
    const acknowledged = new Int32Array(new SharedArrayBuffer(4 * MOST_IDS));
    using store = new MemoryMappedVectorStore<{ id: number }, number>(file, DIMENSION);
    let left = TERMINATIONS;
    const go = async (): Promise<void> => {
      for (let n = left--; n > 0; n = left--) {
        const durability = n % 5 === 0 ? 'commit' : 'periodic';
        await terminateOne(file, KINDS[n % KINDS.length]!, durability, acknowledged, Math.random() * 30);
        store.storeVector(MOST_IDS + n, new Float32Array(DIMENSION).fill(n));
      }
    };
    await Promise.all([go(), go()]);
    let written = 0;
    for (let id = 0; id < MOST_IDS - 1; id++) {
      if (Atomics.load(acknowledged, id + 1) === 0) continue;
      const record = store.retrieveVector(id);
      if (record?.vector[DIMENSION - 1] !== id || record.metadata?.id !== id) throw new Error(`${id} is lost`);
      written++;
    }
    expect(written).toBeGreaterThan(TERMINATIONS);
    store.flushSync();
    expect(store.stats()).toMatchObject({ durableLsn: store.lastLsn });
    const count = store.vectorCount;
    store.close();
    using again = MemoryMappedVectorStore.open(file);
    expect(again.vectorCount).toBe(count);
  },
  TERMINATIONS * 2000 + 60000,
);
