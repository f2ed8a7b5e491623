/** jvdb restore */
import { join } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { BackupDirectory } from '../../backup/backup-directory.js';
import type { BackupRestoreOptions, BackupRestoreReport } from '../../backup/types.js';
import { wholeNumber } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { checkDirectory, jobInParts } from '../files.js';
import { bytes, UsageError } from '../output.js';
import { tellReports } from '../told.js';

interface Options extends GlobalOptions {
  from: string;
  to: string;
  database?: string;
  lsn?: number;
  time?: Date;
  backup?: string;
}

type Restored = BackupRestoreReport & { name: string; path: string };

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .requiredOption('--from <dir>', 'directory of the backups')
    .requiredOption('--to <path>', 'the new file; without --database, a directory of new files')
    .option('--database <name>', 'this one; default: all that have backups')
    .option('--lsn <n>', 'the state after this LSN', wholeNumber(0))
    .option('--time <iso>', 'the state at this time', timeOf)
    .option('--backup <id>', 'the state of this backup')
    .addHelpText(
      'after',
      '\nExamples:\n  jvdb restore --from /backups --to data2\n  jvdb restore --from /backups --database words --to words.jvdb --time 2026-11-20T18:00:00Z',
    )
    .action(async (options: Options) => {
      const run = context(options);
      checkDirectory(options.from);
      const restored = await restore(run, options);
      const row = ({ name, path, vectorCount, lastLsn, bytes: size }: Restored): Record<string, string | number> => ({
        ...{ name, file: path, vectors: vectorCount, lastLsn, size: bytes(size) },
      });
      tellReports(run, options, restored.map(forMachines), row, 'no backups');
      for (const { name, skipped } of restored) {
        for (const { backup, error } of skipped) {
          run.output.note(`jvdb: passed over ${backup} of ${name}: ${error.message}`);
        }
      }
    });
}

async function restore(run: Context, { from, to, database, lsn, time, backup }: Options): Promise<Restored[]> {
  const directory = new BackupDirectory(from);
  const options: BackupRestoreOptions = { ...jobInParts(run), lsn, time, backup };
  if (database !== undefined)
    return [{ name: database, path: to, ...(await directory.restore(database, to, options)) }];
  if (lsn !== undefined || backup !== undefined) {
    throw new UsageError('--lsn and --backup are of one database: name it with --database');
  }
  const made = await directory.restoreAll(to, { ...jobInParts(run), time });
  return [...made].map(([name, report]) => ({ name, path: join(to, `${name}.jvdb`), ...report }));
}

// An error of its own has no JSON.
function forMachines(report: Restored): Restored {
  const skipped = report.skipped.map(({ backup, error }) => ({
    backup,
    error: { code: error.code, message: error.message },
  }));
  return { ...report, skipped } as Restored;
}

function timeOf(text: string): Date {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime()) && /^\d{4}-\d\d-\d\d/.test(text)) return time;
  throw new InvalidArgumentError('It must be a time such as 2026-11-20T18:00:00Z.');
}
