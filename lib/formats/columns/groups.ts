/** Rows in groups of about one size, as columnar files have them, whatever batches they come in. Threads: no state. */
import { invalid, shown } from '../../arguments.js';
import type { Batch, OutTable } from '../types.js';

const MAX_ROWS = 65536;

/**
 * A text that has UTF-8.
 *
 * @param text - any
 * @returns the same
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it has half a character
 */
export function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  throw invalid(`${shown(text)} cannot be written: it has half a character`);
}

/**
 * Groups the rows of a table.
 *
 * @param table - what is written
 * @param bytes - of vectors, or of texts, that make a group
 * @yields {Batch} the groups, none empty
 */
export async function* groupsOf(table: OutTable, bytes: number): AsyncGenerator<Batch> {
  const { dimension } = table;
  const most = Math.min(Math.max(Math.floor(bytes / (4 * dimension)), 1), MAX_ROWS);
  let held: Batch[] = [];
  let [count, texts] = [0, 0];
  for await (const batch of table.rows()) {
    for (let from = 0; from < batch.count;) {
      let to = from;
      for (; to < batch.count && count < most && texts < bytes; to++, count++) texts += textsOf(batch, to);
      held.push(part(batch, from, to, dimension));
      from = to;
      if (count < most && texts < bytes) continue;
      yield together(held, count, dimension);
      held = [];
      [count, texts] = [0, 0];
    }
  }
  if (count > 0) yield together(held, count, dimension);
}

function textsOf({ ids, metadata }: Batch, row: number): number {
  const id = ids?.[row];
  return (typeof id === 'string' ? id.length : 0) + (metadata?.[row]?.length ?? 0);
}

function part({ ids, vectors, metadata }: Batch, from: number, to: number, dimension: number): Batch {
  return {
    count: to - from,
    ids: ids?.slice(from, to),
    vectors: vectors.subarray(from * dimension, to * dimension),
    metadata: metadata?.slice(from, to),
  };
}

function together(parts: readonly Batch[], count: number, dimension: number): Batch {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const vectors = new Float32Array(count * dimension);
  let at = 0;
  for (const one of parts) {
    vectors.set(one.vectors, at * dimension);
    at += one.count;
  }
  const metadata = parts.flatMap((one) => one.metadata ?? new Array<undefined>(one.count).fill(undefined));
  return { count, ids: parts.flatMap(({ ids }) => ids ?? []), vectors, metadata };
}
