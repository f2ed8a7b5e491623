/** What a peer is, and what the adapters share. */
import { closeSync, openSync, writeSync } from 'node:fs';

/** A library that finds the rows most like a query, by cosine. */
export interface Peer {
  readonly name: string;
  /**
   * one: never more than one. all: a batch takes every core, as OMP_NUM_THREADS said when the process
   * began, a single query one. settable: as many as asked for.
   */
  readonly threads: 'one' | 'all' | 'settable';
  /** Takes rows of `dimension` values, one after the other. */
  load(data: Float32Array, dimension: number): Loaded | Promise<Loaded>;
}

/** Rows that a peer holds. */
export interface Loaded {
  /** Row numbers, best first. */
  readonly search: (query: Float32Array, k: number, threads: number) => number[];
  /** The same for queries one after the other, where a peer takes several at once. */
  readonly searchBatch?: (queries: Float32Array, k: number, threads: number) => number[][] | Promise<number[][]>;
  readonly close?: () => void;
}

/** Compares two arrays by cosine similarity. */
export interface ArrayPeer {
  readonly name: string;
  readonly cosine: (a: Float32Array, b: Float32Array) => number;
}

/** The rows of a result that has `k` for each query. */
export function rowsOf(labels: number[], k: number): number[][] {
  return Array.from({ length: labels.length / k }, (_, i) => labels.slice(i * k, (i + 1) * k));
}

/** Dot product, four sums at a time: what a careful program does without a library. */
export function dot(a: Float32Array, at: number, b: Float32Array, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const whole = length - (length % 4);
  let i = 0;
  for (; i < whole; i += 4) {
    s0 += (a[at + i] ?? 0) * (b[i] ?? 0);
    s1 += (a[at + i + 1] ?? 0) * (b[i + 1] ?? 0);
    s2 += (a[at + i + 2] ?? 0) * (b[i + 2] ?? 0);
    s3 += (a[at + i + 3] ?? 0) * (b[i + 3] ?? 0);
  }
  for (; i < length; i++) s0 += (a[at + i] ?? 0) * (b[i] ?? 0);
  return s0 + s1 + (s2 + s3);
}

/** The rows scaled to length 1, for which the inner product orders as the cosine does. */
export function normalised(data: Float32Array, dimension: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += dimension) {
    const row = data.subarray(at, at + dimension);
    const length = Math.sqrt(dot(row, 0, row, dimension));
    const scale = length === 0 ? 0 : 1 / length;
    for (let i = 0; i < dimension; i++) out[at + i] = (row[i] ?? 0) * scale;
  }
  return out;
}

/** Writes an index file of a peer, which it reads many times faster than it takes numbers from JavaScript. */
export function writeFile(path: string, parts: Iterable<Uint8Array>): void {
  const file = openSync(path, 'w');
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length;) at += writeSync(file, part, at, Math.min(part.length - at, 1 << 30));
    }
  } finally {
    closeSync(file);
  }
}

/** What the file of a peer holds of rows. */
export function bytes(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
