/** jvdb list */
import type { Command } from 'commander';
import { printAll } from '../all-databases.js';
import type { Context, GlobalOptions } from '../context.js';
import { size } from '../output.js';

const COLUMNS = ['dimension', 'distanceMetric', 'idType', 'vectorCount', 'allocatedBytes'] as const;

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .addHelpText(
      'after',
      '\nOpens none of them: vectors are counted as of the last flush.\n\nExample:\n  jvdb list --storage data',
    )
    .action(async (options: GlobalOptions) => {
      await printAll(context(options), COLUMNS, (name, databases) => {
        const { dimension, distanceMetric, idType, vectorCount, allocatedBytes } = databases.getDatabaseInfo(name);
        return { dimension, distanceMetric, idType, vectorCount, allocatedBytes: size(allocatedBytes) };
      });
    });
}
