/** jvdb update */
import type { Command } from 'commander';
import { idOf, metadataOf } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { UsageError } from '../output.js';
import { addVectorOptions, change, givenVector, idsText, noVectors, type VectorOptions } from '../vectors.js';

interface Options extends GlobalOptions, VectorOptions {
  database: string;
  id: string;
  metadata?: string;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command.requiredOption('--database <name>', 'of the database').requiredOption('--id <id>', 'of the vector');
  addVectorOptions(command)
    .option('--metadata <json>', "an object in place of the old one; '' for none")
    .addHelpText(
      'after',
      '\nWhat is not given stays as it is.\n' +
        '\nExample:\n  jvdb update --database words --id 42 --metadata \'{"word": "ocean"}\' --storage data',
    )
    .action(async (options: Options) => {
      const run = context(options);
      const { database } = options;
      const metadata = options.metadata === '' ? '' : metadataOf(options.metadata);
      const vector = await givenVector(options, run.signal);
      const updated = change(run, (all) => {
        const id = idOf(options.id, all.getDatabaseInfo(database).idType);
        if (vector !== undefined) return { id, lsn: all.updateVector(database, id, vector, metadata) };
        if (metadata !== undefined) return { id, lsn: all.updateMetadata(database, id, metadata) };
        throw new UsageError('what is to be updated? give --vector, --file or --metadata');
      });
      if (updated.lsn === 0) throw noVectors(database, [updated.id]);
      run.output.done(`updated ${idsText([updated.id])} in ${database}`, { database, ...updated });
    });
}
