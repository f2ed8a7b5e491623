/** Tells JSON Lines and JSON documents by how they begin. */
import { DATA_KEYS, ID_KEYS } from '../values.js';
import { skipSpace, ValueEnd } from './json-values.js';

const PEEKED = 65536;
const RECORD_KEYS: readonly string[] = [...DATA_KEYS, ...ID_KEYS];
const DOCUMENT_KEYS = ['databases', 'vectors'];

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Adds the keys of an object, as far as the bytes go; false where it is no JSON.
function addKeys(keys: Set<string>, head: Buffer, at: number): boolean {
  const ends = new ValueEnd();
  do {
    at = skipSpace(head, at + 1, head.length);
    if (at >= head.length || (head[at] === 125 && keys.size === 0)) return true;
    ends.reset();
    const quote = head[at] === 34 ? ends.find(head, at, head.length) : at;
    if (quote < 0) return true;
    const key = parsed(head.toString('utf8', at, quote));
    if (typeof key !== 'string') return false;
    at = skipSpace(head, quote, head.length);
    if (at >= head.length) return true;
    if (head[at] !== 58) return false;
    keys.add(key);
    at = skipSpace(head, at + 1, head.length);
    ends.reset();
    at = ends.find(head, at, head.length);
    if (at < 0) return true;
    at = skipSpace(head, at, head.length);
  } while (at < head.length && head[at] === 44);
  return at >= head.length || head[at] === 125;
}

function textStart(head: Buffer): number {
  const mark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  return skipSpace(head, mark ? 3 : 0, head.length);
}

/**
 * Whether the first line is a record.
 *
 * @param head - the first 64 KiB, or all where there are fewer
 * @returns undefined where that can't be told
 */
export function isJsonLine(head: Buffer): boolean | undefined {
  const start = textStart(head);
  if (start === head.length) return undefined;
  if (head[start] !== 123) return false;
  const newline = head.indexOf(10, start);
  if (newline >= 0 || head.length < PEEKED) {
    const line = parsed(head.toString('utf8', start, newline < 0 ? head.length : newline));
    if (typeof line !== 'object' || line === null) return false;
  }
  const keys = new Set<string>();
  const isWhole = addKeys(keys, newline < 0 ? head : head.subarray(0, newline), start);
  if (!isWhole || DOCUMENT_KEYS.some((key) => keys.has(key))) return false;
  if (RECORD_KEYS.some((key) => keys.has(key))) return true;
  return newline < 0 && head.length >= PEEKED ? undefined : false;
}

/**
 * Whether it is a document of databases, or an array of records.
 *
 * @param head - the first 64 KiB, or all where there are fewer
 * @returns undefined where that can't be told
 */
export function isJsonDocument(head: Buffer): boolean | undefined {
  const start = textStart(head);
  if (start === head.length) return undefined;
  if (head[start] === 91) {
    const next = head[skipSpace(head, start + 1, head.length)];
    return next === 123 || (next === 93 && head.length < PEEKED);
  }
  if (head[start] !== 123 || isJsonLine(head) === true) return false;
  const keys = new Set<string>();
  const isWhole = addKeys(keys, head, start);
  // It may be damaged behind them: reading it says where.
  if (DOCUMENT_KEYS.some((key) => keys.has(key))) return true;
  return !isWhole || head.length < PEEKED ? false : undefined;
}
