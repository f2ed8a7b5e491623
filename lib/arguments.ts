/** Checks what callers pass, and makes it what the addon takes. */
import { JvdbError } from './errors.js';
import type { IdColumn, MetadataColumn, OpenArguments } from './native.js';
import type { SearchOptions, StoreOptions, VectorId, VectorInput } from './types.js';

const METRICS = ['cosine', 'dot', 'euclidean'] as const;
const ID_TYPES = ['int64', 'string'] as const;
const ACCESS = ['normal', 'random', 'sequential'] as const;
const DURABILITY = ['periodic', 'commit'] as const;
const SCAN_COLUMNS = ['int8', 'none'] as const;

const MAX_DIMENSION = 65536;
const MAX_CAPACITY = 2 ** 31 - 1;
const MAX_NESTING = 64;

// For messages: texts in quotes, and nothing endless.
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function invalid(message: string): JvdbError {
  return new JvdbError('JVDB_INVALID_ARGUMENT', message);
}

function checkKeys(options: unknown, known: readonly string[], what: string): void {
  if (typeof options !== 'object' || options === null)
    throw invalid(`${what} must be an object, not ${shown(options)}`);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw invalid(`unknown option ${shown(key)}; ${what} are ${known.join(', ')}`);
  }
}

function position<T extends string>(names: readonly T[], value: T | undefined, option: string): number | undefined {
  if (value === undefined) return undefined;
  const index = names.indexOf(value);
  if (index < 0) throw invalid(`${option} must be one of ${names.map(shown).join(', ')}, not ${shown(value)}`);
  return index;
}

function flag(value: boolean | undefined, option: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalid(`${option} must be true or false, not ${shown(value)}`);
}

function integer(value: unknown, least: number, most: number, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`${what} must be an integer from ${least} to ${most}, not ${shown(value)}`);
}

const STORE_OPTIONS = [
  'initialCapacity',
  'metric',
  'idType',
  'readOnly',
  'durability',
  'scanColumn',
  'access',
  'allowNonFinite',
  'flushOnExit',
] as const satisfies readonly (keyof StoreOptions)[];

/**
 * Arguments of open().
 *
 * @param filePath - the database's file
 * @param dimension - of its vectors; undefined: the file must exist
 * @param options - as given by the caller
 * @returns what the addon takes
 */
export function openArguments(filePath: string, dimension: number | undefined, options: StoreOptions): OpenArguments {
  if (typeof filePath !== 'string' || filePath === '') {
    throw invalid(`the path of the file must be a non-empty string, not ${shown(filePath)}`);
  }
  checkKeys(options, STORE_OPTIONS, 'store options');
  const scanColumn = position(SCAN_COLUMNS, options.scanColumn, 'scanColumn');
  return [
    filePath,
    dimension !== undefined,
    flag(options.readOnly, 'readOnly') ?? false,
    dimension === undefined ? undefined : integer(dimension, 1, MAX_DIMENSION, 'the dimension'),
    position(METRICS, options.metric, 'metric'),
    position(ID_TYPES, options.idType, 'idType'),
    scanColumn === undefined ? undefined : scanColumn === SCAN_COLUMNS.indexOf('int8'),
    flag(options.allowNonFinite, 'allowNonFinite'),
    integer(options.initialCapacity ?? 1000, 1, MAX_CAPACITY, 'initialCapacity'),
    position(ACCESS, options.access, 'access') ?? 0,
    flag(options.flushOnExit, 'flushOnExit') ?? true,
    position(DURABILITY, options.durability, 'durability') === DURABILITY.indexOf('commit'),
  ];
}

const SEARCH_OPTIONS = [
  'topK',
  'includeMetadata',
  'includeVectors',
  'signal',
] as const satisfies readonly (keyof SearchOptions)[];

/** Search options with their defaults. */
export interface CheckedSearchOptions {
  topK: number;
  includeMetadata: boolean;
  includeVectors: boolean;
  signal: AbortSignal | undefined;
}

/**
 * Search options, checked.
 *
 * @param options - as given by the caller
 * @returns them with their defaults
 */
export function searchOptions(options: SearchOptions): CheckedSearchOptions {
  checkKeys(options, SEARCH_OPTIONS, 'search options');
  const { signal } = options;
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.addEventListener !== 'function') {
    throw invalid(`signal must be an AbortSignal, not ${shown(signal)}`);
  }
  return {
    topK: integer(options.topK ?? 10, 1, Number.MAX_SAFE_INTEGER, 'topK'),
    includeMetadata: flag(options.includeMetadata, 'includeMetadata') ?? true,
    includeVectors: flag(options.includeVectors, 'includeVectors') ?? false,
    signal,
  };
}

function setNumbers(to: Float32Array, at: number, from: readonly number[]): void {
  for (let i = 0; i < from.length; i++) {
    const value = from[i];
    if (typeof value !== 'number') {
      throw new JvdbError('JVDB_INVALID_VECTOR', `component ${i} of a vector must be a number, not ${shown(value)}`);
    }
    to[at + i] = value;
  }
}

