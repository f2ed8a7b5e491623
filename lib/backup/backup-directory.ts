import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { checkKeys, integer, invalid, shown } from '../arguments.js';
import { makeDirectory, system, systemAsync } from '../directories.js';
import { JvdbError, toJvdbError } from '../errors.js';
import { runJob } from '../job.js';
import { guard, native } from '../native.js';
import { checkName, isName } from '../persistence/names.js';
import { checkedPath, checkedTime, hexOf, JOB_KEYS, restore } from '../upkeep.js';
import type { BackupOptions, BackupReport, JobOptions, VerifyError } from '../upkeep-types.js';
import { candidates, chainTo, outdated, type Chain } from './chains.js';
import { checkFolder, filesIn, isThere, sweep } from './folder.js';
import { BACKUP_SUFFIX, MANIFEST_SUFFIX, readManifest, removeBackup, writeManifest } from './manifest.js';
import type {
  BackupInfo,
  BackupRestoreOptions,
  BackupRestoreReport,
  BackupRunOptions,
  BackupVerification,
  Retention,
} from './types.js';

/** What can be backed up: a `MemoryMappedVectorStore`. */
export interface BackupSource {
  /** As the store's. */
  backup(path: string, options?: BackupOptions): Promise<BackupReport>;
}

/** Many of them: a `DatabasePersistence`. */
export interface BackupSources {
  /** As the persistence's. */
  listDatabases(): string[];
  /** As the persistence's. */
  backup(name: string, path: string, options?: BackupOptions): Promise<BackupReport>;
}

interface Found {
  backups: BackupInfo[];
  /** Manifests that can't be read. */
  damaged: { id: string; name: string; error: JvdbError }[];
}

/**
 * Backups of databases in a directory, one folder each: whole copies and the increments that follow them, each
 * with a manifest. Every backup is verified when it is written, and is there as a whole or not at all. Of several
 * databases each is backed up as of a moment of its own.
 *
 * Every method rejects with a `JvdbError`. Of two backups at the same time each is whole, and may follow the same one.
 */
export class BackupDirectory {
  /** The directory, an absolute path. */
  readonly directory: string;

  /**
   * Makes the directory where it isn't there, for its owner only.
   *
   * @param directory - where the backups are
   */
  constructor(directory: string) {
    guard(() => checkedPath(directory, 'the directory of backups'));
    this.directory = path.resolve(directory);
    system(`create ${this.directory}`, () => {
      makeDirectory(this.directory);
    });
  }

  /**
   * Backs up one database.
   *
   * @param name - of the database; names its folder
   * @param source - the open store
   * @param options - see `BackupRunOptions`
   * @returns a promise of the backup
   * @throws JvdbError as the store's `backup`; with kind 'incremental' `JVDB_NOT_FOUND` where there is no backup
   *   that an increment could follow
   */
  async backup(name: string, source: BackupSource, options: BackupRunOptions = {}): Promise<BackupInfo> {
    const { kind, maxIncrements, job } = guard(() => {
      checkName(name);
      return runOptions(options);
    });
    const folder = path.join(this.directory, name);
    system(`create ${folder}`, () => {
      makeDirectory(folder);
    });
    checkFolder(folder);
    const { backups } = await this.#find(name);
    await sweep(folder, backups);
    const last = backups.at(-1);
    const chain = last && chainTo(last, new Map(backups.map((one) => [one.id, one])));
    const mayFollow = kind === 'incremental' || (kind === 'auto' && (chain?.length ?? 0) <= maxIncrements);
    if (last !== undefined && chain !== undefined && mayFollow) {
      const increment = await this.#increment(name, source, last, job, kind);
      if (increment !== undefined) return increment;
    }
    if (kind !== 'incremental') return this.#write(name, source, undefined, job);
    throw new JvdbError(
      'JVDB_NOT_FOUND',
      `no backup of ${name} in ${this.directory} can be followed by an increment; make one with kind: 'full'`,
    );
  }

