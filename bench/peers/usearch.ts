/** usearch: its exact search over a matrix. */
import { normalised, type Peer, rowsOf } from './peer.js';

export interface Usearch {
  exactSearch(
    dataset: Float32Array,
    queries: Float32Array,
    dimensions: number,
    k: number,
    metric: 'cos' | 'ip',
    threads: number,
  ): { keys: BigUint64Array };
}

/**
 * Has no index to search exactly: each call passes the rows. It ignores the byteOffset of an array, so one
 * that has one is copied. Measured with both metrics: 'cos' computes the lengths each time, the inner
 * product of rows of length 1 doesn't.
 */
export function usearch(library: Usearch, metric: 'cos' | 'ip'): Peer {
  const whole = (array: Float32Array): Float32Array => (array.byteOffset === 0 ? array : array.slice());
  return {
    name: metric === 'cos' ? 'usearch' : 'usearch, inner product',
    threads: 'settable',
    load(data, dimension) {
      const rows = metric === 'cos' ? whole(data) : normalised(data, dimension);
      const find = (queries: Float32Array, k: number, threads: number): number[] =>
        Array.from(library.exactSearch(rows, whole(queries), dimension, k, metric, threads).keys, Number);
      // A batch takes 16 bytes for each pair of a row and a query: at most 512 MB.
      const step = dimension * Math.max(1, Math.floor((2 ** 25 * dimension) / rows.length));
      return {
        search: find,
        searchBatch(queries, k, threads) {
          const found: number[][] = [];
          for (let at = 0; at < queries.length; at += step) {
            found.push(...rowsOf(find(queries.subarray(at, at + step), k, threads), k));
          }
          return found;
        },
      };
    },
  };
}