/**
 * A vector as the addon takes it; its length and values are checked there.
 *
 * @param vector - as given by the caller
 * @returns the same Float32Array, or a new one for an array of numbers
 */
export function toFloat32(vector: VectorInput): Float32Array {
  if (!Array.isArray(vector)) return vector as Float32Array;
  const out = new Float32Array(vector.length);
  setNumbers(out, 0, vector);
  return out;
}

/**
 * Vectors of a batch one after the other.
 *
 * @param vectors - flat already, or an array of vectors
 * @param count - how many there must be
 * @param dimension - of each
 * @returns the same Float32Array, or a new one
 */
export function toFlat(vectors: Float32Array | readonly VectorInput[], count: number, dimension: number): Float32Array {
  if (!Array.isArray(vectors)) return vectors as Float32Array;
  if (vectors.length !== count) {
    throw invalid(`there are ${count} ids but ${vectors.length} vectors; give one for each`);
  }
  const flat = new Float32Array(count * dimension);
  (vectors as readonly VectorInput[]).forEach((vector, index) => {
    const floats = Array.isArray(vector) || Object.prototype.toString.call(vector) === '[object Float32Array]';
    if (!floats) {
      const message = `vector ${index} of the batch must be a Float32Array or an array of numbers, not ${shown(vector)}`;
      throw new JvdbError('JVDB_INVALID_VECTOR', message);
    }
    if (vector.length !== dimension) {
      throw new JvdbError(
        'JVDB_DIMENSION_MISMATCH',
        `vector ${index} of the batch has ${vector.length} values, vectors of this store have ${dimension}`,
      );
    }
    if (Array.isArray(vector)) setNumbers(flat, index * dimension, vector);
    else flat.set(vector, index * dimension);
  });
  return flat;
}

/**
 * Ids of a batch: many numbers become a typed array, which the addon reads far faster.
 *
 * @param ids - as given by the caller
 * @returns what the addon takes; other values than ids are refused there
 */
export function toIdColumn(ids: readonly VectorId[] | Float64Array | BigInt64Array): IdColumn {
  if (!Array.isArray(ids) || ids.length === 0) return ids;
  const numbers = new Float64Array(ids.length);
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i];
    if (typeof id !== 'number') return ids as readonly VectorId[];
    numbers[i] = id;
  }
  return numbers;
}

/**
 * An integer id as it comes back: a number where that is exact.
 *
 * @param id - as given by the caller
 * @returns a number up to 2^53-1, else the bigint; strings as they are
 */
export function canonicalId<I extends VectorId>(id: I): I {
  return (typeof id === 'bigint' && id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id) as I;
}

// Deeper than allowed? Brackets inside of strings don't count.
function isTooDeep(json: string): boolean {
  if (json.length <= 2 * MAX_NESTING) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') {
      if (++depth > MAX_NESTING) return true;
    } else if (char === '}' || char === ']') depth--;
  }
  return false;
}

// Its own type says that it never gives undefined, as it does for functions and undefined.
const toJsonText = JSON.stringify as (value: unknown) => string | undefined;

function stringify(metadata: unknown): string {
  let json: string | undefined;
  try {
    json = toJsonText(metadata);
  } catch (cause) {
    throw new JvdbError('JVDB_INVALID_ARGUMENT', `metadata cannot be written as JSON: ${String(cause)}`, { cause });
  }
  if (!json?.startsWith('{')) {
    throw invalid(`metadata must be an object that can be written as JSON, or its JSON text; not ${shown(metadata)}`);
  }
  return json;
}

function checkedText(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new JvdbError('JVDB_INVALID_ARGUMENT', `metadata ${shown(text)} is not JSON: ${String(cause)}`, { cause });
  }
  const canonical = stringify(parsed);
  // An unpaired surrogate has no UTF-8; escaped, as stringify writes it, it does.
  return text.isWellFormed() ? text : canonical;
}

/**
 * Metadata as JSON text; its size is checked by the addon.
 *
 * @param metadata - an object, or JSON text that holds one; '' means none
 * @returns the text, '' for none
 */
export function toJson(metadata: object | string): string {
  if (metadata === '') return '';
  const json = typeof metadata === 'string' ? checkedText(metadata) : stringify(metadata);
  if (isTooDeep(json)) throw invalid(`metadata may be nested ${MAX_NESTING} levels deep at most`);
  return json;
}

/**
 * The metadata of a batch.
 *
 * @param metadata - one for each id, undefined for none; or undefined for none at all
 * @returns their JSON texts
 */
export function toMetadataColumn(metadata: readonly (object | string | undefined)[] | undefined): MetadataColumn {
  if (metadata === undefined) return undefined;
  if (!Array.isArray(metadata)) throw invalid(`metadata of a batch must be an array, not ${shown(metadata)}`);
  return metadata.map((one: object | string | undefined) => (one === undefined ? undefined : toJson(one)));
}