  /**
   * Backs up all databases of a persistence, one after the other.
   *
   * @param sources - the persistence
   * @param options - see `BackupRunOptions`
   * @returns a promise of the backups; rejects with the first failure, and what was made before stays
   */
  async backupAll(sources: BackupSources, options: BackupRunOptions = {}): Promise<BackupInfo[]> {
    const made: BackupInfo[] = [];
    for (const name of sources.listDatabases()) {
      const source = { backup: async (to: string, given?: BackupOptions) => sources.backup(name, to, given) };
      made.push(await this.backup(name, source, options));
    }
    return made;
  }

  /**
   * The backups there are; manifests that can't be read are left out, `verify` tells of them.
   *
   * @param name - of a database; without it, of all
   * @returns a promise of them, the oldest of each database first
   */
  async list(name?: string): Promise<BackupInfo[]> {
    const found = await Promise.all((await this.#names(name)).map(async (one) => this.#find(one)));
    return found.flatMap(({ backups }) => backups);
  }

  /**
   * Compares backups with their manifests and checksums, every byte, and looks whether each increment follows
   * what it says.
   *
   * @param name - of a database; without it, of all
   * @param options - see `JobOptions`; progress is that of each file
   * @returns a promise of what was found of each
   */
  async verify(name?: string, options: JobOptions = {}): Promise<BackupVerification[]> {
    guard(() => {
      checkKeys(options, JOB_KEYS, 'options of verify');
    });
    const out: BackupVerification[] = [];
    for (const one of await this.#names(name)) {
      const { backups, damaged } = await this.#find(one);
      for (const { id, error } of damaged) out.push(verification(id, one, [told(error.message)]));
      for (const backup of backups) {
        const errors = await this.#errorsOf(backup, backups, options);
        out.push(verification(backup.id, one, errors));
      }
    }
    return out;
  }

  /**
   * Makes a new database of backups. Damaged ones are passed over for older ones, unless `backup` is given.
   *
   * @param name - of the database that was backed up
   * @param to - the new file; nothing may have the name
   * @param options - see `BackupRestoreOptions`
   * @returns a promise of what was made
   * @throws JvdbError `JVDB_NOT_FOUND` where no backup holds the state, `JVDB_EXISTS`, and what was wrong
   *   with the newest where none could be used
   */
  async restore(name: string, to: string, options: BackupRestoreOptions = {}): Promise<BackupRestoreReport> {
    const target = guard(() => {
      checkName(name);
      const keys = [...JOB_KEYS, 'lsn', 'time', 'backup'] satisfies (keyof BackupRestoreOptions)[];
      checkKeys(options, keys, 'options of restore');
      if (options.lsn !== undefined) integer(options.lsn, 0, Number.MAX_SAFE_INTEGER, 'lsn');
      checkedTime(options.time);
      if (options.backup !== undefined && typeof options.backup !== 'string') {
        throw invalid(`backup must be the id of one, not ${shown(options.backup)}`);
      }
      return checkedPath(to, 'the new file');
    });
    const { backup: only, ...point } = options;
    const { backups } = await this.#find(name);
    const all = new Map(backups.map((one) => [one.id, one]));
    const skipped = new Map<string, JvdbError>();
    const whole = new Set<string>();
    for (const end of candidates(backups, options)) {
      const chain = chainTo(end, all);
      if (chain?.some(({ id }) => skipped.has(id)) !== false) continue;
      try {
        const paths = chain.map((part) => part.path);
        const report = await restore(paths, target, point);
        const passed = [...skipped].map(([backup, error]) => ({ backup, error }));
        return { ...report, backups: chain.map(({ id }) => id), skipped: passed };
      } catch (thrown) {
        if (!(thrown instanceof JvdbError) || only !== undefined) throw thrown;
        // Where all of them are whole, it is the new file's matter, or the caller's.
        const bad = await this.#firstBad(chain, whole, options);
        if (bad === undefined) throw thrown;
        skipped.set(bad, thrown);
      }
    }
    const [first] = skipped.values();
    if (first !== undefined) throw first;
    throw new JvdbError(
      'JVDB_NOT_FOUND',
      `no backup of ${name} in ${this.directory} holds the state that was asked for`,
    );
  }

  /**
   * Restores the newest state of every database that has backups, into files of a directory.
   *
   * @param storagePath - made where it isn't there; of a `PersistentDatabasePersistence`, with layout 'flat'
   * @param options - see `BackupRestoreOptions`
   * @returns a promise of what was made, by name
   */
  async restoreAll(
    storagePath: string,
    options: Omit<BackupRestoreOptions, 'backup' | 'lsn'> = {},
  ): Promise<Map<string, BackupRestoreReport>> {
    guard(() => checkedPath(storagePath, 'the storage path'));
    const storage = path.resolve(storagePath);
    system(`create ${storage}`, () => {
      makeDirectory(storage);
    });
    const made = new Map<string, BackupRestoreReport>();
    for (const name of await this.#names()) {
      made.set(name, await this.restore(name, path.join(storage, `${name}.jvdb`), options));
    }
    return made;
  }

  /**
   * Removes backups that need not be kept. The newest whole copy of a database, with what follows it, always is. One
   * whose file is missing or of another size counts for nothing; whether the others are whole, `verify` says.
   *
   * @param retention - see `Retention`
   * @param name - of a database; without it, of all
   * @returns a promise of those that were removed
   */
  async prune(retention: Retention, name?: string): Promise<BackupInfo[]> {
    guard(() => {
      checkKeys(retention, ['keepFull', 'maxAgeSeconds'] satisfies (keyof Retention)[], 'options of prune');
      if (retention.keepFull !== undefined) integer(retention.keepFull, 1, Number.MAX_SAFE_INTEGER, 'keepFull');
      if (retention.maxAgeSeconds !== undefined) {
        integer(retention.maxAgeSeconds, 0, Number.MAX_SAFE_INTEGER, 'maxAgeSeconds');
      }
    });
    const removed: BackupInfo[] = [];
    for (const one of await this.#names(name)) {
      const { backups } = await this.#find(one);
      for (const backup of outdated(backups, retention, Date.now(), isThere)) {
        await removeBackup(backup);
        removed.push(backup);
      }
    }
    return removed;
  }

  // undefined where the last backup can't be followed.
  async #increment(
    name: string,
    source: BackupSource,
    last: BackupInfo,
    job: JobOptions,
    kind: string,
  ): Promise<BackupInfo | undefined> {
    try {
      return await this.#write(name, source, last, job);
    } catch (thrown) {
      const { code } = toJvdbError(thrown);
      const whole = thrown instanceof JvdbError && (code === 'JVDB_NOT_FOUND' || code === 'JVDB_CONFLICT');
      if (kind === 'auto' && whole) return undefined;
      throw thrown;
    }
  }

  async #write(name: string, source: BackupSource, base: BackupInfo | undefined, job: JobOptions): Promise<BackupInfo> {
    const kind = base === undefined ? 'full' : 'incremental';
    const backups = base === undefined ? (await this.#find(name)).backups : [base];
    for (let sequence = (backups.at(-1)?.sequence ?? 0) + 1; ; sequence++) {
      const id = `${String(sequence).padStart(8, '0')}-${kind}`;
      const file = path.join(this.directory, name, id + BACKUP_SUFFIX);
      const createdAt = new Date();
      let report: BackupReport;
      try {
        report = await source.backup(file, base === undefined ? job : { ...job, sinceLsn: base.lastLsn });
      } catch (thrown) {
        if (thrown instanceof JvdbError && thrown.code === 'JVDB_EXISTS') continue; // of one at the same time
        throw thrown;
      }
      if (base !== undefined && !follows(report, base)) {
        await systemAsync(`remove ${file}`, async () => rm(file, { force: true }));
        throw new JvdbError('JVDB_CONFLICT', `${name} is another database, or has another history, than ${base.id}`);
      }
      const { durationMs, ...rest } = report;
      const info: BackupInfo = { id, name, sequence, createdAt, base: base?.id, ...rest };
      await writeManifest(info);
      return info;
    }
  }

  async #names(name?: string): Promise<string[]> {
    if (name !== undefined) {
      guard(() => {
        checkName(name);
      });
      return [name];
    }
    const entries = await systemAsync(`list ${this.directory}`, async () =>
      readdir(this.directory, { withFileTypes: true }),
    );
    return entries
      .filter((entry) => entry.isDirectory() && isName(entry.name))
      .map((entry) => entry.name)
      .sort();
  }

