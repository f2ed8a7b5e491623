/** What compares one array with another, and searches with it: simsimd, and plain JavaScript. */
import { dot, normalised, type Peer } from './peer.js';

export interface Simsimd {
  cosine(a: Float32Array, b: Float32Array): number;
}

/** The k rows of the highest score, best first. */
function best(scores: Float64Array, k: number): number[] {
  const rows: number[] = [];
  const kept: number[] = [];
  let least = -Infinity;
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row] ?? 0;
    if (rows.length === k && score <= least) continue;
    let at = Math.min(rows.length, k - 1);
    for (; at > 0 && (kept[at - 1] ?? 0) < score; at--) {
      rows[at] = rows[at - 1] ?? 0;
      kept[at] = kept[at - 1] ?? 0;
    }
    rows[at] = row;
    kept[at] = score;
    least = kept[kept.length - 1] ?? 0;
  }
  return rows;
}

/** Cosine similarity in one pass, four sums at a time. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  const whole = a.length - (a.length % 4);
  let i = 0;
  for (; i < whole; i += 4) {
    const a0 = a[i] ?? 0;
    const a1 = a[i + 1] ?? 0;
    const a2 = a[i + 2] ?? 0;
    const a3 = a[i + 3] ?? 0;
    const b0 = b[i] ?? 0;
    const b1 = b[i + 1] ?? 0;
    const b2 = b[i + 2] ?? 0;
    const b3 = b[i + 3] ?? 0;
    ab += a0 * b0 + a1 * b1 + (a2 * b2 + a3 * b3);
    aa += a0 * a0 + a1 * a1 + (a2 * a2 + a3 * a3);
    bb += b0 * b0 + b1 * b1 + (b2 * b2 + b3 * b3);
  }
  for (; i < a.length; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Compares two arrays a call, so a search is a call for each row, and the best are found in JavaScript. */
export function simsimd(library: Simsimd): Peer {
  return {
    name: 'simsimd',
    threads: 'one',
    load(data, dimension) {
      const count = data.length / dimension;
      const rows = Array.from({ length: count }, (_, i) => data.subarray(i * dimension, (i + 1) * dimension));
      const scores = new Float64Array(count);
      return {
        search(query, k) {
          rows.forEach((row, i) => (scores[i] = -library.cosine(row, query)));
          return best(scores, k);
        },
      };
    },
  };
}

/** No library: one loop over rows of length 1. */
export function javaScript(): Peer {
  return {
    name: 'JavaScript',
    threads: 'one',
    load(data, dimension) {
      const rows = normalised(data, dimension);
      const scores = new Float64Array(data.length / dimension);
      return {
        search(query, k) {
          for (let i = 0; i < scores.length; i++) scores[i] = dot(rows, i * dimension, query, dimension);
          return best(scores, k);
        },
      };
    },
  };
}
