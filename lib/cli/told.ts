/** Prints reports: as they are for machines, the columns that matter for people. Threads: no state. */
import type { BackupInfo } from '../backup/types.js';
import { JvdbError } from '../errors.js';
import type { JobOptions, VerifyError } from '../upkeep-types.js';
import type { Context, GlobalOptions } from './context.js';
import { filesOf, jobsOf, sizeOf } from './files.js';
import { bytes, errorLine, type Cell } from './output.js';

/**
 * Prints reports of the same kind.
 *
 * @param run - the context
 * @param options - whether machines read it
 * @param reports - in full
 * @param row - what people read of each
 * @param none - what they read where there are none
 */
export function tellReports<T extends object>(
  run: Context,
  options: GlobalOptions,
  reports: readonly T[],
  row: (report: T) => Record<string, Cell>,
  none: string,
): void {
  if (options.json === true) run.output.record(reports as unknown as Record<string, unknown>);
  else run.output.table(reports.map(row), none);
}

/**
 * Does the same with one database or with all, and prints a report of each. One that fails is no reason to leave the
 * others.
 *
 * @param run - the context
 * @param options - which database, and whether machines read it
 * @param work - with one
 * @param row - what people read of each
 * @throws the last error, after the reports and the other errors
 */
export async function tellEach<T extends object>(
  run: Context,
  options: GlobalOptions & { database?: string },
  work: (name: string, job: JobOptions) => Promise<T>,
  row: (report: T) => Record<string, Cell>,
): Promise<void> {
  const files = filesOf(run, options.database);
  const job = jobsOf(
    run,
    files.map(({ path }) => sizeOf(path)),
  );
  const done: T[] = [];
  const failures: JvdbError[] = [];
  for (const [i, { name }] of files.entries()) {
    try {
      done.push(await work(name, job(i)));
    } catch (thrown) {
      if (!(thrown instanceof JvdbError)) throw thrown; // the signal's reason
      failures.push(thrown);
    }
  }
  const last = failures.pop();
  if (done.length > 0 || last === undefined) tellReports(run, options, done, row, 'no databases');
  for (const failure of failures) run.output.note(errorLine(failure));
  if (last !== undefined) throw last;
}

/**
 * Prints errors below a table.
 *
 * @param run - the context
 * @param name - of what is wrong
 * @param errors - the first of them
 * @param count - of all of them
 */
export function tellErrors(run: Context, name: string, errors: readonly VerifyError[], count = errors.length): void {
  if (errors.length === 0) return;
  run.output.done(`\n${name}:`, {});
  run.output.table(errors.map(({ offset, lsn, message }) => ({ offset, lsn: lsn === 0 ? undefined : lsn, message })));
  if (count > errors.length) run.output.done(`and ${count - errors.length} more`, {});
}

/**
 * What people read of a backup.
 *
 * @param backup - of which
 * @returns a row
 */
export function backupRow(backup: BackupInfo): Record<string, Cell> {
  const { name, id, createdAt, base, vectorCount, lastLsn } = backup;
  return { name, backup: id, made: createdAt, vectors: vectorCount, lastLsn, size: bytes(backup.bytes), follows: base };
}
