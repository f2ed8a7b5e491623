/**
 * jvdb: an embedded, persistent vector store for Node.js.
 */
export { JvdbError, type JvdbErrorCode } from './errors.js';
export { MemoryMappedVectorStore } from './store.js';
export type {
  Change,
  ChangesOptions,
  DeleteChange,
  DistanceMetric,
  IdType,
  OptionsFor,
  PutChange,
  RawSearchOptions,
  RawSearchResult,
  SearchHit,
  SearchOptions,
  StoreOptions,
  StoreStats,
  VectorId,
  VectorInput,
  VectorRecord,
} from './types.js';
