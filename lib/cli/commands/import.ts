/** jvdb import */
import path from 'node:path';
import { Option, type Command } from 'commander';
import { ID_TYPES, METRICS } from '../../open-arguments.js';
import { importDatabases } from '../../transfer/import-databases.js';
import { importVectors } from '../../transfer/import.js';
import type { DistanceMetric, IdType } from '../../types.js';
import type { Context, GlobalOptions } from '../context.js';
import { UsageError } from '../output.js';
import { addImportOptions, amountOf, checkSource, importing, oneFile, type ImportingOptions } from '../transfer.js';

interface Options extends GlobalOptions, ImportingOptions {
  database?: string;
  input?: string;
  table?: string;
  metric?: DistanceMetric;
  idType?: IdType;
  resume?: boolean;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('[file]', 'what to import, - for standard input; gzip is unzipped')
    .option('--input <file>', 'the same')
    .option('--database <name>', 'where to; it is created where there is none. Default: as the document says');
  addImportOptions(command)
    .option('--table <name>', 'which database of a document that holds several')
    .addOption(new Option('--metric <metric>', 'of a database that is created').choices(METRICS))
    .addOption(new Option('--id-type <type>', 'of a database that is created').choices(ID_TYPES))
    .option('--resume', 'go on where an import of the same file with --resume was interrupted')
    .addHelpText(
      'after',
      '\nFormats: json, jsonl, csv, npy, npz, parquet, arrow, arrow-stream, fvecs, ivecs, bvecs, legacy-jvdb (of the old ' +
        'server).' +
        '\n\nExamples:\n  jvdb import words.jsonl.gz --database words\n  jvdb import --input databases.json' +
        '\n  zcat words.csv.gz | jvdb import - --format csv --database words --skip-invalid',
    )
    .action(async (file: string | undefined, options: Options) => {
      const run = context(options);
      const input = oneFile(file, options.input);
      if (input === undefined) throw new UsageError('what is to be imported? give a file, or - for standard input');
      if (options.resume === true || options.table !== undefined) {
        await intoOne(run, options, input);
        return;
      }
      checkSource(input);
      using all = run.newDatabases();
      const { database, metric: distanceMetric, idType } = options;
      const report = await importing(run, options, input, async (how) =>
        importDatabases(all, input, { ...how, database, distanceMetric, idType }),
      );
      const lines = report.databases.map((one) => {
        const amount = amountOf(one.stored, one.invalid, report.durationMs);
        if (!all.hasDatabase(one.database)) return `nothing to import: ${amount}; ${one.database} was not created`;
        return `imported into ${one.database}${one.created ? ' (created)' : ''}: ${amount}`;
      });
      run.output.done(lines.length > 0 ? lines.join('\n') : `${input} holds no database`, { ...report });
    });
}

// What only one database can be filled with.
async function intoOne(run: Context, options: Options, input: string): Promise<void> {
  const { database, table } = options;
  if (database === undefined) throw new UsageError('with --resume or --table name the --database, which must exist');
  using all = run.databases();
  const checkpoint = options.resume === true ? path.join(run.storage, `${database}.import`) : undefined;
  const report = await importing(
    run,
    options,
    input,
    async (how) => importVectors({ persistence: all, database }, input, { ...how, table, checkpoint }),
    checkpoint,
  );
  const { stored, invalid, durationMs, resumedAt } = report;
  const from = resumedAt > 0 ? `, from record ${resumedAt + 1} on` : '';
  run.output.done(`imported into ${database}: ${amountOf(stored, invalid, durationMs)}${from}`, {
    database,
    ...report,
  });
}
