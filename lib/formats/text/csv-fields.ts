/** Records and fields of CSV, RFC 4180: quotes around a field hold separators, newlines, and quotes as two. */
import { Rejection } from '../values.js';
import type { TextWindow } from './text-window.js';

const QUOTE = 34;

/** Finds the ends of records. */
export class CsvRecords {
  readonly #window: TextWindow;
  /** What separates fields; undefined while that isn't known. */
  separator: number | undefined;
  #passed = 0;
  #inQuotes = false;
  // Where the next ones are in the window, so that one search does for many records and fields; -1 where that isn't
  // known, infinity where there is none.
  #quote = -1;
  #newline = -1;

  /**
   * Makes one.
   *
   * @param window - the text
   */
  constructor(window: TextWindow) {
    this.#window = window;
  }

  /**
   * Looks for the end of the record that is next.
   *
   * @returns its newline; -1 where that is not in the window
   */
  end(): number {
    const { bytes, at, end } = this.#window;
    for (let from = at + this.#passed; ;) {
      if (this.#quote < from) this.#quote = this.#find(QUOTE, from);
      const quote = this.#quote;
      if (this.#inQuotes) {
        // The next byte says whether it closes, or is one of two.
        if (quote + 1 >= end) return this.#stop(Math.min(quote, end));
        this.#inQuotes = false;
        from = quote + 1;
        if (bytes[from] === QUOTE) {
          this.#inQuotes = true;
          from++;
        }
        continue;
      }
      if (this.#newline < from) this.#newline = this.#find(10, from);
      if (this.#newline < quote) return this.#newline;
      if (quote === Infinity) return this.#stop(end);
      this.#inQuotes = quote === at || this.#separates(bytes[quote - 1]);
      from = quote + 1;
    }
  }

  #stop(at: number): number {
    this.#passed = at - this.#window.at;
    this.#quote = -1;
    this.#newline = -1;
    return -1;
  }

  #find(byte: number, from: number): number {
    const at = this.#window.indexOf(byte, from);
    return at < 0 ? Infinity : at;
  }

  #separates(byte: number | undefined): boolean {
    return this.separator === undefined ? byte === 44 || byte === 59 || byte === 9 : byte === this.separator;
  }

  /** Whether the text ends within quotes. */
  get isCut(): boolean {
    const { bytes, at, end } = this.#window;
    return this.#inQuotes && !(at + this.#passed === end - 1 && bytes[end - 1] === QUOTE);
  }

  /**
   * Goes behind a record.
   *
   * @param next - where the next one begins
   */
  pass(next: number): void {
    this.#window.at = next;
    this.#passed = 0;
    this.#inQuotes = false;
  }
}

/** The fields of one record after the other. */
export class CsvFields {
  /** Where the field is, without its quotes. */
  start = 0;
  /** Where it ends. */
  end = 0;
  /** Where the next one begins; behind the end of the record after the last. */
  next = 0;
  #isEscaped = false;

  /**
   * Goes to a field.
   *
   * @param bytes - the text
   * @param at - where it begins
   * @param end - of the record
   * @param separator - between fields
   * @throws Rejection if its quotes don't end where it does
   */
  read(bytes: Buffer, at: number, end: number, separator: number): void {
    this.#isEscaped = false;
    if (at < end && bytes[at] === QUOTE) this.#readQuoted(bytes, at, end, separator);
    else {
      this.start = at;
      while (at < end && bytes[at] !== separator) at++;
      this.end = at;
      this.next = at + 1;
    }
  }

  #readQuoted(bytes: Buffer, at: number, end: number, separator: number): void {
    this.start = ++at;
    for (; at < end; at++) {
      if (bytes[at] !== QUOTE) continue;
      if (at + 1 >= end || bytes[at + 1] !== QUOTE) break;
      this.#isEscaped = true;
      at++;
    }
    this.end = at;
    this.next = at + 2;
    if (at >= end || (at + 1 < end && bytes[at + 1] !== separator)) {
      throw new Rejection('a field in quotes goes on behind them; quotes in it are written twice');
    }
  }

  /**
   * The field.
   *
   * @param bytes - the text
   * @returns its text
   */
  text(bytes: Buffer): string {
    const text = bytes.toString('utf8', this.start, this.end);
    return this.#isEscaped ? text.replaceAll('""', '"') : text;
  }
}

/**
 * All fields of a record.
 *
 * @param bytes - the text
 * @param start - of the record
 * @param end - of the record
 * @param separator - between them
 * @returns their texts
 */
export function fieldsOf(bytes: Buffer, start: number, end: number, separator: number): string[] {
  const fields: string[] = [];
  const field = new CsvFields();
  for (let at = start; at <= end; at = field.next) {
    field.read(bytes, at, end, separator);
    fields.push(field.text(bytes));
  }
  return fields;
}
