/** Pieces of any size as a run of bytes that is read by length. */

/** Reads bytes in order, each copied once. */
export class Pieces {
  /** Bytes read so far. */
  position = 0;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;

  /**
   * Begins to read.
   *
   * @param pieces - the bytes
   */
  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#iterator = pieces[Symbol.asyncIterator]();
  }

  /**
   * Whether there are no more bytes.
   *
   * @returns whether
   */
  async atEnd(): Promise<boolean> {
    while (this.#at === this.#piece.length) {
      const next = await this.#iterator.next();
      if (next.done === true) return true;
      this.#piece = next.value;
      this.#at = 0;
    }
    return false;
  }

  /**
   * Reads.
   *
   * @param target - where to
   * @returns how many bytes: fewer than there is room for at the end only
   */
  async fill(target: Uint8Array): Promise<number> {
    return this.#advance(target.length, (done, from, to) => {
      target.set(this.#piece.subarray(from, to), done);
    });
  }

  /**
   * Passes over bytes.
   *
   * @param length - how many
   * @returns how many there were
   */
  async skip(length: number): Promise<number> {
    return this.#advance(length, () => undefined);
  }

  async #advance(length: number, take: (done: number, from: number, to: number) => void): Promise<number> {
    let done = 0;
    while (done < length && !(await this.atEnd())) {
      const end = Math.min(this.#at + length - done, this.#piece.length);
      take(done, this.#at, end);
      done += end - this.#at;
      this.#at = end;
    }
    this.position += done;
    return done;
  }

  /** Ends early: what the bytes come from can be closed. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
