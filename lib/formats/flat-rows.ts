/** What formats of plain values share: sizes of batches, rows that are left out, the one table they write. */
import { invalid, shown } from '../arguments.js';
import type { InBatch, InvalidRecord, OutTable, ReadOptions } from './types.js';

/** The longest vector. */
export const MAX_DIMENSION = 65536;

const MAX_ROWS = 65536;

/**
 * How many rows make a batch.
 *
 * @param options - say how many bytes
 * @param dimension - of the rows
 * @returns one at least
 */
export function rowsPerBatch(options: ReadOptions, dimension: number): number {
  return Math.min(Math.max(Math.floor(options.batchBytes / (4 * dimension)), 1), MAX_ROWS);
}

/**
 * The table of a format that holds one.
 *
 * @param tables - what to write
 * @param format - its name, for the message
 * @yields {OutTable} the first
 * @throws JvdbError at a second one
 */
export async function* oneTable(tables: AsyncIterable<OutTable>, format: string): AsyncGenerator<OutTable> {
  let first: OutTable | undefined;
  for await (const table of tables) {
    if (first !== undefined) {
      const names = `${shown(first.name)} and ${shown(table.name)}`;
      throw invalid(`${format} holds one table, not ${names}: write each to a file of its own`);
    }
    first = table;
    yield table;
  }
}

/**
 * Memory for floats that is not cleared first.
 *
 * @param length - how many
 * @returns them, with any values
 */
export function floatsFor(length: number): Float32Array {
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(length * 4);
  return new Float32Array(buffer, byteOffset, length);
}

/**
 * The first value of each row that is no finite number.
 *
 * @param vectors - rows one after the other
 * @param dimension - of each
 * @param found - called with the row's index and the value's
 */
export function findNonFinite(
  vectors: Float32Array,
  dimension: number,
  found: (row: number, column: number) => void,
): void {
  const bits = new Int32Array(vectors.buffer, vectors.byteOffset, vectors.length);
  for (let i = 0; i < bits.length; i++) {
    if (((bits[i] ?? 0) & 0x7f800000) !== 0x7f800000) continue;
    const row = Math.floor(i / dimension);
    found(row, i - row * dimension);
    i = (row + 1) * dimension - 1;
  }
}

/**
 * Makes a batch of rows, without those that are wrong.
 *
 * @param first - the record of the first row, from 1
 * @param rows - how many there are
 * @param reasons - what is wrong with rows, by index
 * @param columns - `vectors` of all rows, and for each row an id and metadata, as far as the format has them
 * @returns the batch; the columns are its own from now on
 */
export function batchOf(
  first: number,
  rows: number,
  reasons: ReadonlyMap<number, string>,
  columns: Pick<InBatch, 'ids' | 'vectors' | 'metadata'>,
): InBatch {
  const position = first - 1 + rows;
  if (reasons.size === 0) return { count: rows, ...columns, records: undefined, position, invalid: [] };
  const { ids, vectors, metadata } = columns;
  const dimension = vectors.length / rows;
  const whole: number[] = [];
  const wrong: InvalidRecord[] = [];
  for (let i = 0; i < rows; i++) {
    const reason = reasons.get(i);
    if (reason !== undefined) {
      wrong.push({ record: first + i, reason });
      continue;
    }
    vectors.copyWithin(whole.length * dimension, i * dimension, (i + 1) * dimension);
    whole.push(i);
  }
  return {
    count: whole.length,
    ids: ids && whole.map((i) => ids[i] ?? 0),
    vectors: vectors.subarray(0, whole.length * dimension),
    metadata: metadata && whole.map((i) => metadata[i]),
    records: whole.map((i) => first + i),
    position,
    invalid: wrong,
  };
}
