/** jvdb export */
import type { Command } from 'commander';
import type { FormatName } from '../../formats/recognise.js';
import { exportDatabases } from '../../transfer/export.js';
import type { Context, GlobalOptions } from '../context.js';
import { bytes, UsageError } from '../output.js';
import { amount, formatOption, oneFile, watched } from '../transfer.js';

interface Options extends GlobalOptions {
  database?: string[];
  output?: string;
  format?: FormatName;
  gzip?: boolean;
  overwrite?: boolean;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('[file]', 'where to, - for standard output; .gz at the end zips it')
    .option('--output <file>', 'the same')
    .option(
      '--database <name>',
      'this one alone, or several times; default: all, which takes the format json',
      collected,
    )
    .addOption(formatOption(true))
    .option('--gzip', 'zip what goes to standard output')
    .option('--overwrite', 'replace a file that exists')
    .addHelpText(
      'after',
      '\nExamples:\n  jvdb export --database words --output words.jsonl.gz' +
        '\n  jvdb export --format json --output ./databases.json' +
        '\n  jvdb export - --database words --format csv | head',
    )
    .action(async (file: string | undefined, options: Options) => {
      const run = context(options);
      const output = oneFile(file, options.output);
      if (output === undefined) throw new UsageError('where to? give a file, or - for standard output');
      using all = run.databases();
      const { database: databases, format, gzip, overwrite } = options;
      const how = { databases, format, gzip, overwrite, ...watched(run) };
      const report = await exportDatabases(all, output, how);
      const to = output === '-' ? 'standard output' : output;
      const sentence = `exported ${amount(report.records, 'vector')} to ${to}: ${bytes(report.bytes)}`;
      if (output === '-') run.output.note(sentence);
      else run.output.done(sentence, { ...report, output });
    });
}

const collected = (name: string, names: string[] = []): string[] => [...names, name];
