import { checkKeys, flag, integer } from './arguments.js';
import { runJob } from './job.js';
import { guard, native } from './native.js';
import { HANDLE, StoreHandle } from './store-handle.js';
import { backupReport, checkedPath, JOB_KEYS, verifyReport } from './upkeep.js';
import type {
  BackupOptions,
  BackupReport,
  CompactReport,
  JobOptions,
  VerifyOptions,
  VerifyReport,
} from './upkeep-types.js';

/** Looking after a store's file, off the event loop, while it is read and written. */
export abstract class StoreUpkeep extends StoreHandle {
  /**
   * Compares the file with its checksums, and with itself. Nothing is changed; what is wrong is in the
   * report.
   *
   * @param options - see `VerifyOptions`
   * @returns a promise of what was found
   * @throws JvdbError `JVDB_IO` where the file can't be read
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const deep = guard(() => {
      checkKeys(options, [...JOB_KEYS, 'deep'] satisfies (keyof VerifyOptions)[], 'options of verify');
      return flag(options.deep, 'deep') ?? true;
    });
    return verifyReport(await runJob(options, (job) => native.verify(this[HANDLE], deep, job)));
  }

  /**
   * Gives the space of replaced and deleted vectors back, by writing those that live to a new file that
   * then takes this one's place. Until that moment nothing has changed: a crash leaves the old file or the
   * new one, whole. Reads and searches go on all the while, and so do changes, which wait for a moment at
   * the end. Views, iterators and searches begun before stay as they are, and keep the old file's space
   * until they go. Needs as much free disk space as the vectors that live.
   *
   * The history up to now goes: `changes` and incremental backups begin here.
   *
   * @param options - see `JobOptions`
   * @returns a promise of what was done
   * @throws JvdbError `JVDB_READ_ONLY`; `JVDB_CONFLICT` while it is being compacted already, or where the
   *   file was moved or has other names, or on Windows is in use; `JVDB_CORRUPT` where something that lives is damaged;
   *   `JVDB_NO_SPACE`. The store is as it was then
   */
  async compact(options: JobOptions = {}): Promise<CompactReport> {
    guard(() => {
      checkKeys(options, JOB_KEYS, 'options of compact');
    });
    return runJob(options, (job) => native.compact(this[HANDLE], job));
  }

  /**
   * Copies the store, as it is when the call is made, to a new file: verified, durable, and there as a
   * whole or not at all. Changes go on meanwhile. What it holds is flushed first.
   *
   * With `sinceLsn` it holds only what followed; `MemoryMappedVectorStore.restore` puts a whole copy and
   * its increments together.
   *
   * @param path - the new file; nothing may have the name
   * @param options - see `BackupOptions`
   * @returns a promise of what was written
   * @throws JvdbError `JVDB_EXISTS`; `JVDB_CORRUPT` where something is damaged; `JVDB_NOT_FOUND` where
   *   a compaction dropped what followed `sinceLsn`: make a whole copy; `JVDB_CONFLICT` where `sinceLsn` is
   *   above the last; `JVDB_NO_SPACE`
   */
  async backup(path: string, options: BackupOptions = {}): Promise<BackupReport> {
    const [target, since] = guard(() => {
      checkKeys(options, [...JOB_KEYS, 'sinceLsn'] satisfies (keyof BackupOptions)[], 'options of backup');
      const { sinceLsn } = options;
      const lsn = sinceLsn === undefined ? undefined : integer(sinceLsn, 0, Number.MAX_SAFE_INTEGER, 'sinceLsn');
      return [checkedPath(path, 'the path of a backup'), lsn] as const;
    });
    return backupReport(target, await runJob(options, (job) => native.backup(this[HANDLE], target, since, job)));
  }
}
