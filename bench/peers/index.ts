/**
 * Peers that search exactly, each as fast as its interface lets it: what `search` and `searchBatch` do is
 * what a program has to do for each query, conversions included; `load` is all that can be done before.
 */
import { peer } from '../measure.js';
import { cosine, javaScript, simsimd, type Simsimd } from './arrays.js';
import { faiss } from './faiss.js';
import { hnswlib } from './hnswlib.js';
import type { ArrayPeer, Peer } from './peer.js';
import { usearch, type Usearch } from './usearch.js';
import { zvec } from './zvec.js';

export type { ArrayPeer, Loaded, Peer } from './peer.js';

let installed: { simsimd: Simsimd | undefined; search: Peer[] } | undefined;

/** Loads the peers, and reports those that are missing, at the first call. */
function all(): { simsimd: Simsimd | undefined; search: Peer[] } {
  if (installed !== undefined) return installed;
  const search: Peer[] = [];
  const found = <Library>(name: string, ...adapt: ((library: Library) => Peer)[]): Library | undefined => {
    const library = peer(name) as Library | undefined;
    if (library !== undefined) search.push(...adapt.map((one) => one(library)));
    return library;
  };
  found<Usearch>(
    'usearch',
    (library) => usearch(library, 'cos'),
    (library) => usearch(library, 'ip'),
  );
  found('hnswlib-node', hnswlib);
  found('faiss-node', faiss);
  found(`@zvec/bindings-${process.platform}-${process.arch}`, zvec);
  const similar = found('simsimd', simsimd);
  search.push(javaScript());
  return (installed = { simsimd: similar, search });
}

/** The peers that are installed. */
export function searchPeers(): Peer[] {
  return all().search;
}

/** Those that compare two arrays. */
export function arrayPeers(): ArrayPeer[] {
  const { simsimd: library } = all();
  const plain: ArrayPeer = { name: 'JavaScript', cosine };
  if (library === undefined) return [plain];
  return [{ name: 'simsimd', cosine: (a, b) => 1 - library.cosine(a, b) }, plain];
}
