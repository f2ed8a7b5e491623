/** jvdb estimate */
import { Option, type Command } from 'commander';
import { estimate, type Load } from '../../inspect/estimate.js';
import { SCAN_COLUMNS } from '../../open-arguments.js';
import { wholeNumber } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { bytes } from '../output.js';

interface Options extends GlobalOptions, Load {}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .option('--databases <n>', 'how many', wholeNumber(1, 1_000_000), 1)
    .requiredOption('--vectors <n>', 'in each', wholeNumber(0, 2 ** 32 - 2))
    .requiredOption('--dimension <n>', 'values of each vector', wholeNumber(1, 65_536))
    .option('--metadata-bytes <n>', 'JSON of each vector, on average', wholeNumber(0, 2 ** 20), 100)
    .option('--id-bytes <n>', 'of string ids, on average; 0: ids are numbers', wholeNumber(0, 1024), 0)
    .addOption(new Option('--scan-column <kind>', 'int8 copies for searches').choices(SCAN_COLUMNS).default('int8'))
    .addHelpText(
      'after',
      '\nThe disk has room for all files after growing once more, and for one compaction.\n\nExample:\n  jvdb estimate --databases 100 --vectors 100000 --dimension 512 --metadata-bytes 200',
    )
    .action((options: Options) => {
      const run = context(options);
      const { databases, vectors, dimension, metadataBytes, idBytes, scanColumn } = options;
      const report = estimate({ databases, vectors, dimension, metadataBytes, idBytes, scanColumn });
      if (options.json === true) {
        run.output.record({ ...report });
        return;
      }
      run.output.record({
        vectors: report.vectors,
        'each file': `${bytes(report.fileBytes)}, ${report.bytesPerVector} bytes a vector; ${bytes(report.closedBytes)} once closed`,
        'all files': bytes(report.totalFileBytes),
        memory: `${bytes(report.memoryBytes)} for tables, with all databases open`,
        'each search reads': `${bytes(report.scannedBytes)}, from memory where the page cache has room for it`,
        'recommended disk': bytes(report.recommendedDiskBytes),
      });
    });
}
