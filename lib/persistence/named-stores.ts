import { unlessAborted } from '../abort.js';
import { jobOptions } from '../job.js';
import { guard } from '../native.js';
import { rawSearchOptions, searchOptions } from '../search-arguments.js';
import type { MemoryMappedVectorStore } from '../store.js';
import type {
  Change,
  ChangesOptions,
  RawSearchOptions,
  RawSearchResult,
  SearchHit,
  SearchOptions,
  StoreStats,
  VectorId,
  VectorInput,
  VectorRecord,
} from '../types.js';
import type {
  BackupOptions,
  BackupReport,
  CompactReport,
  JobOptions,
  VerifyOptions,
  VerifyReport,
} from '../upkeep-types.js';
import type { Backend } from './backend.js';
import { copyOfBatch, copyOfSearch } from './copies.js';
import type { IdBatch } from './interface.js';
import { heldAsyncIterator, heldIterator } from './iterators.js';
import type { OpenStore } from './open-store.js';

/** Names what lends a database's store. */
export const LEND: unique symbol = Symbol('lend');

/** Has databases whose stores it can lend. */
export interface Lender {
  /**
   * @param name - of a database
   * @returns its store, which stays open until it is given back
   */
  [LEND](name: string): { store: MemoryMappedVectorStore; release: () => void };
}

type Metadata<M> = readonly (M | string | undefined)[] | undefined;

/** Every call of a store, with a database's name first. Threads: the one that made it. */
export abstract class NamedStores<M extends object, I extends VectorId> {
  readonly #backend: Backend<M, I>;

  /**
   * Calls nothing yet.
   *
   * @param backend - has the stores
   */
  protected constructor(backend: Backend<M, I>) {
    this.#backend = backend;
  }

