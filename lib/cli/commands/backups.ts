/** jvdb backups */
import type { Command } from 'commander';
import { BackupDirectory } from '../../backup/backup-directory.js';
import type { Context, GlobalOptions } from '../context.js';
import { checkDirectory } from '../files.js';
import { backupRow, tellReports } from '../told.js';

interface Options extends GlobalOptions {
  from: string;
  database?: string;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .requiredOption('--from <dir>', 'directory of the backups')
    .option('--database <name>', 'those of this one; default: all')
    .addHelpText('after', '\nExample:\n  jvdb backups --from /backups --database words')
    .action(async (options: Options) => {
      const run = context(options);
      checkDirectory(options.from);
      const list = await new BackupDirectory(options.from).list(options.database);
      tellReports(run, options, list, backupRow, 'no backups');
    });
}
