/** jvdb get */
import type { Command } from 'commander';
import type { VectorRecord } from '../../types.js';
import { idOf } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { noVectors } from '../vectors.js';

interface Options extends GlobalOptions {
  database: string;
  id: string[];
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .requiredOption('--database <name>', 'of the database')
    .requiredOption('--id <id...>', 'of the vector, or several; JSON is an object for one and an array for several')
    .addHelpText(
      'after',
      '\nJSON has values that are no finite numbers as "NaN", "Infinity" and "-Infinity".\n\nExample:\n  jvdb get --database words --id 42 --storage data',
    )
    .action(async (options: Options) => {
      const run = context(options);
      using store = await run.reader(options.database);
      const ids = options.id.map((one) => idOf(one, store.idType));
      const found = store.batchRetrieve(ids);
      const records = found.flatMap((one) => (one === undefined ? [] : [described(one)]));
      if (ids.length > 1) run.output.records(records);
      else for (const one of records) run.output.record(one);
      const absent = ids.filter((_, i) => found[i] === undefined);
      if (absent.length > 0) throw noVectors(options.database, absent);
    });
}

function described({ createdAt, updatedAt, ...record }: VectorRecord): Record<string, unknown> {
  return { ...record, createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) };
}
