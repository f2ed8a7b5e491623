/** jvdb compact */
import type { Command } from 'commander';
import type { CompactReport, JobOptions } from '../../upkeep-types.js';
import type { Context, GlobalOptions } from '../context.js';
import { bytes } from '../output.js';
import { tellEach } from '../told.js';

interface Options extends GlobalOptions {
  database?: string;
}

type Compacted = CompactReport & { name: string };

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .option('--database <name>', 'this one alone; default: all')
    .addHelpText('after', '\nExample:\n  jvdb compact --database words --storage data')
    .action(async (options: Options) => {
      const run = context(options);
      using all = run.databases({ autoCompact: false });
      const compact = async (name: string, job: JobOptions): Promise<Compacted> => ({
        name,
        ...(await all.compact(name, job)),
      });
      const row = (report: Compacted): Record<string, string | number> => ({
        name: report.name,
        vectors: report.vectorCount,
        removed: report.deadCount,
        before: bytes(report.bytesBefore),
        after: bytes(report.bytesAfter),
      });
      await tellEach(run, options, compact, row);
    });
}
