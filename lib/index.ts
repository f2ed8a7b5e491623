/**
 * jvdb: an embedded, persistent vector store for Node.js.
 */
export { JvdbError, type JvdbErrorCode } from './errors.js';
export { MemoryMappedVectorStore } from './store.js';
export type {
  DistanceMetric,
  IdType,
  OptionsFor,
  SearchHit,
  SearchOptions,
  StoreOptions,
  StoreStats,
  VectorId,
  VectorInput,
  VectorRecord,
} from './types.js';
