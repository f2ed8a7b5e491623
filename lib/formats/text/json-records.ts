/** Vector records as JSON objects: read in one pass where they are plain, by JSON.parse where they are not. */
import { isUtf8 } from 'node:buffer';
import { shown } from '../../arguments.js';
import { describe } from '../../errors.js';
import { FloatParser } from './float-parser.js';
import { membersOf, plainStringEnd, skipSpace, ValueEnd } from './json-values.js';
import { DATA_KEYS, ID_KEYS, metadataBehind, metadataOf, Rejection, valueOf, type IdReader } from '../values.js';
import type { Row } from './text-rows.js';

const [ID, DATA, METADATA, OTHER] = [1, 2, 4, 8];
const KINDS = new Map<string, number>([
  ...ID_KEYS.map((key) => [key, ID] as const),
  ...DATA_KEYS.map((key) => [key, DATA] as const),
  ['metadata', METADATA],
]);

/** Fields of a record that no vector is made of, as they are written. */
type Others = [name: string, json: string][];

/** Reads the records of one table. */
export class JsonRecords {
  readonly #ids: IdReader;
  readonly #allowNonFinite: boolean;
  readonly #parser = new FloatParser();
  readonly #ends = new ValueEnd();
  #at = 0;

  /**
   * Makes one.
   *
   * @param ids - of the table
   * @param allowNonFinite - whether values may be NaN or infinite
   */
  constructor(ids: IdReader, allowNonFinite: boolean) {
    this.#ids = ids;
    this.#allowNonFinite = allowNonFinite;
  }

  /**
   * Reads a record that may go on behind the bytes there are.
   *
   * @param bytes - JSON
   * @param start - where it begins
   * @param end - of the bytes
   * @param row - what is read
   * @returns its end; -1 where `read` has to do it
   */
  tryRead(bytes: Buffer, start: number, end: number, row: Row): number {
    row.clear();
    this.#at = start;
    if (bytes[start] !== 123) return -1;
    const others: Others = [];
    let seen = 0;
    let at = start;
    do {
      this.#at = at = skipSpace(bytes, at + 1, end);
      const quote = bytes[at] === 34 && at < end ? plainStringEnd(bytes, at, end) : -1;
      if (quote < 0) return -1;
      const key = bytes.toString('latin1', at + 1, quote);
      const kind = KINDS.get(key) ?? OTHER;
      if (kind !== OTHER && (seen & kind) !== 0) return -1;
      seen |= kind;
      this.#at = at = skipSpace(bytes, quote + 1, end);
      if (bytes[at] !== 58 || at >= end) return -1;
      this.#at = at = skipSpace(bytes, at + 1, end);
      if (at >= end) return -1;
      at = kind === OTHER ? this.#other(key, bytes, at, end, others) : this.#value(kind, bytes, at, end, row);
      if (at < 0) return -1;
      this.#at = at = skipSpace(bytes, at, end);
    } while (at < end && bytes[at] === 44);
    if (at >= end || bytes[at] !== 125 || (seen & DATA) === 0) return -1;
    // Only what is parsed as text can have bytes that are none.
    if ((seen & (METADATA | OTHER)) !== 0 && !isUtf8(bytes.subarray(start, at))) return -1;
    return others.length === 0 || gathered(others, row) ? at + 1 : -1;
  }

