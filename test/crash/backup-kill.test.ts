/**
 * A process that writes and makes backups is killed with SIGKILL, again and again: every backup that
 * was acknowledged, or has a manifest, is whole and restores to the state of its LSN, bit by bit; what
 * the kill left stands in nobody's way, and goes once it is old. JVDB_KILLS sets how many times,
 * JVDB_SEED the histories.
 */
import { mkdirSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { BackupDirectory, MemoryMappedVectorStore, type BackupInfo } from '../../lib/index.js';
import { Directory } from '../support.js';
import { expectModel } from './expect-model.js';
import { applyToModel, operation, type Model } from './operations.cjs';
import { historyOf, runAndKill, type History } from './writer-process.js';

const KILLS = Math.ceil(Number(process.env['JVDB_KILLS'] ?? 150) / 10);
const KILLS_A_FILE = 8;
const FIRST_SEED = Number(process.env['JVDB_SEED'] ?? Date.now() % 1e6);
const KEPT = 2; // whole copies, by the writer's retention
const TWO_DAYS = 2 * 24 * 3600;

const directory = new Directory();
const done = { kills: 0, operations: 0, acknowledged: 0, verified: 0, restored: 0, left: 0, swept: 0 };

/** A database with backups, whose writer is killed. */
class Victim {
  readonly #folder = directory.file();
  readonly #history: History;
  readonly #backups: BackupDirectory;
  readonly #model: Model = new Map();
  #lsn = 0;
  #next = 0;
  /** What each backup holds. */
  readonly #states = new Map<string, Model>();
  readonly #acknowledged = new Set<string>();
  /** What kills left, made old. */
  #aged = 0;

  constructor(seed: number) {
    mkdirSync(this.#folder);
    this.#history = historyOf(path.join(this.#folder, 'db.jvdb'), seed);
    this.#backups = new BackupDirectory(path.join(this.#folder, 'backups'));
  }

  /** Runs the writer until it is killed, and looks at what is there. */
  async kill(): Promise<void> {
    const { file, seed, dimension, random } = this.#history;
    const until = Math.floor(random() ** 2 * 5);
    let last = this.#next - 1;
    let made = 0;
    const args = [file, this.#backups.directory, ...[seed, dimension, this.#next].map(String)];
    await runAndKill(['backup-writer.cjs', ...args], random() * 30, (lines) => {
      const ids = lines.filter((line) => line.includes('-'));
      for (const id of ids) this.#acknowledged.add(id);
      made += ids.length;
      last = Math.max(last, ...lines.filter((line) => !line.includes('-')).map(Number));
      return made >= until;
    });
    done.kills++;
    done.acknowledged += made;
    const found = await this.#check(last);
    if (made > 0) this.#expectSwept(found);
    if (random() < 0.7) this.#age(found);
  }

  /** Restores everything once more. */
  async end(): Promise<void> {
    for (const backup of await this.#backups.list()) await this.#restore(backup);
  }

  async #check(last: number): Promise<BackupInfo[]> {
    const found = await this.#backups.list('db');
    this.#expectKept(found);
    const verified = await this.#backups.verify();
    expect(verified.filter(({ ok }) => !ok)).toEqual([]);
    expect(verified.length).toBe(found.length);
    done.verified += verified.length;
    const fresh = found.filter(({ id }) => !this.#states.has(id));
    for (const backup of fresh.sort((a, b) => a.lastLsn - b.lastLsn)) {
      while (this.#lsn < backup.lastLsn) this.#advance();
      expect(backup.lastLsn).toBe(this.#lsn);
      this.#states.set(backup.id, new Map(this.#model));
      await this.#restore(backup);
    }
    const old = found[Math.floor(this.#history.random() * found.length)];
    if (old !== undefined) await this.#restore(old);
    this.#checkDatabase(last);
    return found;
  }

  #checkDatabase(last: number): void {
    using store = MemoryMappedVectorStore.open(this.#history.file);
    while (this.#next <= last) this.#advance();
    // The operation under way may have happened as well: then, as a whole.
    if (store.lastLsn !== this.#lsn) this.#advance();
    expect(store.lastLsn).toBe(this.#lsn);
    expectModel(store, this.#model);
    expect(readdirSync(this.#folder).sort()).toEqual(['backups', 'db.jvdb']);
  }

  #advance(): void {
    const { seed, dimension } = this.#history;
    this.#lsn += applyToModel(this.#model, operation(seed, this.#next++, dimension));
    done.operations++;
  }

  /** What was acknowledged is there, unless there are enough newer ones. */
  #expectKept(found: readonly BackupInfo[]): void {
    const there = new Set(found.map(({ id }) => id));
    const fulls = found.filter(({ kind }) => kind === 'full').map(({ sequence }) => sequence);
    const oldest = fulls.sort((a, b) => b - a)[KEPT - 1] ?? 0;
    const missing = [...this.#acknowledged].filter((id) => !there.has(id) && Number.parseInt(id, 10) >= oldest);
    expect(missing).toEqual([]);
  }

  async #restore({ id, lastLsn }: BackupInfo): Promise<void> {
    const file = directory.file();
    const report = await this.#backups.restore('db', file, { backup: id });
    expect(report.lastLsn).toBe(lastLsn);
    using store = MemoryMappedVectorStore.open(file);
    expect(store.lastLsn).toBe(lastLsn);
    expectModel(store, this.#states.get(id)!);
    done.restored++;
    store.close();
    await rm(file);
  }

  #leftovers(found: readonly BackupInfo[]): string[] {
    const folder = path.join(this.#backups.directory, 'db');
    const known = new Set(found.flatMap(({ id }) => [`${id}.jvdb-backup`, `${id}.json`]));
    const names = readdirSync(this.#backups.directory).length === 0 ? [] : readdirSync(folder);
    return names.filter((name) => !known.has(name)).map((name) => path.join(folder, name));
  }

  #age(found: readonly BackupInfo[]): void {
    const old = Date.now() / 1000 - TWO_DAYS;
    for (const file of this.#leftovers(found)) {
      this.#aged++;
      done.left++;
      utimesSync(file, old, old);
    }
  }

  /** Of what was old before the last backup, nothing is left. */
  #expectSwept(found: readonly BackupInfo[]): void {
    const fresh = (Date.now() / 1000 - TWO_DAYS / 2) * 1000;
    expect(this.#leftovers(found).filter((file) => statSync(file).mtimeMs < fresh)).toEqual([]);
    done.swept += this.#aged;
    this.#aged = 0;
  }
}

async function killAgainAndAgain(seed: number, kills: number): Promise<void> {
  const victim = new Victim(seed);
  try {
    for (let kill = 0; kill < kills; kill++) await victim.kill();
    await victim.end();
  } catch (error) {
    throw new Error(`JVDB_SEED=${seed}`, { cause: error });
  }
}

test(
  `${KILLS} kills, seeds from ${FIRST_SEED}`,
  async () => {
    let left = KILLS;
    let seed = FIRST_SEED;
    const take = async (): Promise<void> => {
      while (left > 0) {
        const kills = Math.min(left, KILLS_A_FILE);
        left -= kills;
        await killAgainAndAgain(seed++, kills);
      }
    };
    await Promise.all([take(), take()]);
    console.info(JSON.stringify(done));
    if (KILLS > KILLS_A_FILE) expect(done.restored).toBeGreaterThan(KILLS);
  },
  KILLS * 5000 + 60000,
);
