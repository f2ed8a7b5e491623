import { native } from '../native.js';
import { HANDLE } from '../store-handle.js';
import type { MemoryMappedVectorStore } from '../store.js';
import type { VectorId } from '../types.js';

/** A database's store, and how many calls use it right now. Threads: the one that opened it. */
export class OpenStore<M extends object, I extends VectorId> {
  /** Calls and iterators that use it: it stays open for them. */
  uses = 0;
  /** Whether it was taken out: the next call for the name must ask again. */
  gone = false;
  /** Ends when the flush that is under way does: the next one waits for it. */
  flushing: Promise<unknown> = Promise.resolve();

  /**
   * Holds them.
   *
   * @param name - of the database
   * @param store - its open store
   */
  constructor(
    readonly name: string,
    readonly store: MemoryMappedVectorStore<M, I>,
  ) {}

  /** Whether its file was deleted, by any thread of the process. */
  get deleted(): boolean {
    return native.isRemoved(this.store[HANDLE]);
  }

  /** LSN of the last change that a flush has to make durable; undefined where there is nothing to flush. */
  get unflushedLsn(): number | undefined {
    try {
      const { lastLsn, durableLsn } = this.store;
      return lastLsn === durableLsn ? undefined : lastLsn;
    } catch {
      return undefined; // deleted, or closed
    }
  }
}

/** What the stores are opened by. */
export interface Opener<M extends object, I extends VectorId> {
  /** The file of a database; throws where there is none. */
  find: (name: string) => string;
  /** Opens it. */
  open: (name: string, filePath: string) => MemoryMappedVectorStore<M, I>;
  /** The same off the event loop. */
  openAsync: (name: string, filePath: string) => Promise<MemoryMappedVectorStore<M, I>>;
}
