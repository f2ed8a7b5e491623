/** Stores and databases as tables to export. Threads: as the store's. */
import type { Batch, OutTable } from '../formats/types.js';
import type { DatabasePersistence } from '../persistence/interface.js';
import { MemoryMappedVectorStore } from '../store.js';
import { COLUMNS } from '../store-reader.js';

/** A table that counts what was read of it. */
export interface CountingTable extends OutTable {
  /** Records that were read. */
  readonly done: number;
  /** Gives what it holds back. */
  end(): void;
}

/** A store as of now. */
export class StoreTable implements CountingTable {
  readonly name: string;
  readonly dimension: number;
  readonly distanceMetric;
  readonly idType;
  readonly allowNonFinite: boolean;
  readonly count: number;
  readonly #columns;
  readonly #close: () => void;
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
    this.#columns = store[COLUMNS]();
    this.count = this.#columns.count();
    this.#close = close;
  }

  /** Gives its snapshot back. */
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

const ROWS_AT_ONCE = 1000;

/** A database in memory as of now. */
class MemoryTable implements CountingTable {
  readonly name: string;
  readonly dimension: number;
  readonly distanceMetric;
  readonly idType;
  readonly allowNonFinite: boolean;
  readonly count: number;
  readonly #entries;
  done = 0;

  constructor(persistence: DatabasePersistence, name: string) {
    const { dimension, distanceMetric, idType, allowNonFinite } = persistence.getDatabaseInfo(name);
    this.name = name;
    this.dimension = dimension;
    this.distanceMetric = distanceMetric;
    this.idType = idType;
    this.allowNonFinite = allowNonFinite;
    this.count = persistence.vectorCount(name);
    this.#entries = persistence.entries(name);
  }

  end(): void {
    void this.#entries.return?.();
  }

  async *rows(): AsyncGenerator<Batch> {
    let batch = this.#empty();
    for await (const { id, vector, metadata } of this.#entries) {
      batch.ids.push(id);
      batch.vectors.set(vector, batch.count++ * this.dimension);
      batch.metadata.push(metadata === undefined ? undefined : JSON.stringify(metadata));
      this.done++;
      if (batch.count < ROWS_AT_ONCE) continue;
      yield batch;
      batch = this.#empty();
    }
    if (batch.count > 0) yield { ...batch, vectors: batch.vectors.subarray(0, batch.count * this.dimension) };
  }

  #empty(): {
    count: number;
    ids: (number | bigint | string)[];
    vectors: Float32Array;
    metadata: (string | undefined)[];
  } {
    return { count: 0, ids: [], vectors: new Float32Array(ROWS_AT_ONCE * this.dimension), metadata: [] };
  }
}

/**
 * A database by name, as of now. One in a file needs no place among the open ones, and no lock.
 *
 * @param persistence - the databases
 * @param name - which one
 * @returns a promise of its table; end it
 */
export async function tableOf(persistence: DatabasePersistence, name: string): Promise<CountingTable> {
  const { filePath } = persistence.getDatabaseInfo(name);
  if (filePath === undefined) return new MemoryTable(persistence, name);
  const store = await MemoryMappedVectorStore.openAsync(filePath, { readOnly: true });
  return new StoreTable(store, name, () => {
    store.close();
  });
}
