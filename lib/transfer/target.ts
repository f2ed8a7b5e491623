/** What can be imported into: a store, or a database by name. */
import { invalid, shown } from '../arguments.js';
import { JvdbError } from '../errors.js';
import type { InTable, Source } from '../formats/types.js';
import { headerOf } from '../inspect/heads.js';
import type { DatabasePersistence } from '../persistence/interface.js';
import { NamedStores, type Lender } from '../persistence/named-stores.js';
import { MemoryMappedVectorStore } from '../store.js';
import type { IdType, VectorId } from '../types.js';

/** A database by name. */
export interface NamedDatabase {
  /** The databases. */
  persistence: DatabasePersistence;
  /** Which one; it must exist. */
  database: string;
}

/** What vectors are stored in. */
export interface Target {
  readonly dimension: number;
  readonly idType: IdType;
  readonly allowNonFinite: boolean;
  /** When a database by name was made, in milliseconds since 1970: another one of its name is told from it. */
  readonly createdAt: number | undefined;
  /** What tells it from all others; '' in memory. */
  identity(): string;
  /** How far it has come. */
  state(): { lastLsn: number; durableLsn: number };
  store(
    ids: readonly VectorId[] | Float64Array,
    vectors: Float32Array,
    metadata: readonly (string | undefined)[] | undefined,
  ): Promise<number>;
  flush(): Promise<unknown>;
}

// A file that is open has a header, or opening it would have failed.
function databaseId(filePath: string | undefined): string {
  return (filePath === undefined ? undefined : headerOf(filePath))?.databaseId ?? '';
}

/**
 * Databases by name, if they are that.
 *
 * @param given - as given by the caller
 * @returns the same
 * @throws JvdbError `JVDB_INVALID_ARGUMENT`
 */
export function checkedPersistence(given: unknown): DatabasePersistence & Lender {
  if (given instanceof NamedStores) return given as unknown as DatabasePersistence & Lender;
  throw invalid(
    `give a PersistentDatabasePersistence or an InMemoryDatabasePersistence as persistence, not ${shown(given)}`,
  );
}

/**
 * The target that a caller means.
 *
 * @param given - a store, or a database by name
 * @returns it
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it is neither, `JVDB_NOT_FOUND` where there is no such database
 */
export function targetOf(given: MemoryMappedVectorStore<object> | NamedDatabase): Target {
  if (given instanceof MemoryMappedVectorStore) {
    return {
      dimension: given.dimension,
      idType: given.idType,
      allowNonFinite: given.allowNonFinite,
      createdAt: undefined,
      identity: () => databaseId(given.filePath),
      state: () => given.stats(),
      store: (ids, vectors, metadata) => given.batchStoreAsync(ids, vectors, metadata),
      flush: () => given.flush(),
    };
  }
  const named: unknown = given;
  const { persistence: databases, database } = (named ?? {}) as Partial<NamedDatabase>;
  if (typeof database !== 'string' || databases === undefined) {
    throw invalid(`give a MemoryMappedVectorStore, or { persistence, database }, to import into, not ${shown(given)}`);
  }
  const persistence = checkedPersistence(databases);
  const { dimension, idType, allowNonFinite, createdAt: made, filePath } = persistence.getDatabaseInfo(database);
  return {
    dimension,
    idType,
    allowNonFinite,
    createdAt: made.getTime(),
    identity: () => databaseId(filePath),
    state: () => persistence.stats(database),
    store: (ids, vectors, metadata) => persistence.batchStoreAsync(database, ids, vectors, metadata),
    flush: () => persistence.flushDatabase(database),
  };
}

/**
 * Refuses a table whose vectors can't be stored.
 *
 * @param table - what is to be imported
 * @param target - where to
 * @param source - where from, for the message
 */
export function checkDimension(
  table: Pick<InTable, 'dimension'>,
  target: Pick<Target, 'dimension'>,
  source: Pick<Source, 'name'>,
): void {
  if (table.dimension === undefined || table.dimension === target.dimension) return;
  throw new JvdbError(
    'JVDB_DIMENSION_MISMATCH',
    `${source.name} has vectors of dimension ${table.dimension}, the store of ${target.dimension}`,
  );
}
