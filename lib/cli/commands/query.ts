/** jvdb query */
import { Option, type Command } from 'commander';
import type { MemoryMappedVectorStore } from '../../store.js';
import type { SearchHit, VectorId, VectorInput } from '../../types.js';
import { finiteNumber, idOf, wholeNumber } from '../arguments.js';
import type { Context, GlobalOptions } from '../context.js';
import { Shown, UsageError, type Cell } from '../output.js';
import { addVectorOptions, givenVector, noVectors, type VectorOptions } from '../vectors.js';

interface Options extends GlobalOptions, VectorOptions {
  database: string;
  id?: string;
  topK: number;
  offset: number;
  minScore?: number;
  maxDistance?: number;
  metadata?: boolean;
  vectors?: boolean;
  threads?: number;
}

/**
 * @param command - see `CommandModule`
 * @param context - see `CommandModule`
 */
export function define(command: Command, context: (options: GlobalOptions) => Context): void {
  command.requiredOption('--database <name>', 'of the database');
  addVectorOptions(command)
    .addOption(
      new Option('--id <id>', 'ask by this stored vector, which is left out of the results').conflicts([
        'vector',
        'file',
      ]),
    )
    .option('--top-k <n>', 'results at most', wholeNumber(1), 10)
    .option('--offset <n>', 'leave out so many of the best', wholeNumber(0), 0)
    .option('--min-score <score>', 'only results with at least this score', finiteNumber)
    .option('--max-distance <distance>', 'only results with at most this distance', finiteNumber)
    .option('--metadata', 'print the metadata too')
    .option('--vectors', 'print the vectors too')
    .option('--threads <n>', 'threads at most (default: as many as the machine has)', wholeNumber(1, 1024))
    .addHelpText(
      'after',
      '\nJSON has values that are no finite numbers as "NaN", "Infinity" and "-Infinity".' +
        "\n\nExample:\n  jvdb query --database words --vector '[0.1, 0.2, 0.3]' --top-k 5",
    )
    .action(async (options: Options) => {
      const run = context(options);
      const vector = await givenVector(options, run.signal);
      if (vector === undefined && options.id === undefined) {
        throw new UsageError("what is to be found? give --vector '[0.1, 0.2]', --file FILE or --id ID");
      }
      using store = await run.reader(options.database);
      const { query, excludeIds } = vector === undefined ? storedQuery(store, options) : { query: vector };
      const { topK, offset, minScore, maxDistance, threads } = options;
      const hits = await store.search(query, {
        ...{ topK, offset, minScore, maxDistance, threads, excludeIds, signal: run.signal },
        ...{ includeMetadata: options.metadata === true, includeVectors: options.vectors === true },
      });
      run.output.table(
        hits.map((hit) => row(hit, options)),
        'nothing found',
      );
    });
}

function storedQuery(store: MemoryMappedVectorStore, options: Options): { query: VectorInput; excludeIds: VectorId[] } {
  const id = idOf(options.id ?? '', store.idType);
  const query = new Float32Array(store.dimension);
  if (!store.readVector(id, query)) throw noVectors(options.database, [id]);
  return { query, excludeIds: [id] };
}

function row({ id, score, distance, metadata, vector }: SearchHit, options: Options): Record<string, Cell> {
  return {
    ...{ id, score: rounded(score), distance: rounded(distance) },
    ...(options.metadata === true && { metadata }),
    ...(options.vectors === true && { vector }),
  };
}

function rounded(value: number): Shown {
  return new Shown(value, value.toFixed(6).replace(/^-(0\.0+)$/, '$1'));
}
