/** What can be imported into: a store, or a database by name. */
import { invalid } from '../arguments.js';
import type { DatabasePersistence } from '../persistence/interface.js';
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
  store(
    ids: readonly VectorId[] | Float64Array,
    vectors: Float32Array,
    metadata: readonly (string | undefined)[] | undefined,
  ): Promise<number>;
  flush(): Promise<unknown>;
}

/**
 * The target that a caller means.
 *
 * @param given - a store, or a database by name
 * @returns it
 */
export function targetOf(given: MemoryMappedVectorStore<object> | NamedDatabase): Target {
  if (given instanceof MemoryMappedVectorStore) {
    return {
      dimension: given.dimension,
      idType: given.idType,
      allowNonFinite: given.allowNonFinite,
      createdAt: undefined,
      store: (ids, vectors, metadata) => given.batchStoreAsync(ids, vectors, metadata),
      flush: () => given.flush(),
    };
  }
  const { persistence, database } = given;
  if (typeof database !== 'string' || typeof persistence !== 'object') {
    throw invalid('give a MemoryMappedVectorStore, or { persistence, database }');
  }
  const { dimension, idType, allowNonFinite, createdAt: made } = persistence.getDatabaseInfo(database);
  return {
    dimension,
    idType,
    allowNonFinite,
    createdAt: made.getTime(),
    store: (ids, vectors, metadata) => persistence.batchStoreAsync(database, ids, vectors, metadata),
    flush: () => persistence.flushDatabase(database),
  };
}
