/** Records and changes from the columns that the addon gives. */
import { fromJson } from './metadata.js';
import { guard, type ChangeColumns, type EntryColumns } from './native.js';
import type { Change, VectorId, VectorRecord } from './types.js';

/**
 * Makes the record of each entry.
 *
 * @param columns - as the addon gives them
 * @param dimension - of the vectors
 * @yields {VectorRecord} with a vector of its own
 */
export function* recordsOf<M extends object, I extends VectorId>(
  columns: EntryColumns,
  dimension: number,
): Generator<VectorRecord<M, I>> {
  for (let i = 0; i < columns[0].length; ++i) yield recordOf<M, I>(columns, i, i, dimension);
}

function recordOf<M extends object, I extends VectorId>(
  [ids, metadata, created, updated, vectors]: EntryColumns,
  i: number,
  row: number,
  dimension: number,
): VectorRecord<M, I> {
  const id = ids[i] as I;
  return {
    id,
    vector: new Float32Array(vectors, row * dimension * 4, dimension).slice(),
    metadata: guard(() => fromJson(metadata[i], id)) as M | undefined,
    createdAt: created[i] ?? 0,
    updatedAt: updated[i] ?? 0,
  };
}

/**
 * Makes each change.
 *
 * @param columns - as the addon gives them
 * @param dimension - of the vectors
 * @yields {Change} in order
 */
export function* changesOf<M extends object, I extends VectorId>(
  columns: ChangeColumns,
  dimension: number,
): Generator<Change<M, I>> {
  const [ids, metadata, created, updated, vectors, lsns, puts, ends] = columns;
  const entries: EntryColumns = [ids, metadata, created, updated, vectors];
  let row = 0;
  for (const [i, id] of ids.entries()) {
    const kind = { lsn: lsns[i] ?? 0, endsGroup: ends[i] === true };
    yield puts[i] === true
      ? { type: 'put', ...kind, ...recordOf<M, I>(entries, i, row++, dimension) }
      : { type: 'delete', ...kind, id: id as I, deletedAt: updated[i] ?? 0 };
  }
}
