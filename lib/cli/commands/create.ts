/** jvdb create */
import type { Command } from 'commander';
import type { DistanceMetric, IdType } from '../../types.js';
import { JvdbError } from '../../errors.js';
import { wholeNumber } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';

interface Options extends GlobalOptions {
  dimension: number;
  metric: DistanceMetric;
  idType: IdType;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command
    .argument('<name>', 'of the database')
    .requiredOption('-d, --dimension <n>', 'values of each vector', wholeNumber(1, 65_536))
    .option('-m, --metric <metric>', 'cosine, dot or euclidean', 'cosine')
    .option('-t, --id-type <type>', 'int64 or string', 'int64')
    .addHelpText('after', '\nExample:\n  jvdb create words --dimension 100 --id-type string --storage data')
    .action((name: string, options: Options) => {
      const run = context(options);
      using all = run.newDatabases();
      const created = all.createDatabase(name, {
        dimension: options.dimension,
        distanceMetric: options.metric,
        idType: options.idType,
      });
      if (!created) throw new JvdbError('JVDB_EXISTS', `there is a database ${name} already`);
      const { filePath, dimension, distanceMetric, idType } = all.getDatabaseInfo(name);
      run.output.done(`created ${name}: dimension ${dimension}, ${distanceMetric}, ids ${idType}`, {
        ...{ name, dimension, distanceMetric, idType, filePath },
      });
    });
}
