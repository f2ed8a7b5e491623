/** Makes a copy have what the old database has, as far as a pass couldn't tell. Threads: as the stores'. */
import { COLUMNS } from '../store-reader.js';
import type { VectorId } from '../types.js';
import type { Contents, NewStore } from './old-database.js';

/** What was done. */
export interface Reconciled {
  /** Vectors that were deleted, as the old database has them no more. */
  removed: number;
  /** Vectors that got other metadata. */
  metadataChanged: number;
}

/** Where there was nothing to do. */
export const NOTHING: Reconciled = { removed: 0, metadataChanged: 0 };

/**
 * Deletes what the old database has no more, and replaces metadata that differs.
 *
 * @param copy - the new database
 * @param contents - of the old one
 * @param signal - ends it early
 * @returns a promise of what was done
 */
export async function reconcile(
  copy: NewStore,
  contents: Contents,
  signal: AbortSignal | undefined,
): Promise<Reconciled> {
  const done = { ...NOTHING };
  const { has, metadataOf } = contents;
  const columns = copy[COLUMNS](); // as of now: what is changed below isn't met again
  try {
    for (;;) {
      signal?.throwIfAborted();
      const [ids, metadata] = await columns.next();
      if (ids.length === 0) return done;
      const gone: VectorId[] = [];
      for (const [i, id] of ids.entries()) {
        if (!has(id)) gone.push(id);
        else if (metadataOf !== undefined) done.metadataChanged += replaced(copy, id, metadata[i], metadataOf);
      }
      if (gone.length > 0) done.removed += copy.batchDelete(gone);
    }
  } finally {
    columns.end();
  }
}

function replaced(
  copy: NewStore,
  id: VectorId,
  has: string | undefined,
  metadataOf: (id: VectorId) => string | undefined,
): number {
  let wanted: string | undefined;
  try {
    wanted = metadataOf(id);
  } catch {
    return 0; // what can't be taken leaves what was; comparing tells it
  }
  if (wanted === has) return 0;
  copy.updateMetadata(id, wanted ?? '');
  return 1;
}
