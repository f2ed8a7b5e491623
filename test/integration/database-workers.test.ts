/** Workers that share databases by name, each with its own few open; and a process that is killed. */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { PersistentDatabasePersistence } from '../../lib/index.js';
import { Directory, endedBy, runScript, vectorOf } from '../support.js';

const directory = new Directory();
const DATABASES = 80;
const DIMENSION = 16;

interface Outcome {
  left: [key: string, seed: number][];
  openFiles: number;
  lruEvictions: number;
  errors: number;
}

function run(place: string, worker: number): Promise<Outcome> {
  const thread = new Worker(path.join(__dirname, 'database-worker.cjs'), {
    workerData: {
      place,
      worker,
      operations: 1000,
      databases: DATABASES,
      dimension: DIMENSION,
      maxOpenFiles: 15,
      vectorOf: vectorOf.toString(),
    },
  });
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

test('8 workers, 1000 operations each on 80 databases with 15 open: every value is there', async () => {
  const place = directory.file();
  {
    using databases = new PersistentDatabasePersistence(place);
    for (let i = 0; i < DATABASES; i++) databases.createDatabase(`db${i}`, { dimension: DIMENSION });
  }
  const outcomes = await Promise.all(Array.from({ length: 8 }, (_, worker) => run(place, worker)));
  const expected = new Map<string, number>();
  for (const { left, openFiles, lruEvictions, errors } of outcomes) {
    expect(openFiles).toBeLessThanOrEqual(15);
    expect(lruEvictions).toBeGreaterThan(300);
    expect(errors).toBe(0);
    for (const [key, seed] of left) expected.set(key, seed);
  }
  using databases = new PersistentDatabasePersistence(place, { maxOpenFiles: 20 });
  const names = databases.listDatabases();
  expect(names).toEqual(Array.from({ length: DATABASES }, (_, i) => `db${i}`).sort());
  let found = 0;
  for (const name of names) {
    for await (const { id, vector, metadata } of databases.entries(name)) {
      const seed = expected.get(`${name} ${id}`)!;
      expect(metadata).toEqual({ n: seed });
      expect(vector).toEqual(vectorOf(DIMENSION, seed));
      found++;
    }
  }
  expect(found).toBe(expected.size);
  expect(found).toBeGreaterThan(1000);
});

test('kill -9 among evictions and flushes: all that was acknowledged is there', async () => {
  const place = directory.file();
  const end = await runScript(
    `const { PersistentDatabasePersistence } = require('jvdb');
     const { writeSync } = require('node:fs');
     const databases = new PersistentDatabasePersistence(process.argv[1], { maxOpenFiles: 5, flushIntervalSeconds: 0.01 });
     for (let i = 0; i < 12; i++) databases.createDatabase('db' + i, { dimension: 4 });
     (async () => {
       for (let n = 0; n < 600; n++) {
         const name = 'db' + ((n * 7) % 12);
         if (n % 3 === 0) await databases.batchStoreAsync(name, [n, n + 10000], [[n, 1, 2, 3], [n, 4, 5, 6]]);
         else databases.storeVector(name, n, [n, 1, 2, 3]);
         writeSync(1, n + '\\n');
       }
       void databases.flush();
       process.kill(process.pid, 'SIGKILL');
     })();`,
    place,
  );
  expect(end).toMatchObject({ ...endedBy('SIGKILL'), stderr: '' });
  const acknowledged = end.stdout.split('\n').length - 1;
  expect(acknowledged).toBe(600);
  using databases = new PersistentDatabasePersistence(place);
  for (let n = 0; n < acknowledged; n++) {
    const name = `db${(n * 7) % 12}`;
    expect(databases.retrieveVector(name, n)?.vector).toEqual(new Float32Array([n, 1, 2, 3]));
    if (n % 3 === 0) expect(databases.retrieveVector(name, n + 10000)?.vector).toEqual(new Float32Array([n, 4, 5, 6]));
  }
  expect((await databases.getStorageStats()).totalVectors).toBe(800);
});
