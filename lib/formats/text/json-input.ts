/** The tokens and values of a JSON text, one after the other, none but the present one in memory. */
import { isUtf8 } from 'node:buffer';
import { skipSpace, ValueEnd } from './json-values.js';
import { MAX_RECORD_BYTES, tooLong, unreadable } from './text-input.js';
import { TextWindow } from './text-window.js';
import type { JvdbError } from '../../errors.js';
import type { Source } from '../types.js';

/** A JSON text that is read from front to end. */
export class JsonInput extends TextWindow {
  readonly #source: Source;
  readonly #ends = new ValueEnd();

  /**
   * Makes one.
   *
   * @param source - the text
   */
  constructor(source: Source) {
    super(source);
    this.#source = source;
  }

  /**
   * An error at what is next.
   *
   * @param expected - what should be there
   * @returns the error
   */
  unexpected(expected: string): JvdbError {
    const { line, column } = this.place(this.at);
    if (this.at >= this.end) {
      const message = `the JSON ends at line ${line}, column ${column}, where ${expected} should be; it was cut short`;
      return unreadable(this.#source, message);
    }
    const byte = this.bytes[this.at] ?? 0;
    const found = byte > 32 && byte < 127 ? `'${String.fromCharCode(byte)}'` : `the byte 0x${byte.toString(16)}`;
    const message = `line ${line}, column ${column} has ${found} where ${expected} should be; correct it there`;
    return unreadable(this.#source, message);
  }

  /**
   * Passes over white space.
   *
   * @returns the byte that is next; -1 at the end of the text
   */
  async token(): Promise<number> {
    for (;;) {
      this.at = skipSpace(this.bytes, this.at, this.end);
      if (this.at < this.end) return this.bytes[this.at] ?? -1;
      if (!(await this.more())) return -1;
    }
  }

  /**
   * Finds the end of the value that is next; the window then has all of it.
   *
   * @returns where it ends in the window
   * @throws JvdbError if the text ends before it does, there is none, or it is too long
   */
  async value(): Promise<number> {
    return this.#pass(true);
  }

  /** Passes over the value that is next, of whatever length. */
  async skip(): Promise<void> {
    this.at = await this.#pass(false);
  }

  async #pass(keep: boolean): Promise<number> {
    await this.token();
    this.#ends.reset();
    let from = this.at;
    for (let first = true; ; first = false) {
      const end = this.#ends.find(this.bytes, from, this.end);
      if (end === this.at && first) throw this.unexpected('a value');
      if (end >= 0) return end;
      if (keep && this.end - this.at > MAX_RECORD_BYTES) throw tooLong(this.#source, this.place(this.at).line);
      if (!keep) this.at = this.end;
      const passed = this.end - this.at;
      if (!(await this.more())) {
        if (this.#ends.isScalar) return this.end;
        this.at = this.end;
        throw this.unexpected('the end of a value');
      }
      from = this.at + passed;
    }
  }

  /**
   * Takes the value that is next.
   *
   * @returns it, parsed
   * @throws JvdbError if it is none
   */
  async parsed(): Promise<unknown> {
    const end = await this.value();
    if (!isUtf8(this.bytes.subarray(this.at, end))) throw this.unexpected('UTF-8');
    try {
      const value: unknown = JSON.parse(this.bytes.toString('utf8', this.at, end));
      this.at = end;
      return value;
    } catch {
      throw this.unexpected('a JSON value');
    }
  }

  /**
   * Goes to the value of the next key of an object.
   *
   * @param opening - whether the object's opening brace is next
   * @returns the key; undefined at the end of the object, which is passed
   */
  async key(opening: boolean): Promise<string | undefined> {
    const byte = await this.token();
    if (byte !== 125 && byte !== 44 && !opening) throw this.unexpected('"," or "}"');
    this.at++;
    if (byte === 125) return undefined;
    const first = await this.token();
    if (opening && first === 125) {
      this.at++;
      return undefined;
    }
    if (first !== 34) throw this.unexpected('a key');
    const key = await this.parsed();
    if ((await this.token()) !== 58) throw this.unexpected('":"');
    this.at++;
    await this.token();
    return String(key);
  }

  /**
   * Goes to the next element of an array.
   *
   * @param opening - whether the array's opening bracket is next
   * @returns false at the end of the array, which is passed
   */
  async element(opening: boolean): Promise<boolean> {
    const byte = await this.token();
    if (byte !== 93 && byte !== 44 && !opening) throw this.unexpected('"," or "]"');
    this.at++;
    if (byte === 93) return false;
    if ((await this.token()) !== 93) return true;
    if (!opening) throw this.unexpected('a value');
    this.at++;
    return false;
  }
}
