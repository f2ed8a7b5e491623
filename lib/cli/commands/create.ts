/** jvdb create */
import { Option, type Command } from 'commander';
import type { DistanceMetric, IdType } from '../../types.js';
import { JvdbError } from '../../errors.js';
import { ID_TYPES, METRICS } from '../../open-arguments.js';
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
    .addOption(new Option('-m, --metric <metric>', 'how searches measure likeness').choices(METRICS).default('cosine'))
    .addOption(new Option('-t, --id-type <type>', 'what ids are').choices(ID_TYPES).default('int64'))
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
