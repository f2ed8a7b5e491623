/** jvdb batch-insert */
import type { Command } from 'commander';
import { importVectors } from '../../transfer/import.js';
import type { Context, GlobalOptions } from '../context.js';
import { addImportOptions, amountOf, importing, oneFile, type ImportingOptions } from '../transfer.js';

interface Options extends GlobalOptions, ImportingOptions {
  database: string;
  input?: string;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('[file]', 'records to store, default - for standard input')
    .option('--input <file>', 'the same')
    .requiredOption('--database <name>', 'where to; it must exist');
  addImportOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  jvdb batch-insert --database words --batch-size 500 < words.jsonl' +
        '\n  # {"id": 1, "data": [0.1, 0.2, 0.3], "metadata": {"word": "sea"}}',
    )
    .action(async (file: string | undefined, options: Options) => {
      const run = context(options);
      const { database } = options;
      const input = oneFile(file, options.input) ?? '-';
      using all = run.databases();
      const report = await importing(run, options, input, async (how) =>
        importVectors({ persistence: all, database }, input, how),
      );
      const { stored, invalid, durationMs } = report;
      run.output.done(`stored in ${database}: ${amountOf(stored, invalid, durationMs)}`, { database, ...report });
    });
}
