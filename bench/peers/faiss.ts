/** faiss-node: its flat index. */
import { Scratch } from '../measure.js';
import { bytes, normalised, type Peer, rowsOf, writeFile } from './peer.js';

export interface Faiss {
  IndexFlatIP: { read(path: string): { search(queries: number[], k: number): { labels: number[] } } };
}

/**
 * Takes queries as number[] only, so they are converted within the search. It has no cosine: inner products
 * of rows of length 1. From 20 queries on they are a matrix product of BLAS.
 */
export function faiss(library: Faiss): Peer {
  function header(count: number, dimension: number): Uint8Array {
    const out = Buffer.alloc(45);
    out.write('IxFI', 0);
    out.writeInt32LE(dimension, 4);
    out.writeBigInt64LE(BigInt(count), 8);
    out.writeBigInt64LE(1n << 20n, 16);
    out.writeBigInt64LE(1n << 20n, 24);
    out.writeInt8(1, 32);
    out.writeBigInt64LE(BigInt(count * dimension), 37);
    return out;
  }
  return {
    name: 'faiss-node',
    threads: 'all',
    load(data, dimension) {
      using scratch = new Scratch();
      const path = scratch.file('faiss');
      // Not fromBuffer, which never frees a copy of the rows.
      writeFile(path, [header(data.length / dimension, dimension), bytes(normalised(data, dimension))]);
      const index = library.IndexFlatIP.read(path);
      const find = (queries: Float32Array, k: number): number[] => index.search(Array.from(queries), k).labels;
      return { search: find, searchBatch: (queries, k) => rowsOf(find(queries, k), k) };
    },
  };
}
