/** Restoring, salvaging and verifying files that need not be open. */
import { checkKeys, integer, invalid, shown } from './arguments.js';
import { runJob } from './job.js';
import { absolute } from './open-arguments.js';
import { guard, native, type NativeBackupReport, type NativeVerifyReport } from './native.js';
import type {
  BackupReport,
  JobOptions,
  RestoreOptions,
  RestoreReport,
  SalvageReport,
  VerifyReport,
} from './upkeep-types.js';

/** The names of all options of long work. */
export const JOB_KEYS = ['signal', 'onProgress'] as const satisfies readonly (keyof JobOptions)[];

/**
 * A path.
 *
 * @param value - as given by the caller
 * @param what - how messages call it
 * @returns the absolute path
 */
export function checkedPath(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return absolute(value);
  throw invalid(`${what} must be a path, not ${shown(value)}`);
}

/**
 * A point in time.
 *
 * @param value - as given by the caller
 * @returns milliseconds since 1970, undefined where none is given
 */
export function checkedTime(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  // Whatever its own getTime() says.
  const time = value instanceof Date ? Date.prototype.getTime.call(value) : NaN;
  if (time >= 0) return time;
  throw invalid(`time must be a valid Date from 1970 on, not ${shown(value)}`);
}

/**
 * A report of the addon's for the caller.
 *
 * @param report - as the addon gives it
 * @returns it
 */
export function verifyReport(report: NativeVerifyReport): VerifyReport {
  return { ok: report.errorCount === 0, ...report };
}

/**
 * A CRC as it is shown.
 *
 * @param crc - the number
 * @returns eight hexadecimal digits
 */
export function hexOf(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

/**
 * A report of the addon's for the caller.
 *
 * @param path - the file
 * @param report - as the addon gives it
 * @returns it
 */
export function backupReport(path: string, report: NativeBackupReport): BackupReport {
  const { increment, sinceTime, lastTime, crc32c, ...figures } = report;
  return {
    path,
    kind: increment ? 'incremental' : 'full',
    ...figures,
    sinceTime: new Date(sinceTime),
    lastTime: new Date(lastTime),
    crc32c: hexOf(crc32c),
  };
}

/**
 * Makes a new database of a whole copy and the increments that follow it.
 *
 * @param from - as given by the caller
 * @param to - the new file
 * @param options - as given by the caller
 * @returns a promise of what was made
 */
export async function restore(
  from: string | readonly string[],
  to: string,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const [paths, lsn, time] = guard(() => {
    checkKeys(options, [...JOB_KEYS, 'lsn', 'time'] satisfies (keyof RestoreOptions)[], 'options of restore');
    const list = (typeof from === 'string' ? [from] : [...from]).map((path) => checkedPath(path, 'what to restore'));
    const at = options.lsn === undefined ? undefined : integer(options.lsn, 0, Number.MAX_SAFE_INTEGER, 'lsn');
    return [list, at, checkedTime(options.time)] as const;
  });
  const target = guard(() => checkedPath(to, 'the new file'));
  const { lastTime, ...report } = await runJob(options, (job) => native.restore(paths, target, lsn, time, job));
  return { ...report, lastTime: new Date(lastTime) };
}

/**
 * Copies what is whole out of a damaged file.
 *
 * @param from - the damaged file
 * @param to - the new file
 * @param options - as given by the caller
 * @returns a promise of what was copied
 */
export async function salvage(from: string, to: string, options: JobOptions): Promise<SalvageReport> {
  guard(() => {
    checkKeys(options, JOB_KEYS, 'options of salvage');
  });
  const [source, target] = guard(() => [checkedPath(from, 'the damaged file'), checkedPath(to, 'the new file')]);
  const report = await runJob(options, (job) => native.salvage(source, target, job));
  return { ok: report.errorCount === 0, ...report };
}

/**
 * Verifies a file that need not be open.
 *
 * @param path - the file
 * @param options - as given by the caller
 * @returns a promise of what was found
 */
export async function verifyFile(path: string, options: JobOptions): Promise<VerifyReport> {
  guard(() => {
    checkKeys(options, JOB_KEYS, 'options of verifyFile');
  });
  const file = guard(() => checkedPath(path, 'the file'));
  const { fileBytes, crc32c, ...report } = await runJob(options, (job) => native.verifyFile(file, false, job));
  return verifyReport(report);
}
