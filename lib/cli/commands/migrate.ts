/** jvdb migrate */
import { Option, type Command } from 'commander';
import { ID_TYPES, METRICS, SCAN_COLUMNS } from '../../open-arguments.js';
import { JvdbError } from '../../errors.js';
import type { FailedMigration, MigratedDatabase, MigrationReport } from '../../transfer/migrate-types.js';
import { migrate } from '../../transfer/migrate.js';
import { describeValidation } from '../../transfer/validate.js';
import type { DistanceMetric, IdType } from '../../types.js';
import { wholeNumber } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import type { Cell } from '../output.js';
import { addInvalidOptions, checkSource, passingOver, watched, type InvalidOptions } from '../transfer.js';

interface Options extends GlobalOptions, InvalidOptions {
  pass?: boolean;
  validate?: boolean;
  metric?: DistanceMetric;
  idType?: IdType;
  scanColumn?: 'int8' | 'none';
  batchSize?: number;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('<old>', "a file of the old server or of this package's, or a directory of them; it is only read")
    .argument('<new>', 'a new file, or the directory for new files')
    .option('--pass', 'the old one stays in use: take what is new since the last pass; once without at the end')
    .option('--validate', 'compare all values at the end')
    .addOption(new Option('--metric <metric>', 'of new databases; default: as before').choices(METRICS))
    .addOption(new Option('--id-type <type>', 'of ids from the old server').choices(ID_TYPES))
    .addOption(new Option('--scan-column <kind>', 'of new databases; default: as before').choices(SCAN_COLUMNS))
    .option('--batch-size <n>', 'records that make a change', wholeNumber(1, 1_000_000));
  addInvalidOptions(command)
    .addHelpText(
      'after',
      '\nExit status 1 also where --validate finds a difference, or a database of a directory is left out.' +
        '\n\nExamples:\n  jvdb migrate /var/lib/jadevectordb/data /var/lib/app/vectors --validate' +
        '\n  jvdb migrate old/words/vectors.jvdb data/words.jvdb' +
        '\n  jvdb migrate live.jvdb next.jvdb --pass   # again and again, then once without --pass',
    )
    .action(async (from: string, to: string, options: Options) => {
      const run = context(options);
      checkSource(from, false);
      const { pass, validate, metric: distanceMetric, idType, scanColumn, batchSize } = options;
      const report = await passingOver(options, from, async (records) =>
        migrate(from, to, {
          ...{ pass, validate, distanceMetric, idType, scanColumn, batchSize },
          ...records,
          ...watched(run),
        }),
      );
      if (options.json === true) run.output.record({ ...report, failed: report.failed.map(forMachines) });
      else run.output.table(report.databases.map(row));
      tellWrong(run, report);
    });
}

// An error of its own has no JSON.
function forMachines({ from, to, error }: FailedMigration): Record<string, string> {
  return { from, to, code: error.code, message: error.message };
}

function tellWrong(run: Context, { ok, databases, failed, gone }: MigrationReport): void {
  for (const file of gone) {
    run.output.note(`${file}: its old database is no longer there; the copy of it stays as ${file}.migrating`);
  }
  for (const { from, pending } of databases) {
    if (pending > 0) run.output.note(`${from}: ${pending} changes are not flushed there yet; the next pass takes them`);
  }
  if (ok) return;
  for (const { from, error } of failed) run.output.note(`${from}: ${error.code}: ${error.message}`);
  const differing = databases.filter(({ validation }) => validation?.ok === false);
  for (const { to, validation } of differing) {
    if (validation !== undefined) run.output.note(`${to}: ${describeValidation(validation)}`);
  }
  const [left, all] = [failed.length, failed.length + databases.length];
  throw new JvdbError(
    'JVDB_CONFLICT',
    `of ${all} databases ${left} could not be migrated, and ${differing.length} differ from the old ones; ` +
      'mend what is wrong, and run it again',
  );
}

function row(one: MigratedDatabase): Record<string, Cell> {
  const { to, vectorCount, taken, skipped, deleted, removed, withoutId, invalid, validation } = one;
  return {
    ...{ database: to, vectors: vectorCount, taken, skipped, deleted, removed },
    ...{ 'without id': withoutId, invalid },
    compared:
      validation === undefined ? undefined : `${validation.compared}, ${validation.ok ? 'the same' : 'different'}`,
  };
}
