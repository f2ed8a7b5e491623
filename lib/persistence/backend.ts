/** What a persistence needs of the place where its databases are. */
import { toJvdbError, type JvdbError } from '../errors.js';
import type { VectorId } from '../types.js';
import type { OpenStore } from './open-store.js';
import type { DatabaseInfo, DatabaseSchema, StorageStats, UnreadableDatabase } from './types.js';

/** Files, or memory. Names were checked, unless it says otherwise. */
export interface Backend<M extends object, I extends VectorId> {
  /** The store of a database, opened where it isn't; checks the name. To be used at once, or held by `uses`. */
  take: (name: string) => OpenStore<M, I>;
  /** The same, opened off the event loop; by then it may be `gone` again. */
  takeAsync: (name: string) => OpenStore<M, I> | Promise<OpenStore<M, I>>;
  /** Takes a store out, so that the next call for its name asks anew. */
  drop: (open: OpenStore<M, I>) => void;
  /** To be called when the `uses` of a store came down to 0. */
  unused: (open: OpenStore<M, I>) => void;

  /** As the persistence's own. */
  create: (name: string, schema: DatabaseSchema) => boolean;
  /** As the persistence's own. */
  delete: (name: string) => boolean;
  /** As the persistence's own. */
  list: () => string[];
  /** As the persistence's own. */
  has: (name: string) => boolean;
  /** As the persistence's own. */
  info: (name: string) => DatabaseInfo;
  /** As the persistence's own; checks the names. */
  warmUp: (names: readonly string[]) => Promise<void>;

  /** The open store of a database, undefined where it isn't open; this is no use of it. */
  peek: (name: string) => OpenStore<M, I> | undefined;
  /** All stores that are open. */
  openStores: () => OpenStore<M, I>[];
  /** Stores that were taken out, and are closed when nobody uses them any more. */
  leaving: () => OpenStore<M, I>[];
  /** Figures of all databases that aren't open; which these are is decided at once. */
  figuresOfOthers: () => Promise<Figures>;
  /** How many files are open, and may be. */
  files: () => Pick<StorageStats, 'openFiles' | 'maxOpenFiles'>;
  /** Takes a store out, closed off the event loop. */
  dropAsync: (open: OpenStore<M, I>) => void;
  /** Waits for the stores that are being closed on other threads; what failed was told. */
  closings: () => Promise<void>;
  /** The same on this thread: what failed. */
  finishClosings: () => JvdbError[];
  /** Takes out all stores, used or not, for the caller to close: nothing is opened from here on. */
  end: () => OpenStore<M, I>[];
  /** Closes all stores, used or not, off the event loop. */
  endAsync: () => void;
}

/** Sums over databases. */
export interface Figures {
  databases: number;
  vectors: number;
  deleted: number;
  bytes: number;
  unreadable: UnreadableDatabase[];
}

/**
 * No database's figures.
 *
 * @returns zeros
 */
export function noFigures(): Figures {
  return { databases: 0, vectors: 0, deleted: 0, bytes: 0, unreadable: [] };
}

/**
 * Adds a database.
 *
 * @param sum - takes it
 * @param vectors - in it
 * @param deleted - whose space is still taken
 * @param bytes - of space
 */
export function addDatabase(sum: Figures, vectors: number, deleted: number, bytes: number): void {
  sum.databases++;
  sum.vectors += vectors;
  sum.deleted += deleted;
  sum.bytes += bytes;
}

/**
 * Adds a database whose figures can't be had, unless it was deleted meanwhile.
 *
 * @param sum - takes it
 * @param name - of the database
 * @param thrown - why
 */
export function addUnreadable(sum: Figures, name: string, thrown: unknown): void {
  const error = toJvdbError(thrown);
  if (error.code === 'JVDB_NOT_FOUND' || error.code === 'JVDB_CLOSED') return;
  sum.databases++;
  sum.unreadable.push({ name, error });
}
