/** What is asked: half of the queries are stored vectors, the others are made of them. */
import type { DataSet } from './datasets.js';

/** A question to a data set. */
export interface Query {
  /** Says to a reader how it was made. */
  name: string;
  vector: Float32Array;
  /** Hits to ask for; 'closest': up to 1,000, so that the first one left out is as close as can be to the last. */
  topK: number | 'closest';
}

type Random = () => number;
type Made = Omit<Query, 'topK'>;

/** Numbers in 0 … 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A stored vector by chance. */
function pick({ vectors, dimension, ids }: DataSet, random: Random): Made {
  const place = Math.floor(random() * ids.length);
  return { name: String(ids[place]), vector: vectors.slice(place * dimension, (place + 1) * dimension) };
}

/** A sum of vectors, each times its factor. */
function sum(parts: readonly Made[], factors: readonly number[]): Float32Array {
  return parts[0]!.vector.map((_, i) => parts.reduce((all, { vector }, p) => all + factors[p]! * vector[i]!, 0));
}

// Far outside of a usual embedding's size too: the scan's bounds end at norms of 2^±60. Zero ties with all.
const SCALES = [1e-3, 1e3, 1e-20, 1e20, 0];

const KINDS: ((data: DataSet, random: Random, turn: number) => Made)[] = [
  function analogy(data, random) {
    const parts = [pick(data, random), pick(data, random), pick(data, random)];
    const [a, b, c] = parts.map(({ name }) => name);
    const lengths = parts.map(({ vector }) => Math.hypot(...vector));
    const factors = lengths.map((length, p) => (p === 1 ? -1 : 1) / length);
    return { name: `${a!} − ${b!} + ${c!}`, vector: sum(parts, factors) };
  },
  function average(data, random) {
    const parts = Array.from({ length: 5 }, () => pick(data, random));
    const name = `average of ${parts.map((part) => part.name).join(', ')}`;
    return { name, vector: sum(parts, Array<number>(5).fill(1 / 5)) };
  },
  function perturbed(data, random) {
    const { name, vector } = pick(data, random);
    const noise = Math.hypot(...vector) / Math.sqrt(vector.length);
    return { name: `near ${name}`, vector: vector.map((value) => value + (random() - 0.5) * noise) };
  },
  function scaled(data, random, turn) {
    const { name, vector } = pick(data, random);
    const scale = SCALES[turn % SCALES.length]!;
    return { name: `${name} × ${scale}`, vector: vector.map((value) => value * scale) };
  },
  // One value of each vector decides; among digits few are different, and most are zero.
  function axis({ dimension }, random) {
    const at = Math.floor(random() * dimension);
    return { name: `axis ${at}`, vector: new Float32Array(dimension).fill(1, at, at + 1) };
  },
];

/**
 * Queries of every kind, one in ten for 1,000 results and one in ten up to the closest scores.
 *
 * @param data - what they are made of
 * @param count - how many; the first are the same whatever it is
 * @param seed - gives the same queries again
 * @returns the queries
 */
export function queriesOf(data: DataSet, count: number, seed: number): Query[] {
  return Array.from({ length: count }, (_, i) => {
    const random = randomOf(Math.imul(seed, 1_000_003) + i);
    const turn = i >> 1;
    const made =
      i % 2 === 0 ? pick(data, random) : KINDS[turn % KINDS.length]!(data, random, Math.floor(turn / KINDS.length));
    // Other places in each ten, so that every kind has its turn.
    const place = (i + 9 * Math.floor(i / 10)) % 10;
    return { ...made, topK: place === 0 ? 1000 : place === 5 ? 'closest' : 10 };
  });
}
