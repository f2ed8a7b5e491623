/** hnswlib-node: its brute force search. */
import { Scratch } from '../measure.js';
import { bytes, normalised, type Peer, writeFile } from './peer.js';

export interface Hnswlib {
  BruteforceSearch: new (
    space: 'cosine',
    dimension: number,
  ) => {
    readIndexSync(path: string): void;
    searchKnn(query: number[], k: number): { neighbors: number[] };
  };
}

/**
 * Takes queries as number[] only, so each is converted within the search; its space 'cosine' normalises
 * them. node-gyp builds it for every processor of an architecture: SSE on x86-64.
 */
export function hnswlib(library: Hnswlib): Peer {
  function* file(data: Float32Array, dimension: number): Generator<Uint8Array> {
    const count = data.length / dimension;
    const size = dimension * 4 + 8;
    yield new Uint8Array(BigUint64Array.of(BigInt(count), BigInt(size), BigInt(count)).buffer);
    const part = 4096;
    for (let first = 0; first < count; first += part) {
      const some = Buffer.alloc(Math.min(part, count - first) * size);
      for (let i = 0; i * size < some.length; i++) {
        const at = (first + i) * dimension;
        some.set(bytes(data.subarray(at, at + dimension)), i * size);
        some.writeUInt32LE(first + i, i * size + dimension * 4);
      }
      yield some;
    }
  }
  return {
    name: 'hnswlib-node',
    threads: 'one',
    load(data, dimension) {
      using scratch = new Scratch();
      const path = scratch.file('hnswlib');
      writeFile(path, file(normalised(data, dimension), dimension));
      const index = new library.BruteforceSearch('cosine', dimension);
      index.readIndexSync(path);
      return { search: (query, k) => index.searchKnn(Array.from(query), k).neighbors };
    },
  };
}
