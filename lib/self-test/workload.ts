/** What a self-test stores and expects: vectors that follow from their ids. Threads: no state. */
import type { VectorInput } from '../types.js';

/**
 * Writes the vector of an id.
 *
 * @param id - a whole number
 * @param out - where it goes
 * @returns the same array
 */
export function vectorFor(id: number, out: Float32Array): Float32Array {
  let state = Math.imul(id + 1, 0x9e3779b1) >>> 0;
  for (let i = 0; i < out.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = (state >>> 8) / 2 ** 23 - 1;
  }
  return out;
}

/**
 * Vectors of ids that follow each other.
 *
 * @param first - the first id
 * @param count - how many
 * @param dimension - of each
 * @returns their ids, and their values one after the other
 */
export function blockFor(first: number, count: number, dimension: number): { ids: number[]; vectors: Float32Array } {
  const vectors = new Float32Array(count * dimension);
  const ids = Array.from({ length: count }, (_, i) => first + i);
  for (let i = 0; i < count; i++) vectorFor(first + i, vectors.subarray(i * dimension, (i + 1) * dimension));
  return { ids, vectors };
}

/**
 * The ids whose vectors are most like a query, found by comparing all of them, in float64.
 *
 * @param query - the query
 * @param count - how many ids there are, from 0 on
 * @param topK - how many are wanted
 * @returns them, best first, with their cosine similarities
 */
export function nearest(query: VectorInput, count: number, topK: number): { id: number; score: number }[] {
  const vector = new Float32Array(query.length);
  const best: { id: number; score: number }[] = [];
  for (let id = 0; id < count; id++) {
    const score = cosine(query, vectorFor(id, vector));
    if (best.length === topK && score <= (best.at(-1)?.score ?? -Infinity)) continue;
    const place = best.findIndex((one) => one.score < score);
    best.splice(place < 0 ? best.length : place, 0, { id, score });
    if (best.length > topK) best.pop();
  }
  return best;
}

function cosine(a: VectorInput, b: VectorInput): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb);
}
