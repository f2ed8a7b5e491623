/** A text that comes in pieces, and of which only a part is in memory. */
import { textOf } from './text-input.js';
import type { Source } from '../types.js';

/** A window on the text. What is before `at` is gone when there is `more`. */
export class TextWindow {
  /** The window. */
  bytes: Buffer = Buffer.alloc(0);
  /** What is next. */
  at = 0;
  /** The end of what there is. */
  end = 0;
  readonly #pieces: AsyncIterator<Buffer>;
  // Whether the window is a piece as it came.
  #isPiece = false;
  // Where the window begins in the text, up to where newlines are counted in it, and what has been counted.
  #base = 0;
  #counted = 0;
  #line = 1;
  #lineStart = 0;

  /**
   * Makes one.
   *
   * @param source - the text
   */
  constructor(source: Source) {
    this.#pieces = textOf(source)[Symbol.asyncIterator]();
  }

  /** Ends the reading. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  /**
   * Adds a piece to the window.
   *
   * @returns false at the end of the text
   */
  async more(): Promise<boolean> {
    // What gives pieces may write over the last one when it is asked for the next.
    if (this.#isPiece && this.at < this.end) this.#move(0);
    const next = await this.#pieces.next();
    if (next.done === true) return false;
    const piece = next.value;
    if (this.at === this.end) {
      this.#moveTo(piece, 0);
      this.#isPiece = true;
    } else {
      if (this.bytes.length - this.end < piece.length) this.#move(piece.length);
      piece.copy(this.bytes, this.end);
    }
    this.end += piece.length;
    return true;
  }

  // What is left goes into memory of its own, with room for more.
  #move(more: number): void {
    const rest = this.end - this.at;
    const window = Buffer.allocUnsafeSlow(Math.max(1 << 17, 2 * (rest + more)));
    this.bytes.copy(window, 0, this.at, this.end);
    this.#moveTo(window, rest);
    this.#isPiece = false;
  }

  #moveTo(window: Buffer, rest: number): void {
    this.#count(this.at);
    this.bytes = window;
    this.#base += this.at;
    this.#counted = 0;
    this.at = 0;
    this.end = rest;
  }

  /**
   * Finds a byte in what there is.
   *
   * @param byte - which
   * @param from - where to begin
   * @returns where the first is; -1 for none
   */
  indexOf(byte: number, from: number): number {
    const at = this.bytes.indexOf(byte, from);
    // Behind the end is what stood there before.
    return at < this.end ? at : -1;
  }

  #count(to: number): void {
    // No further: where lines are long, the next newline may be far away.
    const passed = this.bytes.subarray(0, to);
    for (;;) {
      const newline = passed.indexOf(10, this.#counted);
      if (newline < 0) break;
      this.#line++;
      this.#counted = newline + 1;
      this.#lineStart = this.#base + newline + 1;
    }
    this.#counted = Math.max(this.#counted, to);
  }

  /**
   * Where something is.
   *
   * @param at - in the window, not before what was asked for last
   * @returns line and column in bytes, from 1
   */
  place(at: number): { line: number; column: number } {
    this.#count(at);
    return { line: this.#line, column: this.#base + at - this.#lineStart + 1 };
  }
}
