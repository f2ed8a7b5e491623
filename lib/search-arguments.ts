/** Checks what callers of searches pass, and makes it what the addon takes. */
import { availableParallelism } from 'node:os';
import {
  checkedFloats,
  checkedSignal,
  checkKeys,
  checkLength,
  flag,
  integer,
  invalid,
  shown,
  toFlat,
  toFloat32,
  toIdColumn,
} from './arguments.js';
import type { IdColumn, SearchArguments } from './native.js';
import type { RawSearchOptions, SearchOptions, VectorId, VectorInput } from './types.js';

const RAW_OPTIONS = [
  'topK',
  'offset',
  'minScore',
  'maxDistance',
  'filterIds',
  'excludeIds',
  'threads',
  'signal',
] as const satisfies readonly (keyof RawSearchOptions)[];

/** The names of all options of searches. */
export const SEARCH_OPTIONS = [
  ...RAW_OPTIONS,
  'includeMetadata',
  'includeVectors',
] as const satisfies readonly (keyof SearchOptions)[];

const MAX_THREADS = 1024;
const THREADS = Math.min(availableParallelism(), MAX_THREADS);

/** Search options with their defaults. */
export interface CheckedSearchOptions {
  topK: number;
  includeMetadata: boolean;
  includeVectors: boolean;
  signal: AbortSignal | undefined;
  /** Makes the addon's arguments, for queries one after the other. */
  withQueries: (queries: Float32Array) => SearchArguments;
}

function bound(value: unknown, fallback: number, option: string): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  throw invalid(`${option} must be a number, not ${shown(value)}`);
}

function ids(value: Iterable<VectorId> | undefined, option: string): IdColumn | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Float64Array || value instanceof BigInt64Array || Array.isArray(value)) return toIdColumn(value);
  const iterable = typeof value === 'object' && (value as object | null) !== null && Symbol.iterator in value;
  if (!iterable) throw invalid(`${option} must be an array or another iterable of ids, not ${shown(value)}`);
  return toIdColumn([...value]);
}

/**
 * Search options, checked.
 *
 * @param options - as given by the caller
 * @returns them with their defaults
 */
export function searchOptions(options: SearchOptions): CheckedSearchOptions {
  checkKeys(options, SEARCH_OPTIONS, 'search options');
  return checked(options, flag(options.includeMetadata, 'includeMetadata') ?? true);
}

/**
 * Options of `searchRaw`, checked.
 *
 * @param options - as given by the caller
 * @returns them with their defaults
 */
export function rawSearchOptions(options: RawSearchOptions): CheckedSearchOptions {
  checkKeys(options, RAW_OPTIONS, 'options of searchRaw');
  return checked(options, false);
}

function checked(options: SearchOptions, includeMetadata: boolean): CheckedSearchOptions {
  const topK = integer(options.topK ?? 10, 1, Number.MAX_SAFE_INTEGER, 'topK');
  const includeVectors = flag(options.includeVectors, 'includeVectors') ?? false;
  const offset = integer(options.offset ?? 0, 0, Number.MAX_SAFE_INTEGER, 'offset');
  const minScore = bound(options.minScore, -Infinity, 'minScore');
  const maxDistance = bound(options.maxDistance, Infinity, 'maxDistance');
  const filterIds = ids(options.filterIds, 'filterIds');
  const excludeIds = ids(options.excludeIds, 'excludeIds');
  const threads = integer(options.threads ?? THREADS, 1, MAX_THREADS, 'threads');
  const tail = [filterIds, excludeIds, threads, includeMetadata, includeVectors] as const;
  return {
    topK,
    includeMetadata,
    includeVectors,
    signal: checkedSignal(options.signal),
    withQueries: (queries) => [queries, topK, offset, minScore, maxDistance, ...tail],
  };
}

/**
 * One query.
 *
 * @param query - as given by the caller
 * @param dimension - what its length must be: the addon would take a longer one for several
 * @returns the same Float32Array, or a new one
 */
export function toQuery(query: VectorInput, dimension: number): Float32Array {
  const vector = toFloat32(query, dimension);
  checkLength(vector, 'the query', dimension);
  return vector;
}

/**
 * Queries one after the other.
 *
 * @param queries - flat already, or an array of queries
 * @param dimension - of each
 * @returns the same Float32Array, or a new one
 */
export function toQueries(queries: Float32Array | readonly VectorInput[], dimension: number): Float32Array {
  if (Array.isArray(queries)) return toFlat(queries as readonly VectorInput[], queries.length, dimension);
  return checkedFloats(queries as Float32Array, 'the queries');
}