  // A second time where the file was deleted by another thread: one may have taken its place.
  #use<T>(name: string, call: (store: MemoryMappedVectorStore<M, I>, open: OpenStore<M, I>) => T): T {
    for (let again = true; ; again = false) {
      const open = this.#backend.take(name);
      open.uses++;
      try {
        return call(open.store, open);
      } catch (thrown) {
        if (!again || !open.deleted) throw thrown;
        this.#backend.drop(open);
      } finally {
        this.#release(open);
      }
    }
  }

  #release(open: OpenStore<M, I>): void {
    if (--open.uses === 0) this.#backend.unused(open);
  }

  // A call that must wait for its store is checked first, and works on a copy of what it was given.
  async #useAsync<A, T>(
    name: string,
    given: A,
    copy: (given: A) => A,
    call: (store: MemoryMappedVectorStore<M, I>, given: A) => Promise<T>,
    check?: () => { signal: AbortSignal | undefined },
  ): Promise<T> {
    let copied: A | undefined;
    let signal: AbortSignal | undefined;
    for (;;) {
      if (copied === undefined && this.#backend.peek(name) === undefined) {
        signal = check === undefined ? undefined : guard(check).signal;
        signal?.throwIfAborted();
        copied = guard(() => copy(given));
      }
      const taken = this.#backend.takeAsync(name);
      const open = taken instanceof Promise ? await unlessAborted(signal, taken) : taken;
      if (!open.gone && !open.deleted) {
        open.uses++;
        try {
          return await call(open.store, copied ?? given);
        } finally {
          this.#release(open);
        }
      }
      this.#backend.drop(open);
    }
  }

  /** @inheritdoc */
  storeVector(name: string, id: I, vector: VectorInput, metadata?: M | string): number {
    return this.#use(name, (store) => store.storeVector(id, vector, metadata));
  }

  /** @inheritdoc */
  updateVector(name: string, id: I, vector: VectorInput, metadata?: M | string): number {
    return this.#use(name, (store) => store.updateVector(id, vector, metadata));
  }

  /** @inheritdoc */
  updateMetadata(name: string, id: I, metadata: M | string): number {
    return this.#use(name, (store) => store.updateMetadata(id, metadata));
  }

  /** @inheritdoc */
  deleteVector(name: string, id: I): number {
    return this.#use(name, (store) => store.deleteVector(id));
  }

  /** @inheritdoc */
  batchStore(
    name: string,
    ids: IdBatch<I>,
    vectors: Float32Array | readonly VectorInput[],
    metadata?: Metadata<M>,
  ): number {
    return this.#use(name, (store) => store.batchStore(ids, vectors, metadata));
  }

  /** @inheritdoc */
  async batchStoreAsync(
    name: string,
    ids: IdBatch<I>,
    vectors: Float32Array | readonly VectorInput[],
    metadata?: Metadata<M>,
  ): Promise<number> {
    return this.#useAsync(name, [ids, vectors, metadata] as const, copyOfBatch, (store, copy) =>
      store.batchStoreAsync(...copy),
    );
  }

  /** @inheritdoc */
  batchDelete(name: string, ids: IdBatch<I>): number {
    return this.#use(name, (store) => store.batchDelete(ids));
  }

  /** @inheritdoc */
  has(name: string, id: I): boolean {
    return this.#use(name, (store) => store.has(id));
  }

  /** @inheritdoc */
  retrieveVector(name: string, id: I): VectorRecord<M, I> | undefined {
    return this.#use(name, (store) => store.retrieveVector(id));
  }

  /** @inheritdoc */
  readVector(name: string, id: I, out: Float32Array): boolean {
    return this.#use(name, (store) => store.readVector(id, out));
  }

  /** @inheritdoc */
  viewVector(name: string, id: I): Float32Array | undefined {
    return this.#use(name, (store) => store.viewVector(id));
  }

  /** @inheritdoc */
  batchRetrieve(name: string, ids: IdBatch<I>): (VectorRecord<M, I> | undefined)[] {
    return this.#use(name, (store) => store.batchRetrieve(ids));
  }

  /** @inheritdoc */
  readVectors(name: string, ids: IdBatch<I>, out: Float32Array): number {
    return this.#use(name, (store) => store.readVectors(ids, out));
  }

  /** @inheritdoc */
  ids(name: string): IterableIterator<I> {
    return this.#use(name, (store, open) => heldIterator(store.ids(), this.#hold(open)));
  }

  /** @inheritdoc */
  entries(name: string): AsyncIterableIterator<VectorRecord<M, I>> {
    return this.#use(name, (store, open) => heldAsyncIterator(store.entries(), this.#hold(open)));
  }

  /** @inheritdoc */
  changes(name: string, options?: ChangesOptions): AsyncIterableIterator<Change<M, I>> {
    return this.#use(name, (store, open) => heldAsyncIterator(store.changes(options), this.#hold(open)));
  }

  /**
   * @internal
   * @param name - of a database
   * @returns its store, which stays open until it is given back
   */
  [LEND](name: string): { store: MemoryMappedVectorStore<M, I>; release: () => void } {
    return this.#use(name, (store, open) => ({ store, release: this.#hold(open) }));
  }

  #hold(open: OpenStore<M, I>): () => void {
    open.uses++;
    return () => {
      this.#release(open);
    };
  }

  /** @inheritdoc */
  vectorCount(name: string): number {
    return this.#use(name, (store) => store.vectorCount);
  }

  /** @inheritdoc */
  stats(name: string): StoreStats {
    return this.#use(name, (store) => store.stats());
  }

  async #upkeep<O extends JobOptions, T>(
    name: string,
    options: O | undefined,
    call: (store: MemoryMappedVectorStore<M, I>, options: O | undefined) => Promise<T>,
  ): Promise<T> {
    const check = (): ReturnType<typeof jobOptions> => jobOptions(options ?? {});
    return this.#useAsync(name, options, (given) => (given === undefined ? undefined : { ...given }), call, check);
  }

  /** @inheritdoc */
  async verify(name: string, options?: VerifyOptions): Promise<VerifyReport> {
    return this.#upkeep(name, options, async (store, copy) => store.verify(copy));
  }

  /** @inheritdoc */
  async compact(name: string, options?: JobOptions): Promise<CompactReport> {
    return this.#upkeep(name, options, async (store, copy) => store.compact(copy));
  }

  /** @inheritdoc */
  async backup(name: string, path: string, options?: BackupOptions): Promise<BackupReport> {
    return this.#upkeep(name, options, async (store, copy) => store.backup(path, copy));
  }

  /** @inheritdoc */
  async search(name: string, query: VectorInput, options?: SearchOptions<I>): Promise<SearchHit<M, I>[]> {
    const check = (): ReturnType<typeof searchOptions> => searchOptions(options ?? {});
    return this.#useAsync(name, [query, options] as const, copyOfSearch, (store, copy) => store.search(...copy), check);
  }

  /** @inheritdoc */
  searchSync(name: string, query: VectorInput, options?: SearchOptions<I>): SearchHit<M, I>[] {
    return this.#use(name, (store) => store.searchSync(query, options));
  }

  /** @inheritdoc */
  async searchBatch(
    name: string,
    queries: Float32Array | readonly VectorInput[],
    options?: SearchOptions<I>,
  ): Promise<SearchHit<M, I>[][]> {
    const check = (): ReturnType<typeof searchOptions> => searchOptions(options ?? {});
    return this.#useAsync(
      name,
      [queries, options] as const,
      copyOfSearch,
      (store, copy) => store.searchBatch(...copy),
      check,
    );
  }

  /** @inheritdoc */
  async searchRaw(name: string, query: VectorInput, options?: RawSearchOptions<I>): Promise<RawSearchResult<I>> {
    const check = (): ReturnType<typeof searchOptions> => rawSearchOptions(options ?? {});
    return this.#useAsync(
      name,
      [query, options] as const,
      copyOfSearch,
      (store, copy) => store.searchRaw(...copy),
      check,
    );
  }
}
