/**
 * Three readers in processes of their own follow a writer that compacts and is killed with SIGKILL
 * again and again. Every value they ever see is the history's, whole operations only, and never
 * behind what the writer acknowledged before. JVDB_KILLS sets how many times, JVDB_SEED the histories.
 */
import path from 'node:path';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, ended, startNode } from '../support.js';
import { applyToModel, operation, type Model } from './operations.cjs';
import { historyOf, killOnce } from './writer-process.js';

const KILLS = Math.ceil(Number(process.env['JVDB_KILLS'] ?? 150) / 5);
const KILLS_A_FILE = 15;
const FIRST_SEED = Number(process.env['JVDB_SEED'] ?? Date.now() % 1e6);
const FOLLOWERS = 3;

const directory = new Directory();

interface Done {
  refreshes: number;
  compared: number;
  changes: number;
  anew: number;
  advanced: number;
}

async function follow(seed: number, kills: number): Promise<Done[]> {
  const history = historyOf(directory.file(), seed);
  const { file, dimension } = history;
  new MemoryMappedVectorStore<Record<string, unknown>, string>(file, dimension, {
    idType: (seed % 2 === 0 ? 'int64' : 'string') as 'string',
    initialCapacity: 20,
  }).close();
  const followers = Array.from({ length: FOLLOWERS }, () =>
    startNode([path.join(__dirname, 'follower.cjs'), file, String(seed), String(dimension)]),
  );
  const ends = followers.map(ended);
  const model: Model = new Map();
  let lsn = 0;
  let next = 0;
  for (let kill = 0; kill < kills; kill++) {
    const acknowledged = await killOnce(history, next, (heard) => {
      for (const follower of followers) follower.stdin!.write(`${heard}\n`);
    });
    using store = MemoryMappedVectorStore.open(file, { readOnly: true });
    for (; next <= acknowledged; next++) lsn += applyToModel(model, operation(seed, next, dimension));
    if (store.lastLsn !== lsn) lsn += applyToModel(model, operation(seed, next++, dimension));
    expect({ seed, kill, lastLsn: store.lastLsn }).toEqual({ seed, kill, lastLsn: lsn });
  }
  for (const follower of followers) follower.stdin!.end();
  return Promise.all(
    ends.map(async (end) => {
      const { status, stderr, stdout } = await end;
      expect({ seed, status, stderr }).toEqual({ seed, status: 0, stderr: '' });
      return JSON.parse(stdout) as Done;
    }),
  );
}

test(
  `${KILLS} kills, seeds from ${FIRST_SEED}`,
  async () => {
    const done: Done[] = [];
    for (let kills = KILLS, seed = FIRST_SEED; kills > 0; kills -= KILLS_A_FILE, seed++) {
      done.push(...(await follow(seed, Math.min(kills, KILLS_A_FILE))));
    }
    const sum = (key: keyof Done): number => done.reduce((total, one) => total + one[key], 0);
    console.info(
      `${sum('advanced')} states seen, ${sum('compared')} values compared, ` +
        `${sum('changes')} changes told, ${sum('anew')} times anew after a compaction`,
    );
    for (const one of done) expect(one.advanced).toBeGreaterThan(KILLS > KILLS_A_FILE ? 10 : 1);
  },
  KILLS * 5000 + 60000,
);
