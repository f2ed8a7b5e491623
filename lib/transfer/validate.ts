/** Compares what was migrated with what it came from, value by value. Threads: as the stores'. */
import { shown } from '../arguments.js';
import type { Batch } from '../formats/types.js';
import type { VectorId } from '../types.js';
import type { NewStore } from './old-database.js';

const MOST_EXAMPLES = 10;

/** What a comparison found. */
export interface Validation {
  /** Whether both have the same ids, vectors bit by bit and metadata. */
  ok: boolean;
  /** Vectors of the old database that were looked up. */
  compared: number;
  /** Of those, such as the new one has not. */
  missing: number;
  /** Such as have other values there, or other metadata. */
  different: number;
  /** Vectors that only the new one has. */
  extra: number;
  /** The first ids that are missing or different. */
  examples: VectorId[];
}

/**
 * Compares.
 *
 * @param rows - all that the old database has
 * @param copy - the new one
 * @param step - called between batches with how many were compared
 * @returns a promise of what was found
 */
export async function validate(
  rows: AsyncIterable<Batch>,
  copy: NewStore,
  step: (done: number) => Promise<void>,
): Promise<Validation> {
  const found: Validation = { ok: false, compared: 0, missing: 0, different: 0, extra: 0, examples: [] };
  const told = (id: VectorId): void => {
    if (found.examples.length < MOST_EXAMPLES) found.examples.push(id);
  };
  for await (const { ids = [], vectors, metadata } of rows) {
    const bytes = Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength);
    const width = copy.dimension * 4;
    for (const [i, record] of copy.batchRetrieve(ids).entries()) {
      const id = ids[i] ?? 0;
      if (record === undefined) {
        found.missing++;
        told(id);
      } else if (
        !bytes.subarray(i * width, (i + 1) * width).equals(bytesOf(record.vector)) ||
        !isSame(metadata?.[i], record.metadata)
      ) {
        found.different++;
        told(id);
      }
    }
    found.compared += ids.length;
    await step(found.compared);
  }
  found.extra = copy.vectorCount - (found.compared - found.missing);
  found.ok = found.missing === 0 && found.different === 0 && found.extra === 0;
  return found;
}

const bytesOf = (vector: Float32Array): Buffer => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);

function isSame(text: string | undefined, metadata: object | undefined): boolean {
  if (text === undefined || metadata === undefined) return text === undefined && metadata === undefined;
  return JSON.stringify(JSON.parse(text)) === JSON.stringify(metadata);
}

/**
 * What a comparison found, in a sentence.
 *
 * @param validation - what was found
 * @returns the sentence
 */
export function describeValidation(validation: Validation): string {
  const { compared, missing, different, extra, examples } = validation;
  const first = examples.length > 0 ? `, first ${examples.map((id) => shown(id)).join(', ')}` : '';
  return `of ${compared} vectors ${missing} are missing and ${different} different, and ${extra} are there besides${first}`;
}