  #value(kind: number, bytes: Buffer, at: number, end: number, row: Row): number {
    if (kind === DATA) return this.#vector(bytes, at, end, row);
    if (kind === ID) return this.#id(bytes, at, end, row);
    const behind = this.#endOf(bytes, at, end);
    if (behind < 0) return -1;
    try {
      row.metadata = ownMetadata(bytes.toString('utf8', at, behind));
      return behind;
    } catch {
      return -1;
    }
  }

  #other(key: string, bytes: Buffer, at: number, end: number, others: Others): number {
    const behind = this.#endOf(bytes, at, end);
    if (behind < 0) return -1;
    try {
      const text = bytes.toString('utf8', at, behind);
      JSON.parse(text);
      others.push([key, text]);
      return behind;
    } catch {
      return -1;
    }
  }

  #endOf(bytes: Buffer, at: number, end: number): number {
    this.#ends.reset();
    return this.#ends.find(bytes, at, end);
  }

  #id(bytes: Buffer, at: number, end: number, row: Row): number {
    try {
      if (bytes[at] === 34) {
        const quote = plainStringEnd(bytes, at, end);
        if (quote < 0) return -1;
        row.id = this.#ids.fromJson(bytes.toString('latin1', at + 1, quote));
        return quote + 1;
      }
      let id = 0;
      const start = at;
      for (let byte = bytes[at] ?? 0; at < end && byte >= 48 && byte <= 57; byte = bytes[++at] ?? 0) {
        id = id * 10 + byte - 48;
      }
      // What begins with a zero is one, or no JSON; a longer number, a fraction or anything else is not for here.
      if (at === start || at - start > 15 || (bytes[start] === 48 && at - start > 1)) return -1;
      row.id = this.#ids.fromJson(id);
      return at;
    } catch {
      return -1;
    }
  }

  #vector(bytes: Buffer, at: number, end: number, row: Row): number {
    if (bytes[at] !== 91) return -1;
    const parser = this.#parser;
    do {
      if ((bytes[++at] ?? 0) <= 32) at = skipSpace(bytes, at, end);
      const value = parser.parse(bytes, at, end);
      if (!parser.isJson || !Number.isFinite(value)) {
        this.#at = at;
        return -1;
      }
      row.push(value);
      at = parser.at;
      if ((bytes[at] ?? 0) <= 32) at = skipSpace(bytes, at, end);
    } while (bytes[at] === 44 && at < end);
    this.#at = at;
    return at < end && bytes[at] === 93 ? at + 1 : -1;
  }

  /**
   * Reads a record.
   *
   * @param bytes - JSON
   * @param start - where it begins
   * @param end - where it ends
   * @param row - what is read
   * @throws Rejection if it is invalid
   */
  read(bytes: Buffer, start: number, end: number, row: Row): void {
    const behind = this.tryRead(bytes, start, end, row);
    if (behind >= 0 && skipSpace(bytes, behind, end) === end) return;
    const stopped = behind >= 0 ? behind : this.#at;
    row.clear();
    if (!isUtf8(bytes.subarray(start, end))) throw new Rejection('it is not valid UTF-8');
    let record: unknown;
    try {
      record = JSON.parse(bytes.toString('utf8', start, end));
    } catch (thrown) {
      throw new Rejection(`it is not JSON: ${describe(thrown)}`, stopped - start);
    }
    if (typeof record !== 'object' || record === null || Array.isArray(record)) {
      throw new Rejection('it is not a JSON object with an id and a vector');
    }
    this.#take(record as Record<string, unknown>, row);
    takeMetadata(bytes, start, end, row);
  }

  /**
   * Reads a vector alone.
   *
   * @param bytes - JSON
   * @param start - where it begins
   * @param end - where it ends
   * @param row - gets its values
   * @throws Rejection if it is none
   */
  readVector(bytes: Buffer, start: number, end: number, row: Row): void {
    const first = skipSpace(bytes, start, end);
    row.length = 0;
    const behind = this.#vector(bytes, first, end, row);
    if (behind >= 0 && skipSpace(bytes, behind, end) === end) return;
    row.length = 0;
    row.surplus = 0;
    // Quotes in CSV are written twice; nothing else of an array has any.
    const text = bytes.toString('utf8', start, end).replaceAll('""', '"');
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch {
      throw new Rejection(`the vector is ${shown(text)}, not an array of numbers`);
    }
    this.#takeData(data, 'the vector', row);
  }

  #takeData(data: unknown, name: string, row: Row): void {
    if (!Array.isArray(data)) throw new Rejection(`${name} is ${shown(data)}, not an array of numbers`);
    for (let i = 0; i < data.length; i++) row.push(valueOf(data[i], i, this.#allowNonFinite));
  }

  #take(record: Record<string, unknown>, row: Row): void {
    const dataKey = DATA_KEYS.find((key) => Object.hasOwn(record, key));
    if (dataKey === undefined) throw new Rejection(`it has no vector: none of ${DATA_KEYS.join(', ')}`);
    const idKey = ID_KEYS.find((key) => Object.hasOwn(record, key));
    if (idKey !== undefined) row.id = this.#ids.fromJson(record[idKey]);
    this.#takeData(record[dataKey], dataKey, row);
  }
}

// As it is written: numbers in it may have more digits than JavaScript's.
function ownMetadata(json: string): string | undefined {
  return metadataOf(json.startsWith('{') ? json : JSON.parse(json));
}

function takeMetadata(bytes: Buffer, start: number, end: number, row: Row): void {
  const others: Others = [];
  let own = 'null';
  for (const [key, from, to] of membersOf(bytes, start, end)) {
    const kind = KINDS.get(key) ?? OTHER;
    if (kind === METADATA) own = bytes.toString('utf8', from, to);
    else if (kind === OTHER) others.push([key, bytes.toString('utf8', from, to)]);
  }
  row.metadata = ownMetadata(own);
  if (others.length > 0) row.metadata = metadataBehind(others, row.metadata);
}

function gathered(others: Others, row: Row): boolean {
  try {
    row.metadata = metadataBehind(others, row.metadata);
    return true;
  } catch {
    return false;
  }
}
