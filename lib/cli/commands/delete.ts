/** jvdb delete */
import type { Command } from 'commander';
import { idOf } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { errorLine } from '../output.js';
import { change, noVectors } from '../vectors.js';

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
    .requiredOption('--id <id...>', 'of the vector, or several; they are deleted as one change')
    .addHelpText('after', '\nExample:\n  jvdb delete --database words --id 42 43 --storage data')
    .action((options: Options) => {
      const run = context(options);
      const { database } = options;
      const { deleted, absent } = change(run, (all) => {
        const { idType } = all.getDatabaseInfo(database);
        const ids = [...new Set(options.id.map((one) => idOf(one, idType)))];
        return { absent: ids.filter((id) => !all.has(database, id)), deleted: all.batchDelete(database, ids) };
      });
      if (deleted === 0) throw noVectors(database, absent);
      run.output.done(`deleted ${deleted} from ${database}`, { database, deleted, absent });
      if (absent.length > 0) run.output.note(errorLine(noVectors(database, absent)));
    });
}
