/**
 * What a search must answer, bit for bit: plain arithmetic in float64, which is what JavaScript's numbers
 * are, in the order that native/simd/kernels.h states.
 */
import type { DistanceMetric } from '../../lib/index.js';
import type { DataSet } from './datasets.js';
import type { Query } from './queries.js';

/** Places of vectors, best first, and their scores. */
export interface Ranking {
  places: Uint32Array;
  scores: Float64Array;
}

const MOST = 1000;

/** The best so far. Vectors must be offered in the order of their ids: an equal score goes behind. */
class Best {
  readonly #places: Uint32Array;
  readonly #scores: Float64Array;
  #size = 0;
  #worst = -Infinity;

  constructor(readonly topK: number) {
    this.#places = new Uint32Array(topK);
    this.#scores = new Float64Array(topK);
  }

  offer(score: number, place: number): void {
    if (this.#size === this.topK && score <= this.#worst) return;
    let begin = 0;
    for (let end = this.#size; begin < end;) {
      const middle = (begin + end) >> 1;
      if (this.#scores[middle]! >= score) begin = middle + 1;
      else end = middle;
    }
    if (this.#size < this.topK) this.#size++;
    this.#scores.copyWithin(begin + 1, begin, this.#size - 1);
    this.#places.copyWithin(begin + 1, begin, this.#size - 1);
    this.#scores[begin] = score;
    this.#places[begin] = place;
    this.#worst = this.#scores[this.#size - 1]!;
  }

  ranking(): Ranking {
    return { places: this.#places.slice(0, this.#size), scores: this.#scores.slice(0, this.#size) };
  }
}

/**
 * The dot product of two vectors and the square of their distance: element i goes to sum i mod 8. Their
 * lengths are multiples of 8; zeros behind a vector change no bit of a sum. By hand, since a loop over
 * eight sums in an array takes several times as long.
 */
function measure(a: Float64Array, b: Float64Array, out: Float64Array): void {
  let p0 = 0,
    p1 = 0,
    p2 = 0,
    p3 = 0,
    p4 = 0,
    p5 = 0,
    p6 = 0,
    p7 = 0;
  let l0 = 0,
    l1 = 0,
    l2 = 0,
    l3 = 0,
    l4 = 0,
    l5 = 0,
    l6 = 0,
    l7 = 0;
  for (let i = 0; i < a.length; i += 8) {
    const d0 = a[i]! - b[i]!;
    const d1 = a[i + 1]! - b[i + 1]!;
    const d2 = a[i + 2]! - b[i + 2]!;
    const d3 = a[i + 3]! - b[i + 3]!;
    const d4 = a[i + 4]! - b[i + 4]!;
    const d5 = a[i + 5]! - b[i + 5]!;
    const d6 = a[i + 6]! - b[i + 6]!;
    const d7 = a[i + 7]! - b[i + 7]!;
    p0 += a[i]! * b[i]!;
    p1 += a[i + 1]! * b[i + 1]!;
    p2 += a[i + 2]! * b[i + 2]!;
    p3 += a[i + 3]! * b[i + 3]!;
    p4 += a[i + 4]! * b[i + 4]!;
    p5 += a[i + 5]! * b[i + 5]!;
    p6 += a[i + 6]! * b[i + 6]!;
    p7 += a[i + 7]! * b[i + 7]!;
    l0 += d0 * d0;
    l1 += d1 * d1;
    l2 += d2 * d2;
    l3 += d3 * d3;
    l4 += d4 * d4;
    l5 += d5 * d5;
    l6 += d6 * d6;
    l7 += d7 * d7;
  }
  // ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)), without the parentheses that mean nothing.
  out[0] = p0 + p4 + (p2 + p6) + (p1 + p5 + (p3 + p7));
  out[1] = l0 + l4 + (l2 + l6) + (l1 + l5 + (l3 + l7));
}

function padded(vector: Float32Array): Float64Array {
  const out = new Float64Array(Math.ceil(vector.length / 8) * 8);
  out.set(vector);
  return out;
}

/** What is known of a query on the way through the vectors. */
class Scan {
  readonly best: Record<DistanceMetric, Best>;
  readonly #vector: Float64Array;
  readonly #norm: number;
  readonly #found = new Float64Array(2);

  constructor({ vector, topK: asked }: Query) {
    const topK = asked === 'closest' ? MOST + 1 : asked;
    this.best = { cosine: new Best(topK), dot: new Best(topK), euclidean: new Best(topK) };
    this.#vector = padded(vector);
    this.#norm = normOf(this.#vector);
  }

  offer(vector: Float64Array, norm: number, place: number): void {
    measure(this.#vector, vector, this.#found);
    const dot = this.#found[0]!;
    const cosine = norm === 0 || this.#norm === 0 ? 0 : dot / (this.#norm * norm);
    this.best.cosine.offer(Math.min(Math.max(cosine, -1), 1), place);
    this.best.dot.offer(dot, place);
    this.best.euclidean.offer(0 - Math.sqrt(this.#found[1]!), place);
  }
}

/** A ranking up to where the next score is closest: there a bound that is too tight shows. */
function cutClosest({ places, scores }: Ranking): Ranking {
  const gap = (size: number): number => scores[size - 1]! - scores[size]!;
  let best = 1;
  for (let size = 2; size < scores.length; size++) if (gap(size) < gap(best)) best = size;
  return { places: places.slice(0, best), scores: scores.slice(0, best) };
}

function normOf(vector: Float64Array): number {
  const found = new Float64Array(2);
  measure(vector, vector, found);
  return Math.sqrt(found[0]!);
}

/**
 * The answers to queries by every metric.
 *
 * @param data - what is searched; all values are finite
 * @param queries - what is asked
 * @returns for each metric the rankings in the order of the queries
 */
export function rank(data: DataSet, queries: readonly Query[]): Record<DistanceMetric, Ranking[]> {
  const { vectors, dimension, byId } = data;
  const scans = queries.map((query) => new Scan(query));
  const vector = padded(new Float32Array(dimension));
  for (const place of byId) {
    vector.set(vectors.subarray(place * dimension, (place + 1) * dimension));
    const norm = normOf(vector);
    for (const scan of scans) scan.offer(vector, norm, place);
  }
  const rankings = (metric: DistanceMetric): Ranking[] =>
    scans.map(({ best }, i) => {
      const ranking = best[metric].ranking();
      return queries[i]!.topK === 'closest' ? cutClosest(ranking) : ranking;
    });
  return { cosine: rankings('cosine'), dot: rankings('dot'), euclidean: rankings('euclidean') };
}
