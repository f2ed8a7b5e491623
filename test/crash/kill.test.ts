/**
 * A writer is killed with SIGKILL, again and again: whatever it acknowledged is there, whole and
 * exact, and at most the one operation that was under way besides. JVDB_KILLS sets how many times,
 * JVDB_SEED the histories.
 */
import { once } from 'node:events';
import path from 'node:path';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, startNode } from '../support.js';
import { applyToModel, operation, type Model } from './operations.cjs';

const KILLS = Number(process.env['JVDB_KILLS'] ?? 300);
const KILLS_A_FILE = 15;
const FIRST_SEED = Number(process.env['JVDB_SEED'] ?? Date.now() % 1e6);

const directory = new Directory();

/** Runs the writer from an operation on; kills it; resolves with the last one it acknowledged. */
async function killOnce(
  file: string,
  seed: number,
  dimension: number,
  first: number,
  random: () => number,
): Promise<number> {
  const flushEvery = seed % 3 === 0 ? 10 : 0;
  const child = startNode([
    path.join(__dirname, 'writer.cjs'),
    file,
    ...[seed, dimension, first, flushEvery].map(String),
  ]);
  let acknowledged = first - 1;
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    throw new Error(chunk.toString());
  });
  // Most kills come in mid-stream, some in the first operations after opening.
  const until = first + Math.floor(random() ** 2 * 400);
  let delay: NodeJS.Timeout | undefined;
  child.stdout!.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    text = lines.pop()!;
    if (lines.length > 0) acknowledged = Number(lines.at(-1));
    if (acknowledged >= until) delay ??= setTimeout(() => child.kill('SIGKILL'), random() * 3);
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(delay);
  expect(signal).toBe('SIGKILL');
  return acknowledged;
}

function expectEqual(store: MemoryMappedVectorStore, model: Model): void {
  expect(store.vectorCount).toBe(model.size);
  const found = new Map([...store.ids()].map((id) => [id, store.retrieveVector(id)!]));
  expect(found.size).toBe(model.size);
  for (const [id, { vector, metadata }] of model) {
    const record = found.get(id)!;
    expect(Buffer.from(record.vector.buffer).equals(Buffer.from(vector.buffer))).toBe(true);
    expect(record.metadata).toEqual(metadata);
  }
}

async function killAgainAndAgain(seed: number, kills: number): Promise<void> {
  const file = directory.file();
  const dimension = [3, 16, 100][seed % 3]!;
  let state = seed + 1;
  const random = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  const model: Model = new Map();
  let lsn = 0;
  let next = 0;
  for (let kill = 0; kill < kills; kill++) {
    const acknowledged = await killOnce(file, seed, dimension, next, random);
    using store = MemoryMappedVectorStore.open(file);
    for (; next <= acknowledged; next++) lsn += applyToModel(model, operation(seed, next, dimension));
    // The operation under way may have happened as well: then, as a whole.
    if (store.lastLsn !== lsn) lsn += applyToModel(model, operation(seed, next++, dimension));
    expect({ seed, kill, lastLsn: store.lastLsn }).toEqual({ seed, kill, lastLsn: lsn });
    expectEqual(store, model);
  }
}

test(
  `${KILLS} kills, seeds from ${FIRST_SEED}`,
  async () => {
    const files = Math.ceil(KILLS / KILLS_A_FILE);
    const seeds = [...Array(files).keys()].map((i) => FIRST_SEED + i);
    const take = async (): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift())
        await killAgainAndAgain(seed, KILLS_A_FILE);
    };
    await Promise.all([take(), take()]);
  },
  KILLS * 2000 + 60000,
);
