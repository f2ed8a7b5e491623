/**
 * jvdb: an embedded, persistent vector store for Node.js.
 */
export { JvdbError, type JvdbErrorCode } from './errors.js';
export { simd } from './simd.js';
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
  Simd,
  StoreOptions,
  StoreStats,
  VectorId,
  VectorInput,
  VectorRecord,
} from './types.js';
