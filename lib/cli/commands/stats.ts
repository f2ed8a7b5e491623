/** jvdb stats */
import type { Command } from 'commander';
import { reason } from '../all-databases.js';
import type { Context, GlobalOptions } from '../context.js';
import { Shown, size } from '../output.js';

interface Options extends GlobalOptions {
  database?: string;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .option('--database <name>', 'of the database (default: sums of all, as of their last flushes)')
    .addHelpText('after', '\nExample:\n  jvdb stats --database words --storage data')
    .action(async (options: Options) => {
      const run = context(options);
      if (options.database === undefined) await ofAll(run);
      else await ofOne(run, options.database);
    });
}

// What StorageStats counts of the process that asks is all zeros here, and left out.
async function ofAll(run: Context): Promise<void> {
  using databases = run.databases();
  const { totalDatabases, totalVectors, deletedVectors, totalBytes, unreadable } = await databases.getStorageStats();
  const reasons = unreadable.map(({ name, error }) => ({ name, error: reason(error) }));
  const text = reasons.length === 0 ? 'none' : reasons.map(({ name, error }) => `${name} (${error.text})`).join('; ');
  run.output.record({
    ...{ totalDatabases, totalVectors, deletedVectors, totalBytes: size(totalBytes) },
    unreadable: new Shown(reasons, text),
  });
}

async function ofOne(run: Context, name: string): Promise<void> {
  using store = await run.reader(name);
  const stats = store.stats();
  run.output.record({
    ...{ name, ...stats },
    fileBytes: size(stats.fileBytes),
    allocatedBytes: size(stats.allocatedBytes),
    memoryBytes: size(stats.memoryBytes),
  });
}
