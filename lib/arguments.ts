/** Checks what callers pass, and makes it what the addon takes. */
import { JvdbError } from './errors.js';
import type { IdColumn } from './native.js';
import type { ChangesOptions, VectorId, VectorInput } from './types.js';

/**
 * A value for messages: texts in quotes, and nothing endless.
 *
 * @param value - anything
 * @returns how it is named
 */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
  } catch {
    return 'a revoked proxy';
  }
}

/**
 * The error of a wrong argument.
 *
 * @param message - what is wrong
 * @returns it
 */
export function invalid(message: string): JvdbError {
  return new JvdbError('JVDB_INVALID_ARGUMENT', message);
}

/**
 * Refuses options that don't exist.
 *
 * @param options - as given by the caller
 * @param known - their names
 * @param what - how messages call them
 */
export function checkKeys(options: unknown, known: readonly string[], what: string): void {
  if (typeof options !== 'object' || options === null)
    throw invalid(`${what} must be an object, not ${shown(options)}`);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw invalid(`unknown option ${shown(key)}; ${what} are ${known.join(', ')}`);
  }
}

/**
 * An option that is one of some names.
 *
 * @param names - all of them
 * @param value - as given by the caller
 * @param option - its name
 * @returns which one, undefined where it is left out
 */
export function position<T extends string>(
  names: readonly T[],
  value: T | undefined,
  option: string,
): number | undefined {
  if (value === undefined) return undefined;
  const index = names.indexOf(value);
  if (index < 0) throw invalid(`${option} must be one of ${names.map(shown).join(', ')}, not ${shown(value)}`);
  return index;
}

/**
 * An option that is true or false.
 *
 * @param value - as given by the caller
 * @param option - its name
 * @returns the same
 */
export function flag(value: boolean | undefined, option: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalid(`${option} must be true or false, not ${shown(value)}`);
}

/**
 * A whole number.
 *
 * @param value - as given by the caller
 * @param least - the smallest that is allowed
 * @param most - the largest
 * @param what - how messages call it
 * @returns the same
 */
export function integer(value: unknown, least: number, most: number, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`${what} must be an integer from ${least} to ${most}, not ${shown(value)}`);
}

/**
 * A number, whole or not.
 *
 * @param value - as given by the caller
 * @param least - the smallest that is allowed
 * @param most - the largest
 * @param what - how messages call it
 * @returns the same
 */
export function between(value: unknown, least: number, most: number, what: string): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw invalid(`${what} must be a number from ${least} to ${most}, not ${shown(value)}`);
}

// By what it can do: another realm has another class.
function isAbortSignal(signal: unknown): boolean {
  const { aborted, throwIfAborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  const functions = typeof throwIfAborted === 'function' && typeof addEventListener === 'function';
  return typeof aborted === 'boolean' && functions;
}

/**
 * A signal, if there is one.
 *
 * @param signal - as given by the caller
 * @returns the same
 */
export function checkedSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || isAbortSignal(signal)) return signal;
  throw invalid(`signal must be an AbortSignal, not ${shown(signal)}`);
}

/**
 * Options of `changes`, checked.
 *
 * @param options - as given by the caller
 * @returns them with their defaults
 */
export function changesOptions(options: ChangesOptions): { sinceLsn: number; signal: AbortSignal | undefined } {
  checkKeys(options, ['sinceLsn', 'signal'] satisfies (keyof ChangesOptions)[], 'options of changes');
  return {
    sinceLsn: integer(options.sinceLsn ?? 0, 0, Number.MAX_SAFE_INTEGER, 'sinceLsn'),
    signal: checkedSignal(options.signal),
  };
}

// What an array buffer view is and holds, whatever its class or its own properties say.
const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const kindOf = getter(Symbol.toStringTag) as (array: unknown) => string | undefined;

/**
 * How many values a typed array has.
 *
 * @param array - of any kind
 * @returns their number; 0 where its buffer is gone
 */
export const lengthOf = getter('length') as (array: unknown) => number;

// Bound once: whoever replaces Function.prototype.call later changes nothing here.
function getter(name: string | symbol): (array: unknown) => unknown {
  const { get } = Object.getOwnPropertyDescriptor(typedArray, name) as { get: (this: unknown) => unknown };
  return Function.prototype.call.bind(get) as (array: unknown) => unknown;
}

/**
 * Whether it is a Float32Array, of any realm: nothing can pretend to be one.
 *
 * @param value - anything
 * @returns whether it is
 */
export function isFloat32Array(value: unknown): value is Float32Array {
  return kindOf(value) === 'Float32Array';
}

/**
 * The error of what is no vector.
 *
 * @param message - what is wrong
 * @returns it
 */
export function invalidVector(message: string): JvdbError {
  return new JvdbError('JVDB_INVALID_VECTOR', message);
}

/**
 * The error of a vector of another length.
 *
 * @param message - what is wrong
 * @returns it
 */
export function dimensionMismatch(message: string): JvdbError {
  return new JvdbError('JVDB_DIMENSION_MISMATCH', message);
}

