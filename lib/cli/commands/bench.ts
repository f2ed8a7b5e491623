/** jvdb bench */
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { system } from '../../directories.js';
import { selfTest, type SelfTestReport, type StepFigures } from '../../self-test/self-test.js';
import { wholeNumber } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { bytes, duration, type Cell } from '../output.js';

interface Options extends GlobalOptions {
  seconds: number;
  dimension: number;
  vectors: number;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .option('--seconds <n>', 'about how long', wholeNumber(1, 3600), 60)
    .option('--dimension <n>', 'values of each vector', wholeNumber(1, 65_536), 384)
    .option('--vectors <n>', 'at most', wholeNumber(2, 100_000_000), 100_000)
    .addHelpText(
      'after',
      '\nStores, reads and searches in a directory of its own inside the storage, which is removed at the end, and\ncompares what comes back with what it must be. GB/s are of float32 values; searches read int8 copies first.\n\nExample:\n  jvdb bench --seconds 20 --storage data',
    )
    .action(async (options: Options) => {
      const run = context(options);
      run.databases().close(); // says it where there is no such directory
      // No database has such a name.
      const directory = system(`use ${run.storage}`, () => mkdtempSync(path.join(run.storage, '.jvdb-bench-')));
      try {
        const { seconds, dimension, vectors } = options;
        const report = await selfTest(path.join(directory, 'bench.jvdb'), {
          ...{ seconds, dimension, vectors, signal: run.signal },
          onStep: (done, total) => {
            run.output.progress({ done, total, unit: 'steps' });
          },
        });
        if (options.json === true) run.output.record({ ...report });
        else print(run, report);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
}

function print({ output }: Context, report: SelfTestReport): void {
  output.table(report.steps.map(row));
  output.done('', {});
  output.record({
    vectors: `${report.vectors} of dimension ${report.dimension}`,
    file: bytes(report.fileBytes),
    simd: report.simd,
    threads: report.threads,
    answers: `${report.checks} compared, all right`,
  });
}

function row({ step, count, seconds, perSecond, microseconds, gigabytesPerSecond }: StepFigures): Record<string, Cell> {
  return {
    ...{ step, count, time: duration(seconds), 'per second': perSecond, 'µs each': microseconds },
    'GB/s': gigabytesPerSecond === 0 ? undefined : gigabytesPerSecond,
  };
}
