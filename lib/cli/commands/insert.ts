/** jvdb insert */
import type { Command } from 'commander';
import { idOf, metadataOf } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { UsageError } from '../output.js';
import { addVectorOptions, change, givenVector, idsText, type VectorOptions } from '../vectors.js';

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
  command
    .requiredOption('--database <name>', 'of the database')
    .requiredOption('--id <id>', 'of the vector; one that has it is replaced, with its metadata');
  addVectorOptions(command)
    .option('--metadata <json>', 'an object to be stored with it')
    .addHelpText(
      'after',
      '\nExample:\n  jvdb insert --database words --id 42 --vector \'[0.1, 0.2, 0.3]\' --metadata \'{"word": "sea"}\'',
    )
    .action(async (options: Options) => {
      const run = context(options);
      const { database } = options;
      const metadata = metadataOf(options.metadata);
      const vector = await givenVector(options, run.signal);
      if (vector === undefined) throw new UsageError("give the vector: --vector '[0.1, 0.2]', or --file FILE");
      const stored = change(run, (all) => {
        const id = idOf(options.id, all.getDatabaseInfo(database).idType);
        return { id, lsn: all.storeVector(database, id, vector, metadata) };
      });
      run.output.done(`stored ${idsText([stored.id])} in ${database}`, { database, ...stored });
    });
}
