/** Copies of what a call was given, for calls that must wait: the caller may change its own meanwhile. */
import { toMetadataColumn } from '../metadata.js';
import { SEARCH_OPTIONS } from '../search-arguments.js';

/**
 * What a search was given.
 *
 * @param given - queries and options; what is wrong is the store's to refuse
 * @returns copies
 */
export function copyOfSearch<Q, O>(given: readonly [Q, O]): readonly [Q, O] {
  const [queries, options] = given;
  return [copyOfVectors(queries), copyOfOptions(options)];
}

/**
 * What a batch was given.
 *
 * @param given - ids, vectors and metadata
 * @returns copies, the metadata as the JSON texts that would be stored
 */
export function copyOfBatch<A, V, T>(given: readonly [A, V, T]): readonly [A, V, T] {
  const [ids, vectors, metadata] = given;
  return [copyOf(ids), copyOfVectors(vectors), toMetadataColumn(metadata as readonly undefined[] | undefined) as T];
}

function copyOfVectors<T>(vectors: T): T {
  return Array.isArray(vectors) ? (vectors.map(copyOf) as T) : copyOf(vectors);
}

function copyOf<T>(value: T): T {
  try {
    return Array.isArray(value) || ArrayBuffer.isView(value) ? ((value as unknown as unknown[]).slice() as T) : value;
  } catch {
    return value; // its buffer is gone: the store says so
  }
}

// With what they inherit, too.
function copyOfOptions<T>(options: T): T {
  if (typeof options !== 'object' || options === null) return options;
  const copy: Record<string, unknown> = { ...(options as Record<string, unknown>) };
  for (const key of SEARCH_OPTIONS) {
    const value = (options as Record<string, unknown>)[key];
    if (value !== undefined) copy[key] = key === 'filterIds' || key === 'excludeIds' ? copyOfIds(value) : value;
  }
  return copy as T;
}

function copyOfIds(ids: unknown): unknown {
  if (typeof ids !== 'object' || ids === null || ArrayBuffer.isView(ids)) return copyOf(ids);
  return Symbol.iterator in ids ? [...(ids as Iterable<unknown>)] : ids;
}
