/** What all commands share: where the databases are, how to print, when to stop. Threads: one. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { JvdbError } from '../errors.js';
import { PersistentDatabasePersistence } from '../persistence/persistent.js';
import type { PersistenceOptions } from '../persistence/types.js';
import { MemoryMappedVectorStore } from '../store.js';
import { Output, UsageError } from './output.js';

/** Options that every command has. */
export interface GlobalOptions {
  /** The directory of the databases. */
  storage?: string;
  /** JSON instead of tables. */
  json?: boolean;
}

/** One run of a command. */
export class Context {
  /** Prints. */
  readonly output: Output;
  /** Aborted at SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly #storage: string | undefined;

  /**
   * @param options - as given on the command line
   * @param signal - ends the command early
   */
  constructor(options: GlobalOptions, signal: AbortSignal) {
    this.output = new Output(options.json === true);
    this.signal = signal;
    this.#storage = options.storage ?? process.env['JVDB_STORAGE'];
  }

  /**
   * The directory of the databases.
   *
   * @returns its path
   * @throws UsageError where none is given
   */
  get storage(): string {
    if (this.#storage === undefined || this.#storage === '') {
      throw new UsageError('where are the databases? give --storage DIR, or set JVDB_STORAGE');
    }
    return path.resolve(this.#storage);
  }

  /**
   * Opens the storage, which must be there; nothing is flushed by the clock.
   *
   * @param options - see `PersistenceOptions`
   * @returns all databases; dispose of them
   * @throws JvdbError `JVDB_NOT_FOUND` where there is no such directory
   */
  databases(options: Partial<PersistenceOptions> = {}): PersistentDatabasePersistence {
    if (!existsSync(this.storage)) {
      throw new JvdbError(
        'JVDB_NOT_FOUND',
        `there is no directory ${this.storage}; create a database first, or name another`,
      );
    }
    return this.newDatabases(options);
  }

  /**
   * Opens the storage, and makes the directory where it isn't there.
   *
   * @param options - see `PersistenceOptions`
   * @returns all databases; dispose of them
   */
  newDatabases(options: Partial<PersistenceOptions> = {}): PersistentDatabasePersistence {
    return new PersistentDatabasePersistence(this.storage, { flushIntervalSeconds: 0, ...options });
  }

  /**
   * A database to be read, beside whoever writes to it.
   *
   * @param name - of the database
   * @returns a promise of its store; close it
   */
  async reader(name: string): Promise<MemoryMappedVectorStore> {
    using databases = this.databases();
    const { filePath = '' } = databases.getDatabaseInfo(name);
    return await MemoryMappedVectorStore.openAsync(filePath, { readOnly: true });
  }
}
