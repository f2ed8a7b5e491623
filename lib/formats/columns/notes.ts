/** What this package notes in columnar files besides their columns. Threads: no state. */
import type { DistanceMetric } from '../../types.js';
import { MAX_DIMENSION } from '../flat-rows.js';
import type { InTable, OutTable } from '../types.js';

/** Under which key. */
export const NOTES_KEY = 'jvdb';

const METRICS: readonly DistanceMetric[] = ['cosine', 'dot', 'euclidean'];

/**
 * The notes of a table.
 *
 * @param table - what is written
 * @returns JSON text
 */
export function notesOf(table: OutTable): string {
  const { name, dimension, distanceMetric } = table;
  return JSON.stringify({ name, dimension, distanceMetric });
}

/**
 * Reads notes.
 *
 * @param text - as it was found; undefined for none
 * @returns what they say, as far as that can be
 */
export function readNotes(text: string | undefined): Pick<InTable, 'name' | 'dimension' | 'distanceMetric'> {
  let notes: { name?: unknown; dimension?: unknown; distanceMetric?: unknown } | null = null;
  try {
    notes = JSON.parse(text ?? 'null') as object | null;
  } catch {
    // Of another program by the same key.
  }
  const { name, dimension, distanceMetric } = notes ?? {};
  const isDimension =
    Number.isInteger(dimension) && (dimension as number) >= 1 && (dimension as number) <= MAX_DIMENSION;
  return {
    name: typeof name === 'string' && name !== '' ? name : undefined,
    dimension: isDimension ? (dimension as number) : undefined,
    distanceMetric: METRICS.find((metric) => metric === distanceMetric),
  };
}