  async #find(name: string): Promise<Found> {
    const folder = path.join(this.directory, name);
    const found: Found = { backups: [], damaged: [] };
    for (const file of (await filesIn(folder)).filter((one) => one.endsWith(MANIFEST_SUFFIX)).sort()) {
      try {
        found.backups.push({ ...(await readManifest(path.join(folder, file))), name });
      } catch (thrown) {
        found.damaged.push({ id: file.slice(0, -MANIFEST_SUFFIX.length), name, error: toJvdbError(thrown) });
      }
    }
    found.backups.sort((a, b) => a.sequence - b.sequence);
    return found;
  }

  async #errorsOf(backup: BackupInfo, all: readonly BackupInfo[], options: JobOptions): Promise<VerifyError[]> {
    const errors: VerifyError[] = [];
    if (backup.base !== undefined) {
      const base = all.find(({ id }) => id === backup.base);
      if (base === undefined) errors.push(told(`${backup.base}, which it follows, is missing`));
      else if (!follows(backup, base)) errors.push(told(`it does not follow ${base.id}`));
    }
    try {
      const increment = backup.kind === 'incremental';
      const report = await runJob(options, async (job) => native.verifyFile(backup.path, increment, job));
      errors.push(...report.errors);
      if (report.fileBytes !== backup.bytes || hexOf(report.crc32c) !== backup.crc32c) {
        errors.push(told(`${backup.path} does not match the checksum or the size in its manifest`));
      }
    } catch (thrown) {
      if (!(thrown instanceof JvdbError)) throw thrown; // the signal's reason
      errors.push(told(thrown.message));
    }
    return errors;
  }

  // The first that is damaged, missing, or doesn't follow the one before it.
  async #firstBad(chain: Chain, whole: Set<string>, { signal }: JobOptions): Promise<string | undefined> {
    for (const backup of chain) {
      if (whole.has(backup.id)) continue;
      if ((await this.#errorsOf(backup, chain, { signal })).length > 0) return backup.id;
      whole.add(backup.id);
    }
    return undefined;
  }
}

function runOptions(options: BackupRunOptions): { kind: string; maxIncrements: number; job: JobOptions } {
  const { kind = 'auto', maxIncrements = 30, ...job } = options;
  const keys = [...JOB_KEYS, 'kind', 'maxIncrements'] satisfies (keyof BackupRunOptions)[];
  checkKeys(options, keys, 'options of backup');
  integer(maxIncrements, 0, Number.MAX_SAFE_INTEGER, 'maxIncrements');
  if (['auto', 'full', 'incremental'].includes(kind)) return { kind, maxIncrements, job };
  throw invalid(`kind must be 'auto', 'full' or 'incremental', not ${shown(kind)}`);
}

function follows(next: Pick<BackupReport, 'databaseId' | 'sinceLsn' | 'sinceTime'>, base: BackupInfo): boolean {
  const sameTime = next.sinceTime.getTime() === base.lastTime.getTime();
  return next.databaseId === base.databaseId && next.sinceLsn === base.lastLsn && sameTime;
}

function told(message: string): VerifyError {
  return { offset: 0, lsn: 0, message };
}

function verification(backup: string, name: string, errors: VerifyError[]): BackupVerification {
  return { backup, name, ok: errors.length === 0, errors };
}
