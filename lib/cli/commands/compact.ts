/** jvdb compact */
import type { Command } from 'commander';
import { JvdbError } from '../../errors.js';
import type { CompactReport } from '../../upkeep-types.js';
import type { Context, GlobalOptions } from '../context.js';
import { filesOf, jobsOf, sizeOf } from '../files.js';
import { bytes, errorLine } from '../output.js';
import { tellReports } from '../told.js';

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
      const { done, failures } = await compactAll(run, options.database);
      const row = (report: Compacted): Record<string, string | number> => ({
        name: report.name,
        vectors: report.vectorCount,
        removed: report.deadCount,
        before: bytes(report.bytesBefore),
        after: bytes(report.bytesAfter),
      });
      const last = failures.pop();
      if (done.length > 0 || last === undefined) tellReports(run, options, done, row, 'no databases');
      for (const failure of failures) run.output.note(errorLine(failure));
      if (last !== undefined) throw last;
    });
}

// One that can't be compacted is no reason to leave the others.
async function compactAll(run: Context, name?: string): Promise<{ done: Compacted[]; failures: JvdbError[] }> {
  const files = filesOf(run, name);
  const job = jobsOf(
    run,
    files.map(({ path }) => sizeOf(path)),
  );
  using all = run.databases({ autoCompact: false });
  const done: Compacted[] = [];
  const failures: JvdbError[] = [];
  for (const [i, file] of files.entries()) {
    try {
      done.push({ name: file.name, ...(await all.compact(file.name, job(i))) });
    } catch (thrown) {
      if (!(thrown instanceof JvdbError)) throw thrown; // the signal's reason
      failures.push(thrown);
    }
  }
  return { done, failures };
}
