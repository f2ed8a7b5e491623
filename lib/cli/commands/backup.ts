/** jvdb backup */
import type { Command } from 'commander';
import { BackupDirectory } from '../../backup/backup-directory.js';
import type { BackupInfo } from '../../backup/types.js';
import type { JobOptions } from '../../upkeep-types.js';
import type { Context, GlobalOptions } from '../context.js';
import { wholeNumber } from '../arguments.js';
import { backupRow, tellEach } from '../told.js';

interface Options extends GlobalOptions {
  to: string;
  database?: string;
  full?: boolean;
  maxIncrements?: number;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .requiredOption('--to <dir>', 'directory of the backups; made where it is not there')
    .option('--database <name>', 'this one alone; default: all')
    .option('--full', 'a whole copy; default: what followed the last backup, where that can be')
    .option('--max-increments <n>', 'after so many the next is a whole copy (default: 30)', wholeNumber(0))
    .addHelpText(
      'after',
      '\nWorks beside a process that writes. See also: jvdb backups, jvdb restore, jvdb verify --backups.\n\nExample:\n  jvdb backup --to /backups --storage data',
    )
    .action(async (options: Options) => {
      const run = context(options);
      const directory = new BackupDirectory(options.to);
      const { full, maxIncrements } = options;
      const backup = async (name: string, job: JobOptions): Promise<BackupInfo> => {
        using store = await run.reader(name);
        return await directory.backup(name, store, { ...job, kind: full === true ? 'full' : 'auto', maxIncrements });
      };
      await tellEach(run, options, backup, backupRow);
    });
}
