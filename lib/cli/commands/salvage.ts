/** jvdb salvage */
import type { Command } from 'commander';
import { MemoryMappedVectorStore } from '../../store.js';
import type { Context, GlobalOptions } from '../context.js';
import { jobsOf, sizeOf } from '../files.js';
import { bytes } from '../output.js';
import { tellErrors } from '../told.js';

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('<from>', 'the damaged file, which is only read')
    .argument('<to>', 'the new file; nothing may have the name')
    .addHelpText(
      'after',
      '\nExit status 0 where a new file was made, whatever is missing in it.\n\nExample:\n  jvdb salvage damaged.jvdb data/words.jvdb',
    )
    .action(async (from: string, to: string, options: GlobalOptions) => {
      const run = context(options);
      const report = await MemoryMappedVectorStore.salvage(from, to, jobsOf(run, [sizeOf(from)])(0));
      if (options.json === true) {
        run.output.record({ from, to, ...report });
        return;
      }
      const { vectorCount, lostCount, unreadableCount, lostIds } = report;
      run.output.record({
        salvaged: `${vectorCount} vectors to ${to}, ${bytes(report.bytes)}`,
        lost: `${lostCount} vectors, ${unreadableCount} operations of which nothing can be read`,
        ids: lostIds.length > 0 ? lostIds.join(' ') : undefined,
      });
      tellErrors(run, from, report.errors, report.errorCount);
    });
}
