/** Stores and databases as tables to export. Threads: as the store's. */
import type { Batch, OutTable } from '../formats/types.js';
import type { DatabasePersistence } from '../persistence/interface.js';
import { LEND, type Lender } from '../persistence/named-stores.js';
import { MemoryMappedVectorStore } from '../store.js';
import { COLUMNS } from '../store-reader.js';

/** A store as of now. */
export class StoreTable implements OutTable {
  readonly name: string;
  readonly dimension: number;
  readonly distanceMetric;
  readonly idType;
  readonly allowNonFinite: boolean;
  readonly count: number;
  readonly #columns;
  readonly #close: () => void;
  /** Records that were read. */
  done = 0;

  /**
   * @param store - what to export
   * @param name - what formats call it
   * @param close - called at its end
   */
  constructor(store: MemoryMappedVectorStore<object>, name: string, close: () => void = () => undefined) {
    this.name = name;
    this.dimension = store.dimension;
    this.distanceMetric = store.metric;
    this.idType = store.idType;
    this.allowNonFinite = store.allowNonFinite;
    this.#close = close;
    try {
      this.#columns = store[COLUMNS]();
      this.count = this.#columns.count();
    } catch (thrown) {
      close();
      throw thrown;
    }
  }

  /** Gives back what it holds. */
  end(): void {
    this.#columns.end();
    this.#close();
  }

  /**
   * @yields {Batch} some rows
   */
  async *rows(): AsyncGenerator<Batch> {
    for (;;) {
      const [ids, metadata, , , vectors] = await this.#columns.next();
      if (ids.length === 0) return;
      this.done += ids.length;
      // Where there is none the addon leaves a hole.
      const hasMetadata = metadata.some((one) => one !== undefined);
      yield {
        count: ids.length,
        ids,
        vectors: new Float32Array(vectors),
        metadata: hasMetadata ? Array.from(metadata) : undefined,
      };
    }
  }
}

/**
 * A database by name, as of now. One in a file needs no place among the open ones, and no lock.
 *
 * @param persistence - the databases
 * @param name - which one
 * @returns a promise of its table; end it
 */
export async function tableOf(persistence: DatabasePersistence & Lender, name: string): Promise<StoreTable> {
  const { filePath } = persistence.getDatabaseInfo(name);
  if (filePath === undefined) {
    const { store, release } = persistence[LEND](name);
    return new StoreTable(store, name, release);
  }
  const store = await MemoryMappedVectorStore.openAsync(filePath, { readOnly: true });
  return new StoreTable(store, name, () => {
    store.close();
  });
}
