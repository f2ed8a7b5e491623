/** Reads arguments of the command line. Threads: no state. */
import { InvalidArgumentError } from 'commander';
import { shown } from '../arguments.js';
import type { IdType, VectorId } from '../types.js';
import { UsageError } from './output.js';

/**
 * An option that is a whole number.
 *
 * @param least - the smallest that is allowed
 * @param most - the largest
 * @returns a parser for commander
 */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/**
 * An option that is a number, whole or not.
 *
 * @param text - as given
 * @returns it
 * @throws InvalidArgumentError where it isn't one
 */
export function finiteNumber(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number.');
}

/**
 * A vector as `[1, 2.5, …]`, or numbers with commas or blanks between.
 *
 * @param text - as given
 * @returns its values
 * @throws UsageError where it isn't one
 */
export function vectorOf(text: string): number[] {
  const list = text
    .trim()
    .replace(/^\[([^]*)\]$/, '$1')
    .trim();
  if (list === '') throw new UsageError('the vector is empty; give it as [0.1, 0.2]');
  return list.split(/\s*,\s*|\s+/).map((part) => {
    if (part === '') throw new UsageError('the vector has a comma with no number beside it');
    const value = Number(part);
    if (Number.isFinite(value)) return value;
    throw new UsageError(`${shown(part)} in the vector is no number`);
  });
}

/**
 * An id as the database has them.
 *
 * @param text - as given
 * @param type - of the database's ids
 * @returns it
 * @throws UsageError where it isn't one
 */
export function idOf(text: string, type: IdType): VectorId {
  if (type === 'string') return text;
  if (!/^\d+$/.test(text)) throw new UsageError(`the ids of this database are whole numbers, not ${text}`);
  const value = BigInt(text);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/**
 * Metadata as a JSON object.
 *
 * @param text - as given; undefined for none
 * @returns the text
 * @throws UsageError where it is none
 */
export function metadataOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return text;
  } catch {
    // Said below.
  }
  throw new UsageError(`metadata must be a JSON object such as '{"title": "…"}', not ${text}`);
}
