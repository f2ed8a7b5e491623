/** Text on its way out, in pieces. */
import { MAX_FLOAT_TEXT, writeFloat } from './float-text.js';
import type { OutTable } from '../types.js';

const PIECE_BYTES = 1 << 20;

/** Gathers text in pieces of about a MiB. */
export class TextOutput {
  #piece = Buffer.allocUnsafe(PIECE_BYTES);
  #at = 0;
  #full: Buffer[] = [];

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#piece.length) return;
    if (this.#at > 0) this.#full.push(this.#piece.subarray(0, this.#at));
    this.#piece = Buffer.allocUnsafe(Math.max(PIECE_BYTES, bytes));
    this.#at = 0;
  }

  /**
   * Adds a text.
   *
   * @param text - is written as UTF-8
   */
  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#at += this.#piece.write(text, this.#at);
  }

  /**
   * Adds values with commas between them.
   *
   * @param values - of one vector or many
   * @param from - the first
   * @param to - behind the last
   * @param quoted - whether they are JSON, where infinities are strings
   */
  floats(values: Float32Array, from: number, to: number, quoted: boolean): void {
    let piece = this.#piece;
    let at = this.#at;
    for (let i = from; i < to; i++) {
      if (at + MAX_FLOAT_TEXT >= piece.length) {
        this.#at = at;
        this.#reserve(MAX_FLOAT_TEXT + 1);
        piece = this.#piece;
        at = this.#at;
      }
      if (i > from) piece[at++] = 44;
      at = writeFloat(piece, at, values[i] ?? 0, quoted);
    }
    this.#at = at;
  }

  /**
   * The pieces that are full.
   *
   * @param all - the last one too
   * @returns them, once
   */
  take(all = false): Buffer[] {
    if (all && this.#at > 0) {
      this.#full.push(this.#piece.subarray(0, this.#at));
      this.#piece = this.#piece.subarray(this.#at);
      this.#at = 0;
    }
    const full = this.#full;
    this.#full = [];
    return full;
  }
}

/**
 * An id as JSON: integers that JSON numbers don't hold are strings of digits.
 *
 * @param id - of a row
 * @returns its text
 */
export function idText(id: number | bigint | string | undefined): string {
  if (typeof id === 'number') return String(id);
  return typeof id === 'bigint' && id <= Number.MAX_SAFE_INTEGER ? String(id) : JSON.stringify(String(id));
}

/**
 * JSON in one line. Newlines that stand in it as such are white space between its parts.
 *
 * @param json - valid
 * @returns the same object
 */
export function inOneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]/g, ' ') : json;
}

/**
 * Writes records as JSON objects.
 *
 * @param table - whose rows
 * @param output - what they are written to
 * @param between - what is written between two of them
 * @param none - what is written for no metadata
 * @returns the pieces that are full
 */
export async function* jsonRecords(
  table: OutTable,
  output: TextOutput,
  between: string,
  none: string,
): AsyncIterable<Buffer> {
  let first = true;
  for await (const { count, ids, vectors, metadata } of table.rows()) {
    for (let i = 0; i < count; i++) {
      output.text(`${first ? '' : between}{"id":${idText(ids?.[i])},"data":[`);
      output.floats(vectors, i * table.dimension, (i + 1) * table.dimension, true);
      const json = metadata?.[i];
      output.text(json === undefined ? `]${none}}` : `],"metadata":${inOneLine(json)}}`);
      first = false;
    }
    yield* output.take();
  }
}
