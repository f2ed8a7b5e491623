/** jvdb verify */
import type { Command } from 'commander';
import { BackupDirectory } from '../../backup/backup-directory.js';
import type { BackupVerification } from '../../backup/types.js';
import { JvdbError, type JvdbErrorCode } from '../../errors.js';
import { MemoryMappedVectorStore } from '../../store.js';
import type { JobOptions, VerifyError, VerifyReport } from '../../upkeep-types.js';
import type { Context, GlobalOptions } from '../context.js';
import { checkDirectory, filesOf, jobInParts, jobsOf, sizeOf, type NamedFile } from '../files.js';
import { UsageError, type Cell } from '../output.js';
import { tellErrors, tellReports } from '../told.js';

interface Options extends GlobalOptions {
  database?: string;
  quick?: boolean;
  backups?: string;
}

type Verified = VerifyReport & { name: string };

const DAMAGED: readonly JvdbErrorCode[] = ['JVDB_CORRUPT', 'JVDB_VERSION'];

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('[file]', 'a file instead of databases of the storage')
    .option('--database <name>', 'this one alone; default: all')
    .option('--quick', 'without the bytes of vectors, codes, ids and metadata')
    .option('--backups <dir>', 'a directory of backups instead')
    .addHelpText(
      'after',
      '\nExit status 1 where anything is wrong.\n\nExamples:\n  jvdb verify --storage data\n  jvdb verify copy.jvdb\n  jvdb verify --backups /backups',
    )
    .action(async (file: string | undefined, options: Options) => {
      const run = context(options);
      if (options.backups !== undefined) {
        if (file !== undefined || options.quick === true) {
          throw new UsageError('--backups goes with no file, and not with --quick: backups are verified as a whole');
        }
        await verifyBackups(run, options.backups, options);
        return;
      }
      if (file !== undefined && options.database !== undefined) {
        throw new UsageError('give a file or --database, not both');
      }
      if (file === undefined) await verifyFiles(run, filesOf(run, options.database), options);
      else await verifyFiles(run, [{ name: file, path: file }], options, DAMAGED);
    });
}

// Errors that aren't among those that are reported fail as they are; without a list none does, and hides other files.
async function verifyFiles(
  run: Context,
  files: readonly NamedFile[],
  options: Options,
  reported?: readonly JvdbErrorCode[],
): Promise<void> {
  const job = jobsOf(
    run,
    files.map(({ path }) => sizeOf(path)),
  );
  const found: Verified[] = [];
  for (const [i, { name, path }] of files.entries()) {
    found.push({ name, ...(await verifyOne(path, options.quick === true, job(i), reported)) });
  }
  const row = ({ name, ok, vectorCount, recordCount, errorCount }: Verified): Record<string, Cell> => ({
    ...{ name, ok: ok ? 'yes' : 'no', vectors: vectorCount, records: recordCount, errors: errorCount },
  });
  tellReports(run, options, found, row, 'no databases');
  if (options.json !== true) {
    for (const { name, errors, errorCount } of found) tellErrors(run, name, errors, errorCount);
  }
  refuse(found.filter(({ ok }) => !ok).length, found.length, 'files');
}

async function verifyOne(
  path: string,
  quick: boolean,
  job: JobOptions,
  reported?: readonly JvdbErrorCode[],
): Promise<VerifyReport> {
  try {
    if (!quick) return await MemoryMappedVectorStore.verifyFile(path, job);
    using store = await MemoryMappedVectorStore.openAsync(path, { readOnly: true });
    return await store.verify({ ...job, deep: false });
  } catch (thrown) {
    if (!(thrown instanceof JvdbError)) throw thrown; // the signal's reason
    if (reported?.includes(thrown.code) === false) throw thrown;
    return unopened(thrown);
  }
}

// One that can't even be opened has one error, as verifyFile() says it of damaged ones.
function unopened({ message }: JvdbError): VerifyReport {
  const errors: VerifyError[] = [{ offset: 0, lsn: 0, message }];
  const nothing = { vectorCount: 0, recordCount: 0, bytes: 0, lastLsn: 0, durationMs: 0 };
  return { ok: false, ...nothing, errorCount: 1, errors };
}

async function verifyBackups(run: Context, directory: string, options: Options): Promise<void> {
  checkDirectory(directory);
  const backups = new BackupDirectory(directory);
  const total = (await backups.list(options.database)).reduce((sum, { bytes }) => sum + bytes, 0);
  const found = await backups.verify(options.database, jobInParts(run, total));
  const row = ({ name, backup, ok, errors }: BackupVerification): Record<string, Cell> => ({
    ...{ name, backup, ok: ok ? 'yes' : 'no', errors: errors.length },
  });
  tellReports(run, options, found, row, 'no backups');
  if (options.json !== true) {
    for (const { name, backup, errors } of found) tellErrors(run, `${name} ${backup}`, errors);
  }
  refuse(found.filter(({ ok }) => !ok).length, found.length, 'backups');
}

function refuse(bad: number, all: number, what: string): void {
  if (bad === 0) return;
  const way = what === 'files' ? 'restore a backup, or salvage what is whole' : 'make a whole copy anew';
  throw new JvdbError('JVDB_CORRUPT', `${bad} of ${all} ${what} ${bad === 1 ? 'is' : 'are'} not whole: ${way}`);
}
