/** jvdb info */
import type { Command } from 'commander';
import type { Context, GlobalOptions } from '../context.js';
import { size } from '../output.js';

interface Options extends GlobalOptions {
  database: string;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .requiredOption('--database <name>', 'of the database')
    .addHelpText(
      'after',
      "\nDoesn't open it: vectors are counted as of the last flush.\n\nExample:\n  jvdb info --database words --storage data",
    )
    .action((options: Options) => {
      const run = context(options);
      using databases = run.databases();
      // Whether this program has it open says nothing about others.
      const { isOpen, fileBytes, allocatedBytes, filePath, ...info } = databases.getDatabaseInfo(options.database);
      run.output.record({ ...info, fileBytes: size(fileBytes), allocatedBytes: size(allocatedBytes), filePath });
    });
}
