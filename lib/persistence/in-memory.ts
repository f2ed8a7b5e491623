import { checkKeys } from '../arguments.js';
import type { VectorId } from '../types.js';
import { MemoryBackend } from './memory-backend.js';
import { capacity } from './options.js';
import { Persistence } from './persistence.js';
import { Report } from './report.js';
import type { PersistenceOptions } from './types.js';

/**
 * Databases by name in memory, for tests, caches and comparisons: the engine of the files over anonymous
 * memory. They go with the object, or with `close`. See `DatabasePersistence` for the calls.
 *
 * @template M - the metadata stored with a vector
 * @template I - the ids; with databases of both id types, leave it out
 */
export class InMemoryDatabasePersistence<
  M extends object = Record<string, unknown>,
  I extends VectorId = VectorId,
> extends Persistence<M, I> {
  /**
   * Holds no database yet.
   *
   * @param options - `initialCapacity`: vectors that a new database has room for at first, default 1000
   */
  constructor(options: Pick<PersistenceOptions, 'initialCapacity'> = {}) {
    checkKeys(options, ['initialCapacity'], 'persistence options');
    const report = new Report('memory');
    super(report, new MemoryBackend<M, I>(report, capacity(options)), 0);
  }
}
