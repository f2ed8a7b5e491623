/**
 * A migration is killed with SIGKILL at random moments and begun again, until it is through: then the new file has
 * exactly what the old one has. JVDB_KILLS sets how many times, a tenth of it for each kind of old file.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { PROGRAM } from '../cli.js';
import { Directory, ended, vectorOf } from '../support.js';
import { oldFile } from '../unit/formats/legacy-files.js';

const directory = new Directory();
const KILLS = Math.ceil(Number(process.env['JVDB_KILLS'] ?? 150) / 10);
const COUNT = 30_000;
const DIMENSION = 8;

type Store = MemoryMappedVectorStore<object, string>;

function oldServers(): string {
  const folder = path.join(directory.path, 'old');
  mkdirSync(folder);
  const vectors = Array.from({ length: COUNT }, (_, i) => ({ id: `id ${i}`, vector: [...vectorOf(DIMENSION, i)] }));
  writeFileSync(path.join(folder, 'vectors.jvdb'), oldFile(vectors));
  return path.join(folder, 'vectors.jvdb');
}

function ours(): string {
  using store: Store = new MemoryMappedVectorStore<object, string>(directory.file(), DIMENSION, { idType: 'string' });
  for (let first = 0; first < COUNT; first += 1000) {
    const numbers = Array.from({ length: 1000 }, (_, i) => first + i);
    store.batchStore(
      numbers.map((i) => `id ${i}`),
      numbers.map((i) => vectorOf(DIMENSION, i)),
    );
  }
  return store.filePath;
}

async function expectWhole(file: string): Promise<void> {
  using store: Store = MemoryMappedVectorStore.open(file, { readOnly: true });
  expect(store.vectorCount).toBe(COUNT);
  expect(await store.verify({ deep: true })).toMatchObject({ ok: true });
  for (let i = 0; i < COUNT; i += 997) {
    expect(store.retrieveVector(`id ${i}`)!.vector).toEqual(vectorOf(DIMENSION, i));
  }
}

/** Whether it was killed before all was done. */
async function killedAfter(ms: number, from: string, to: string): Promise<boolean> {
  const args = ['migrate', from, to, '--batch-size', '1000'];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const done = ended(child);
  await Promise.race([done, pause(ms, undefined, { ref: false })]);
  child.kill('SIGKILL');
  const { status, stderr } = await done;
  expect(stderr).toBe(''); // it never fails by itself
  return status !== 0 && !existsSync(to); // it may have been killed after its last act but one
}

test.each([
  ['the old server', oldServers],
  ['this package', ours],
])(
  `from a file of %s, ${KILLS} kills`,
  async (_, make) => {
    const from = make();
    let longest = 1000;
    for (let kills = 0, to = directory.file(); kills < KILLS;) {
      const began = performance.now();
      if (await killedAfter(Math.random() * longest, from, to)) {
        kills++;
        continue;
      }
      longest = Math.min(longest, performance.now() - began);
      await expectWhole(to);
      to = directory.file();
    }
    const last = directory.file();
    await killedAfter(Math.random() * longest, from, last);
    while (await killedAfter(600_000, from, last));
    await expectWhole(last);
  },
  KILLS * 4000 + 60_000,
);
