import { guard } from '../native.js';
import type { VectorId } from '../types.js';
import { DatabaseFiles } from './database-files.js';
import { FileBackend } from './file-backend.js';
import { checkedOptions } from './options.js';
import { Persistence } from './persistence.js';
import { Report } from './report.js';
import type { PersistenceOptions } from './types.js';

/**
 * Databases by name, a file each under one directory. Files are opened when they are needed, the least
 * recently used closed for others, and what has changed is flushed in time. See `DatabasePersistence` for the
 * calls, and `profiles` for options.
 *
 * A call that does not return a promise opens its database on this thread, and, where as many are open as may
 * be, closes another first, which waits for the disk if that has changes. `warmUp` opens ahead.
 *
 * @template M - the metadata stored with a vector
 * @template I - the ids; with databases of both id types, leave it out
 */
export class PersistentDatabasePersistence<
  M extends object = Record<string, unknown>,
  I extends VectorId = VectorId,
> extends Persistence<M, I> {
  /** The directory of the files, an absolute path. */
  readonly storagePath: string;

  /**
   * Opens no database yet.
   *
   * @param storagePath - the directory of the files; made where it isn't there, for its owner only
   * @param options - see `PersistenceOptions`
   */
  constructor(storagePath: string, options: PersistenceOptions = {}) {
    const checked = guard(() => checkedOptions(options));
    const files = new DatabaseFiles(storagePath, checked.layout);
    const report = new Report(files.directory);
    super(report, new FileBackend<M, I>(report, files, checked), checked.flushIntervalSeconds);
    this.storagePath = files.directory;
  }
}
