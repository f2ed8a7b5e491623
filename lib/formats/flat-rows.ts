/** What formats of plain values share: sizes of batches, rows that are left out, the one table they write. */
import { invalid, shown } from '../arguments.js';
import { JvdbError } from '../errors.js';
import type { Batch, InBatch, InvalidRecord, OutTable, ReadOptions } from './types.js';

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
 * Whether all values are finite numbers.
 *
 * @param values - the values
 * @param start - the first
 * @param end - behind the last
 * @returns whether they are
 */
export function areFinite(values: Float32Array, start: number, end: number): boolean {
  // x - x is 0 or NaN; two sums, since each waits for the one before.
  let a = 0;
  let b = 0;
  let i = start;
  for (; i + 1 < end; i += 2) {
    const x = values[i] ?? 0;
    const y = values[i + 1] ?? 0;
    a += x - x;
    b += y - y;
  }
  if (i < end) a += (values[i] ?? 0) - (values[i] ?? 0);
  return a + b === 0;
}

/**
 * The rows that have a value which is no finite number.
 *
 * @param vectors - rows one after the other
 * @param dimension - of each
 * @param found - called with the row's index
 */
export function findNonFinite(vectors: Float32Array, dimension: number, found: (row: number) => void): void {
  if (areFinite(vectors, 0, vectors.length)) return;
  for (let start = 0; start < vectors.length; start += dimension) {
    if (!areFinite(vectors, start, start + dimension)) found(start / dimension);
  }
}

/**
 * The first value of a vector that can't be taken: no finite number, where these aren't allowed, or one that only
 * float32 has no room for, which never is.
 *
 * @param vector - as float32
 * @param values - that it was made of
 * @param start - where in these it begins
 * @param allowNonFinite - whether NaN and infinities are allowed
 * @returns its position in the vector, and what is wrong with it; undefined where there is none
 */
export function firstUnfit(
  vector: Float32Array,
  values: ArrayLike<number> | ArrayLike<bigint>,
  start: number,
  allowNonFinite: boolean,
): [at: number, problem: string] | undefined {
  for (const [at, single] of vector.entries()) {
    const value = Number(values[start + at]);
    const isFinite = Number.isFinite(value);
    if (Number.isFinite(single) || (!isFinite && allowNonFinite)) continue;
    return [at, `${value}, ${isFinite ? 'which does not fit float32' : 'no finite number'}`];
  }
  return undefined;
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

/**
 * The batches of a table, counted: a header in front of them has said how many rows there are.
 *
 * @param table - what to write
 * @yields {Batch} each
 * @throws JvdbError where they are more or fewer
 */
export async function* countedRows(table: OutTable): AsyncGenerator<Batch> {
  let rows = 0;
  for await (const batch of table.rows()) {
    rows += batch.count;
    if (rows <= table.count) yield batch;
  }
  if (rows === table.count) return;
  throw new JvdbError('JVDB_CONFLICT', `${shown(table.name)} has ${rows} rows, not ${table.count}: write it again`);
}
