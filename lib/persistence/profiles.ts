import type { PersistenceOptions } from './types.js';

/**
 * Options for common needs: `new PersistentDatabasePersistence(path, profiles.balanced)`. With each, what was
 * acknowledged survives the end of the process; the interval is what power loss may take.
 */
export const profiles = Object.freeze({
  /** For development and tests: few files, a flush each minute. */
  development: Object.freeze({ maxOpenFiles: 20, flushIntervalSeconds: 60 }),
  /** For most servers; the defaults. */
  balanced: Object.freeze({ maxOpenFiles: 100, flushIntervalSeconds: 300 }),
  /** For much writing to many databases: they stay open, and are flushed every ten minutes. */
  throughput: Object.freeze({ maxOpenFiles: 500, flushIntervalSeconds: 600 }),
  /** For data that is hard to get again: a minute's changes at most. For none, add `durability: 'commit'`. */
  durability: Object.freeze({ maxOpenFiles: 50, flushIntervalSeconds: 60 }),
  /** For little memory or few file descriptors. */
  constrained: Object.freeze({ maxOpenFiles: 10, flushIntervalSeconds: 300 }),
  /** For answers without the wait for a file to open: many stay so. */
  latency: Object.freeze({ maxOpenFiles: 200, flushIntervalSeconds: 300 }),
}) satisfies Readonly<Record<string, Readonly<PersistenceOptions>>>;
