/** jvdb count */
import type { Command } from 'commander';
import { printAll } from '../all-databases.js';
import type { Context, GlobalOptions } from '../context.js';

interface Options extends GlobalOptions {
  database?: string;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .option('--database <name>', 'of the database (default: each of all)')
    .addHelpText('after', '\nExample:\n  jvdb count --database words --storage data')
    .action(async (options: Options) => {
      const run = context(options);
      const { database: name } = options;
      const count = async (of: string): Promise<{ vectorCount: number }> => {
        using store = await run.reader(of);
        return { vectorCount: store.vectorCount };
      };
      if (name === undefined) {
        await printAll(run, ['vectorCount'], count);
        return;
      }
      const { vectorCount } = await count(name);
      run.output.done(String(vectorCount), { name, vectorCount });
    });
}
