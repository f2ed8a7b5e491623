/** Single values of Arrow's columns: ids, and what metadata has, as JSON holds it. Threads: no state. */
import { shown } from '../../arguments.js';
import { isThere, listBounds, T, textAt, type ArrowArray } from './arrays.js';
import { Malformed } from '../malformed.js';
import { isoTime, jsonInteger } from '../columns/rows.js';
import { Rejection } from '../values.js';

// As many as metadata of the largest size could hold.
const MAX_VALUES = 1 << 19;
const PER_SECOND = [1n, 1000n, 1_000_000n, 1_000_000_000n];

// In which of its arrays a dictionary has what an index refers to.
function referred({ numbers, dictionary }: ArrowArray, index: number): [ArrowArray, number] {
  const wanted = Number(numbers?.[index]);
  const found = dictionary?.find(wanted);
  if (found === undefined) throw new Malformed(`it refers to value ${wanted} of a dictionary that hasn't as many`);
  return found;
}

/**
 * An id.
 *
 * @param array - of integers, texts, or a dictionary of those
 * @param index - which one
 * @returns the id; null for none
 * @throws Rejection where it is no UTF-8
 */
export function idAt(array: ArrowArray, index: number): unknown {
  if (!isThere(array, index)) return null;
  const type = array.type.typeId;
  if (type === T.Dictionary) return idAt(...referred(array, index));
  if (type === T.Int) return array.numbers?.[index];
  const text = textAt(array, index);
  if (text === undefined) throw new Rejection('the id is not UTF-8');
  return text;
}

function decimalAt({ data, type: { bitWidth = 128, scale = 0 } }: ArrowArray, index: number): number {
  let value = 0n;
  for (let i = bitWidth / 32 - 1; i >= 0; i--) {
    value = (value << 32n) | BigInt(data.readUInt32LE(index * (bitWidth / 8) + 4 * i));
  }
  return Number(`${BigInt.asIntN(bitWidth, value)}e${-scale}`);
}

function dateAt(array: ArrowArray, index: number): string {
  const value = BigInt(array.numbers?.[index] ?? 0);
  return array.type.unit === 0
    ? isoTime(value * 86400n, 1n).replace(/T.*/, '')
    : isoTime(value, 1000n).replace(/T00:00:00\.000Z/, '');
}

/** Reads values of a column; how many one row may have is limited. */
export class JsonValues {
  readonly #name: string;
  #left = MAX_VALUES;

  /**
   * Makes one for a row.
   *
   * @param name - of the column, for messages
   */
  constructor(name: string) {
    this.#name = name;
  }

  /**
   * A value.
   *
   * @param array - it is in
   * @param index - which one
   * @returns it as JSON has it; null for none, undefined for what isn't read
   * @throws Rejection where it can't be
   */
  at(array: ArrowArray, index: number): unknown {
    if (this.#left-- <= 0)
      throw new Rejection(`the column ${shown(this.#name)} has more than ${MAX_VALUES} values in it`);
    if (!isThere(array, index)) return null;
    const { numbers, type, data } = array;
    switch (type.typeId) {
      case T.Int:
      case T.Float:
      case T.Time:
      case T.Duration: {
        const value = numbers?.[index];
        return typeof value === 'bigint' ? jsonInteger(value) : value;
      }
      case T.Utf8:
      case T.LargeUtf8:
      case T.Utf8View:
        return this.#text(array, index);
      case T.Bool:
        return (((data[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
      case T.Decimal:
        return decimalAt(array, index);
      case T.Date:
        return dateAt(array, index);
      case T.Timestamp:
        return isoTime(BigInt(numbers?.[index] ?? 0), PER_SECOND[type.unit ?? 0] ?? 1000n);
      case T.Dictionary:
        return this.at(...referred(array, index));
      default:
        return this.#nested(array, index);
    }
  }

  #range(start: number, end: number): number[] {
    if (end - start > this.#left) this.#left = 0; // it is too many: the first one says so
    return Array.from({ length: Math.min(end - start, MAX_VALUES) }, (_, i) => start + i);
  }

  #text(array: ArrowArray, index: number): string {
    const text = textAt(array, index);
    if (text === undefined) throw new Rejection(`the column ${shown(this.#name)} has a text that is not UTF-8`);
    return text;
  }

  #nested(array: ArrowArray, index: number): unknown {
    const { type, children } = array;
    const id = type.typeId;
    if (id === T.Struct) {
      const fields = (type.children ?? []).map(
        ({ name }, i) => [name, children[i] && this.at(children[i], index)] as const,
      );
      return Object.fromEntries(fields);
    }
    const [child] = children;
    if (child === undefined) return undefined;
    const [start, end] = listBounds(array, index);
    const indices = this.#range(start, end);
    if (id !== T.Map) return indices.map((i) => this.at(child, i));
    const [keys, values] = child.children;
    if (keys === undefined || values === undefined) return undefined;
    return Object.fromEntries(indices.map((i) => [String(this.at(keys, i)), this.at(values, i)] as const));
  }
}
