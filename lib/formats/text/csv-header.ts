/** The first line of a CSV text: what separates columns, and what each of them holds. */
import { shown } from '../../arguments.js';
import { fieldsOf } from './csv-fields.js';
import { DATA_KEYS, ID_KEYS } from '../values.js';
import { unreadable } from './text-input.js';
import type { Source } from '../types.js';

const SEPARATORS = [44, 59, 9];
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
// A name and a number, such as v0, dim_12 or 7; no number with a point in it.
const NUMBERED = /^((?![\d.+-]).*?|)(\d+)$/s;

/** What columns hold; each is counted from 0, and -1 where there is none. */
export interface CsvLayout {
  /** The byte between two fields. */
  separator: number;
  /** The names. */
  names: string[];
  id: number;
  /** Vectors as JSON arrays. */
  data: number;
  metadata: number;
  /** For each column which value of the vector it holds. */
  values: Int32Array;
  /** How many columns hold one. */
  dimension: number;
  /** Columns that become strings in the metadata. */
  others: number[];
}

function separatorOf(header: string): number {
  const outside = header.replace(/"[^"]*"/g, '');
  const counts = SEPARATORS.map((byte) => outside.split(String.fromCharCode(byte)).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? 44;
}

// Columns by the number in their names: from 0 or 1 on and without gaps, else undefined.
function inOrder(columns: ReadonlyMap<number, number>): number[] | undefined {
  const first = columns.has(0) ? 0 : 1;
  const order = Array.from({ length: columns.size }, (_, i) => columns.get(first + i));
  return order.every((column) => column !== undefined) ? order : undefined;
}

// The largest group of numbered columns; of two of a size neither is meant.
function numbered(names: readonly string[], fail: (message: string) => Error): number[] {
  const groups = new Map<string, Map<number, number>>();
  // Of those where numbers are there twice, such as a1 and a01: two columns.
  const twice = new Map<string, number[]>();
  names.forEach((name, column) => {
    const [, prefix, digits] = NUMBERED.exec(name) ?? [];
    if (prefix === undefined) return;
    const group = groups.get(prefix) ?? new Map<number, number>();
    const other = group.get(Number(digits));
    if (other !== undefined) twice.set(prefix, [other, column]);
    groups.set(prefix, group.set(Number(digits), column));
  });
  const rank = ([name, { size }]: [string, Map<number, number>]): number => 2 * size - Number(twice.has(name));
  const [largest, second] = [...groups].sort((a, b) => rank(b) - rank(a));
  if (largest === undefined) return [];
  const [prefix, columns] = largest;
  const same = twice.get(prefix)?.map((column) => shown(names[column]));
  if (same !== undefined) throw fail(`the columns ${same.join(' and ')} have the same number; rename one`);
  const order = inOrder(columns);
  if (order === undefined) {
    const [a, b] = [`${prefix}0`, `${prefix}1`].map(shown);
    if (columns.size === 1) return [];
    throw fail(`the columns of numbers must be ${a}, ${b} and so on, or begin with ${b}, without gaps`);
  }
  if (second !== undefined && rank(second) === rank(largest) && inOrder(second[1]) !== undefined) {
    throw fail(`both ${shown(`${prefix}…`)} and ${shown(`${second[0]}…`)} could be the vector; rename one`);
  }
  return order;
}

function isPlainNumbers(names: readonly string[]): boolean {
  const first = names[0] === '0' ? 0 : 1;
  return names.every((name, i) => name === String(first + i));
}

/**
 * Reads the header.
 *
 * @param source - for messages
 * @param bytes - the text
 * @param start - of the line
 * @param end - of the line
 * @returns what the columns hold
 * @throws JvdbError if it is no header, or names no vector
 */
export function readHeader(source: Source, bytes: Buffer, start: number, end: number): CsvLayout {
  const fail = (message: string): Error => unreadable(source, message);
  const example = 'such as id,v0,v1,metadata';
  const separator = separatorOf(bytes.toString('utf8', start, end));
  const names = fieldsOf(bytes, start, end, separator).map((name) => name.trim());
  if (names.every((name) => NUMBER.test(name)) && !isPlainNumbers(names)) {
    throw fail(`the first line is all numbers; it must name the columns, ${example}`);
  }
  const twice = names.find((name, column) => name !== '' && names.indexOf(name) !== column);
  if (twice !== undefined) throw fail(`two columns are named ${shown(twice)}; rename one`);
  const lower = names.map((name) => name.toLowerCase());
  const first = (keys: readonly string[]): number => {
    const key = keys.find((one) => lower.includes(one));
    return key === undefined ? -1 : lower.indexOf(key);
  };
  const [id, data, metadata] = [first(ID_KEYS), first(DATA_KEYS), first(['metadata'])];
  const order = data < 0 ? numbered(names, fail) : [];
  if (order.length === 0 && data < 0) {
    const found = shown(names.join(String.fromCharCode(separator)));
    throw fail(`no column holds vectors; the first line must name the columns, ${example} or id,data; it is ${found}`);
  }
  if (order.length > 65536) throw fail(`the vector has ${order.length} columns, more than 65536`);
  const values = new Int32Array(names.length).fill(-1);
  order.forEach((column, position) => (values[column] = position));
  const taken = new Set([id, data, metadata, ...order]);
  // What spreadsheets and data frames put in front of their rows has no name.
  const others = [...names.keys()].filter((column) => !taken.has(column) && names[column] !== '');
  return { separator, names, id, data, metadata, values, dimension: order.length, others };
}
