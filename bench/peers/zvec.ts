/** zvec: a collection with a flat index. */
import { Scratch } from '../measure.js';
import type { Peer } from './peer.js';

interface ZvecQuery {
  fieldName: string;
  vector: Float32Array;
  topk: number;
  outputFields: string[];
}

export interface Zvec {
  DataType: { VECTOR_FP32: number };
  IndexType: { FLAT: number };
  MetricType: { COSINE: number };
  CollectionSchema: new (schema: object) => object;
  createAndOpen(
    path: string,
    schema: object,
  ): {
    insertSync(rows: object[]): { ok: boolean; message: string }[];
    optimizeSync(): void;
    querySync(query: ZvecQuery): { id: string }[];
    query(query: ZvecQuery): Promise<{ id: string }[]>;
    closeSync(): void;
  };
}

/**
 * A database in files, asked for ids and nothing else. One thread computes a query; asynchronous ones run beside
 * each other on the threads of libuv (UV_THREADPOOL_SIZE, 4), which is its way to take a batch.
 * Its package @zvec/zvec, which only renames what the one for a platform exports, can't be locked where a registry
 * lacks one of the platforms.
 */
export function zvec(library: Zvec): Peer {
  return {
    name: 'zvec',
    threads: 'settable',
    load(data, dimension) {
      const scratch = new Scratch();
      const schema = new library.CollectionSchema({
        name: 'bench',
        vectors: {
          name: 'vector',
          dataType: library.DataType.VECTOR_FP32,
          dimension,
          indexParams: { indexType: library.IndexType.FLAT, metricType: library.MetricType.COSINE },
        },
      });
      const collection = library.createAndOpen(scratch.file('zvec'), schema);
      const count = data.length / dimension;
      for (let first = 0; first < count; first += 1000) {
        const rows = Array.from({ length: Math.min(1000, count - first) }, (_, i) => {
          const at = (first + i) * dimension;
          return { id: String(first + i), vectors: { vector: data.subarray(at, at + dimension) } };
        });
        const failed = collection.insertSync(rows).find(({ ok }) => !ok);
        if (failed !== undefined) throw new Error(`zvec: ${failed.message}`);
      }
      collection.optimizeSync();
      const query = (vector: Float32Array, topk: number): ZvecQuery => ({
        fieldName: 'vector',
        vector,
        topk,
        outputFields: [],
      });
      const rows = (found: { id: string }[]): number[] => found.map(({ id }) => Number(id));
      return {
        search: (vector, k) => rows(collection.querySync(query(vector, k))),
        async searchBatch(queries, k, threads) {
          const found: number[][] = [];
          let next = 0;
          const work = async (): Promise<void> => {
            while (next * dimension < queries.length) {
              const i = next++;
              found[i] = rows(await collection.query(query(queries.subarray(i * dimension, (i + 1) * dimension), k)));
            }
          };
          await Promise.all(Array.from({ length: threads }, work));
          return found;
        },
        close() {
          collection.closeSync();
          scratch[Symbol.dispose]();
        },
      };
    },
  };
}