function setNumbers(to: Float32Array, at: number, from: readonly number[], count: number): void {
  for (let i = 0; i < count; i++) {
    const value: unknown = from[i];
    if (typeof value !== 'number') {
      throw invalidVector(`component ${i} of a vector must be a number, not ${shown(value)}`);
    }
    to[at + i] = value;
  }
}

/**
 * A vector as the addon takes it; its values are checked there.
 *
 * @param vector - as given by the caller
 * @param dimension - what its length must be
 * @returns the same Float32Array, or a new one for an array of numbers
 */
export function toFloat32(vector: VectorInput, dimension: number): Float32Array {
  if (!Array.isArray(vector)) return vector as Float32Array;
  if (vector.length !== dimension) throw wrongLength('the vector', vector.length, dimension);
  return toFloats(vector, 'the vector');
}

/**
 * A vector of any length.
 *
 * @param vector - as given by the caller
 * @param what - how messages call it
 * @returns the same Float32Array, or a new one for an array of numbers
 */
export function toFloats(vector: VectorInput, what: string): Float32Array {
  checkVector(vector, what);
  if (!Array.isArray(vector)) return vector as Float32Array;
  const out = new Float32Array(vector.length);
  setNumbers(out, 0, vector, vector.length);
  return out;
}

function checkVector(vector: VectorInput, what: string): void {
  if (Array.isArray(vector) || isFloat32Array(vector)) return;
  throw invalidVector(`${what} must be a Float32Array or an array of numbers, not ${shown(vector)}`);
}

function wrongLength(what: string, length: number, dimension: number): JvdbError {
  return dimensionMismatch(`${what} has ${length} values, vectors of this store have ${dimension}`);
}

/**
 * Checks how many values a vector has.
 *
 * @param vector - as given by the caller
 * @param what - how messages call it
 * @param dimension - what its length must be
 */
export function checkLength(vector: VectorInput, what: string, dimension: number): void {
  checkVector(vector, what);
  const length = Array.isArray(vector) ? vector.length : lengthOf(vector);
  if (length !== dimension) throw wrongLength(what, length, dimension);
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
  // All lengths before the memory is taken. A getter may give something else each time: each
  // vector is asked for once.
  const rows: VectorInput[] = [];
  for (let i = 0; i < count; i++) {
    const vector: unknown = vectors[i];
    checkLength(vector as VectorInput, `vector ${i} of the batch`, dimension);
    rows.push(vector as VectorInput);
  }
  const flat = new Float32Array(count * dimension);
  rows.forEach((vector, i) => {
    checkLength(vector, `vector ${i} of the batch`, dimension); // again: its buffer may be gone by now
    if (Array.isArray(vector)) setNumbers(flat, i * dimension, vector as readonly number[], dimension);
    else flat.set(vector, i * dimension);
  });
  return flat;
}

// Its values can't be asked for.
function isGone(array: unknown): boolean {
  try {
    (typedArray as Float64Array).keys.call(array as Float64Array);
    return false;
  } catch {
    return true;
  }
}

/**
 * Vectors that are flat already.
 *
 * @param vectors - as given by the caller
 * @param what - how messages call them
 * @returns the same
 */
export function checkedFloats(vectors: Float32Array, what: string): Float32Array {
  if (!isFloat32Array(vectors)) {
    throw invalidVector(`${what} must be a Float32Array or an array of vectors, not ${shown(vectors)}`);
  }
  if (isGone(vectors)) throw invalidVector(`the buffer of ${what} is gone: it was transferred, or resized to less`);
  return vectors;
}

/**
 * Ids as the caller gave them, as far as their number goes.
 *
 * @param ids - an array or typed array
 * @returns the same
 * @throws JvdbError for anything else, and for a typed array whose buffer is gone
 */
export function checkedIds<T extends readonly VectorId[] | Float64Array | BigInt64Array>(ids: T): T {
  if (Array.isArray(ids)) return ids;
  const kind = kindOf(ids);
  if (kind !== 'Float64Array' && kind !== 'BigInt64Array') {
    const message = `ids are given as an array, a Float64Array or a BigInt64Array, not ${shown(ids)}`;
    throw new JvdbError('JVDB_INVALID_ID', message);
  }
  if (isGone(ids)) {
    throw new JvdbError('JVDB_INVALID_ID', 'the buffer of the ids is gone: it was transferred, or resized to less');
  }
  return ids;
}

/**
 * Ids of a batch: many numbers become a typed array, which the addon reads far faster.
 *
 * @param ids - as given by the caller
 * @returns what the addon takes; other values than ids are refused there
 */
export function toIdColumn(ids: readonly VectorId[] | Float64Array | BigInt64Array): IdColumn {
  checkedIds(ids);
  if (!Array.isArray(ids) || ids.length === 0) return ids;
  const numbers = new Float64Array(ids.length);
  for (let i = 0; i < numbers.length; i++) {
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
  if (typeof id === 'bigint') return (id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id) as I;
  return id === 0 ? (0 as I) : id; // −0 too
}
