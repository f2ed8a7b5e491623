/**
 * A writer is killed with SIGKILL, again and again: whatever it acknowledged is there, whole and
 * exact, and at most the one operation that was under way besides. JVDB_KILLS sets how many times,
 * JVDB_SEED the histories.
 */
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory } from '../support.js';
import { expectModel } from './expect-model.js';
import { applyToModel, operation, type Model } from './operations.cjs';
import { historyOf, killOnce } from './writer-process.js';

const KILLS = Number(process.env['JVDB_KILLS'] ?? 150);
const KILLS_A_FILE = 15;
const FIRST_SEED = Number(process.env['JVDB_SEED'] ?? Date.now() % 1e6);

const directory = new Directory();

async function killAgainAndAgain(seed: number, kills: number): Promise<void> {
  const history = historyOf(directory.file(), seed);
  const { file, dimension } = history;
  const model: Model = new Map();
  let lsn = 0;
  let next = 0;
  for (let kill = 0; kill < kills; kill++) {
    const acknowledged = await killOnce(history, next);
    using store = MemoryMappedVectorStore.open(file);
    for (; next <= acknowledged; next++) lsn += applyToModel(model, operation(seed, next, dimension));
    // The operation under way may have happened as well: then, as a whole.
    if (store.lastLsn !== lsn) lsn += applyToModel(model, operation(seed, next++, dimension));
    expect({ seed, kill, lastLsn: store.lastLsn }).toEqual({ seed, kill, lastLsn: lsn });
    expectModel(store, model);
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
