/** jvdb drop */
import type { Command } from 'commander';
import { noDatabase } from '../../persistence/names.js';
import type { Context, GlobalOptions } from '../context.js';
import { change } from '../vectors.js';

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('<name>', 'of the database; it is deleted with all its vectors, without a question')
    .addHelpText('after', '\nExample:\n  jvdb drop words --storage data')
    .action((name: string, options: GlobalOptions) => {
      const run = context(options);
      const dropped = change(run, (all) => all.deleteDatabase(name));
      if (!dropped) throw noDatabase(name, run.storage);
      run.output.done(`dropped ${name}`, { name });
    });
}
