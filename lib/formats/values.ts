/** Ids, metadata and vectors as texts have them: what is allowed, and what messages say of the rest. */
import { shown } from '../arguments.js';
import { describe } from '../errors.js';
import { toJson } from '../metadata.js';
import type { IdType } from '../types.js';

const MAX_ID = 0x7fffffffffffffffn;
const MAX_ID_BYTES = 1024;
const MAX_METADATA_BYTES = 1 << 20;

/** What the values of a vector may be called, the one that counts first. */
export const DATA_KEYS = ['data', 'vector', 'values', 'embedding'] as const;
/** What the id may be called. */
export const ID_KEYS = ['id', 'vector_id'] as const;

/** Why a record is invalid. */
export class Rejection extends Error {
  /** Where in it, counted in bytes from its start; undefined where that isn't known. */
  readonly offset: number | undefined;

  /**
   * Makes one.
   *
   * @param reason - with the values
   * @param offset - where in the record
   */
  constructor(reason: string, offset?: number) {
    super(reason);
    this.offset = offset;
  }
}

// Digits as an id; undefined where they are no integer from 0 to 2^63-1.
function integerOf(text: string): number | bigint | undefined {
  if (!/^(0|[1-9]\d{0,18})$/.test(text)) return undefined;
  const number = Number(text);
  if (number <= Number.MAX_SAFE_INTEGER) return number;
  const bigint = BigInt(text);
  return bigint <= MAX_ID ? bigint : undefined;
}

function checkedString(text: string): string {
  if (text.length === 0) throw new Rejection('the id is empty');
  if (text.length * 3 > MAX_ID_BYTES && Buffer.byteLength(text) > MAX_ID_BYTES) {
    throw new Rejection(`the id ${shown(text)} is longer than ${MAX_ID_BYTES} bytes`);
  }
  if (!text.isWellFormed()) throw new Rejection(`the id ${shown(text)} has half a character, which has no UTF-8`);
  return text;
}

/** Reads ids, all of one type. */
export class IdReader {
  readonly #known: boolean;
  #type: IdType | undefined;

  /**
   * Makes one.
   *
   * @param type - of all ids; undefined: that of the first
   */
  constructor(type: IdType | undefined) {
    this.#type = type;
    this.#known = type !== undefined;
  }

  /**
   * An id in a text that knows no types.
   *
   * @param text - as it is written
   * @returns the id
   * @throws Rejection if it is none, or of the other type
   */
  fromText(text: string): number | bigint | string {
    if (this.#type === 'string') return checkedString(text);
    const integer = integerOf(text);
    if (integer !== undefined) return integer;
    if (this.#type === undefined) return checkedString(text);
    const why = this.#known ? '' : ', as the first one is';
    throw new Rejection(`the id ${shown(text)} is no integer from 0 to 2^63-1${why}`);
  }

  /**
   * An id in JSON.
   *
   * @param value - as it was parsed
   * @returns the id
   * @throws Rejection if it is none, or of the other type
   */
  fromJson(value: unknown): number | bigint | string {
    if (typeof value === 'number') return this.#fromNumber(value);
    if (typeof value !== 'string') throw new Rejection(`the id is ${shown(value)}, not an integer or a string`);
    if (this.#type !== 'int64') return checkedString(value);
    const integer = integerOf(value);
    if (integer === undefined) throw new Rejection(`the id ${shown(value)} is no integer from 0 to 2^63-1`);
    // That is how an integer is written that JSON numbers don't hold.
    if (this.#known || typeof integer === 'bigint') return integer;
    throw new Rejection(`the id ${shown(value)} is a string, the first one is a number; say which id type is meant`);
  }

  #fromNumber(value: number): number | string {
    if (!Number.isSafeInteger(value) || value < 0) {
      const way = value > Number.MAX_SAFE_INTEGER ? '; write it as a string of digits' : '';
      throw new Rejection(`the id ${value} is no integer from 0 to 2^53-1${way}`);
    }
    if (this.#type !== 'string') return value + 0;
    if (this.#known) return String(value);
    throw new Rejection(`the id ${value} is a number, the first one is a string; say which id type is meant`);
  }

  /**
   * Makes the type of an id that of all.
   *
   * @param id - of the first whole row
   */
  settle(id: number | bigint | string): void {
    this.#type ??= typeof id === 'string' ? 'string' : 'int64';
  }
}

/**
 * Metadata as it was found. A text stays as it is: numbers in it may have more digits than JavaScript's.
 *
 * @param value - parsed JSON: an object, its JSON text, null or '' for none
 * @returns JSON text, undefined for none
 * @throws Rejection if it is no object, too large or too deep
 */
export function metadataOf(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const isText = typeof value === 'string' && value.trimStart().startsWith('{');
  if ((typeof value !== 'object' && !isText) || Array.isArray(value)) {
    throw new Rejection(`metadata is ${shown(value)}, not a JSON object`);
  }
  let text: string;
  try {
    text = toJson(value);
  } catch (thrown) {
    throw new Rejection(describe(thrown));
  }
  if (text.length * 3 > MAX_METADATA_BYTES && Buffer.byteLength(text) > MAX_METADATA_BYTES) {
    throw new Rejection(`metadata has ${Buffer.byteLength(text)} bytes, more than ${MAX_METADATA_BYTES}`);
  }
  return text;
}

/**
 * The metadata of a record that has other fields beside it: these, and behind them its own, which go before them.
 *
 * @param own - as for `metadataOf`
 * @param fields - undefined for none
 * @returns JSON text, undefined for none
 * @throws Rejection if it is no object, too large or too deep
 */
export function metadataWith(own: unknown, fields: Record<string, unknown> | undefined): string | undefined {
  const text = metadataOf(own);
  if (fields === undefined) return text;
  if (text === undefined) return metadataOf(fields);
  const texts = Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)] as const);
  return metadataBehind(texts, text);
}

/**
 * The same of texts, which stay as they are.
 *
 * @param fields - JSON; of two of a name the last counts
 * @param own - what `metadataOf` gave
 * @returns JSON text, undefined for none
 * @throws Rejection if it is too large or too deep
 */
export function metadataBehind(
  fields: readonly (readonly [name: string, json: string])[],
  own: string | undefined,
): string | undefined {
  const text = own ?? '{}';
  const known = JSON.parse(text) as object;
  const others = [...new Map(fields)]
    .filter(([name]) => !Object.hasOwn(known, name))
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',');
  if (others === '') return own;
  return metadataOf(Object.keys(known).length === 0 ? `{${others}}` : `{${others},${text.trim().slice(1)}`);
}

/**
 * A value of a vector in JSON.
 *
 * @param value - as it was parsed
 * @param position - which one, from 0
 * @param allowNonFinite - whether it may be NaN or infinite
 * @returns a float32
 * @throws Rejection if it is none
 */
export function valueOf(value: unknown, position: number, allowNonFinite: boolean): number {
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') {
    if (allowNonFinite) return Number(value);
    throw new Rejection(`value ${position} of the vector is ${value}, not a finite number`);
  }
  if (typeof value !== 'number')
    throw new Rejection(`value ${position} of the vector is ${shown(value)}, not a number`);
  const single = Math.fround(value);
  if (Number.isFinite(single)) return single;
  // JSON.parse has made Infinity of what not even a float64 holds.
  const number = Number.isFinite(value) ? value : 'a number';
  throw new Rejection(`value ${position} of the vector is ${number}, too large for a float32`);
}
