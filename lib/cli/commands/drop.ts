/** jvdb drop */
import type { Command } from 'commander';
import { JvdbError } from '../../errors.js';
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
      if (!dropped) throw new JvdbError('JVDB_NOT_FOUND', `there is no database ${name} in ${run.storage}`);
      run.output.done(`dropped ${name}`, { name });
    });
}
