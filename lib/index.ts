/**
 * jvdb: an embedded, persistent vector store for Node.js.
 */
export { BackupDirectory, type BackupSource, type BackupSources } from './backup/backup-directory.js';
export type {
  BackupInfo,
  BackupRestoreOptions,
  BackupRestoreReport,
  BackupRunOptions,
  BackupVerification,
  Retention,
} from './backup/types.js';
export type { FormatName } from './formats/recognise.js';
export type { ExportSink } from './formats/sink.js';
export type { ImportSource } from './formats/source.js';
export type { InvalidRecord } from './formats/types.js';
export { JvdbError, type JvdbErrorCode } from './errors.js';
export { VectorFlushManager, type Flushable } from './flush-manager.js';
export { InMemoryDatabasePersistence } from './persistence/in-memory.js';
export type { DatabasePersistence, IdBatch } from './persistence/interface.js';
export { PersistentDatabasePersistence } from './persistence/persistent.js';
export { profiles } from './persistence/profiles.js';
export type {
  DatabaseInfo,
  DatabaseSchema,
  HealthReport,
  PersistenceEvents,
  PersistenceOptions,
  StorageStats,
  UnreadableDatabase,
} from './persistence/types.js';
export { SignalHandler, type ShutdownCallback, type SignalHandlerOptions, type SignalName } from './signal-handler.js';
export { simd } from './simd.js';
export { MemoryMappedVectorStore } from './store.js';
export { exportDatabases, exportVectors } from './transfer/export.js';
export { importVectors } from './transfer/import.js';
export { importDatabases } from './transfer/import-databases.js';
export { migrate } from './transfer/migrate.js';
export type { FailedMigration, MigratedDatabase, MigrateOptions, MigrationReport } from './transfer/migrate-types.js';
export type { NamedDatabase } from './transfer/target.js';
export type {
  ExportDatabasesOptions,
  ExportOptions,
  ExportReport,
  ImportDatabasesOptions,
  ImportDatabasesReport,
  ImportedDatabase,
  ImportOptions,
  ImportReport,
  TransferProgress,
} from './transfer/types.js';
export type { Validation } from './transfer/validate.js';
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
export type {
  AutoCompactOptions,
  BackupOptions,
  BackupReport,
  CompactReport,
  JobOptions,
  Progress,
  RestoreOptions,
  RestoreReport,
  SalvageReport,
  VerifyError,
  VerifyOptions,
  VerifyReport,
} from './upkeep-types.js';
