/** Where JSON values end, in bytes: what finds records in a text without parsing it. */

/** Passes over a value, in as many steps as the text comes in. It is for `JSON.parse` to say whether it is one. */
export class ValueEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #scalar = false;

  /** Before each value. */
  reset(): void {
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#scalar = false;
  }

  /**
   * Goes on.
   *
   * @param bytes - the text
   * @param at - where to go on
   * @param end - of what there is
   * @returns the end of the value; -1 where it is not in these bytes
   */
  find(bytes: Buffer, at: number, end: number): number {
    while (at < end) {
      if (this.#inString) {
        at = this.#stringEnd(bytes, at, end);
        if (at < 0 || this.#depth === 0) return at;
        continue;
      }
      const byte = bytes[at] ?? 0;
      // , : ] } and white space end a number or word; none of them begins a value.
      const ends = byte === 44 || byte === 93 || byte === 125 || byte <= 32;
      if (this.#depth === 0 && ends) return at;
      at++;
      if (byte === 34) {
        if (this.#scalar) return at - 1;
        this.#inString = true;
      } else if (byte === 123 || byte === 91) {
        if (this.#scalar) return at - 1;
        this.#depth++;
      } else if (byte === 125 || byte === 93) {
        if (--this.#depth === 0) return at;
      } else if (this.#depth === 0) this.#scalar = true;
    }
    return -1;
  }

  #stringEnd(bytes: Buffer, at: number, end: number): number {
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (this.#escaped) this.#escaped = false;
      else if (byte === 92) this.#escaped = true;
      else if (byte === 34) {
        this.#inString = false;
        return at + 1;
      }
    }
    return -1;
  }

  /** Whether a number or word is what has been passed so far: the end of the text is its end. */
  get isScalar(): boolean {
    return this.#scalar;
  }
}

/**
 * Passes over white space.
 *
 * @param bytes - JSON
 * @param at - where
 * @param end - of what may be read
 * @returns the first byte that is none, or the end
 */
export function skipSpace(bytes: Buffer, at: number, end: number): number {
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) break;
  }
  return at;
}

/**
 * The end of a string, of printable ASCII and without escapes.
 *
 * @param bytes - JSON
 * @param at - its opening quote
 * @param end - of what may be read
 * @returns its closing quote; -1 for any other string
 */
export function plainStringEnd(bytes: Buffer, at: number, end: number): number {
  for (at++; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 34) return at;
    if (byte === 92 || byte < 32 || byte > 126) return -1;
  }
  return -1;
}

/**
 * The members of an object.
 *
 * @param bytes - JSON that `JSON.parse` takes
 * @param at - its opening brace
 * @param end - of what may be read
 * @yields {[string, number, number]} each key, and where its value begins and ends
 */
export function* membersOf(bytes: Buffer, at: number, end: number): Generator<[string, number, number]> {
  const ends = new ValueEnd();
  const behind = (from: number): number => {
    ends.reset();
    return ends.find(bytes, from, end);
  };
  do {
    at = skipSpace(bytes, at + 1, end);
    if (bytes[at] === 125) return;
    const quote = behind(at);
    const key = JSON.parse(bytes.toString('utf8', at, quote)) as string;
    const start = skipSpace(bytes, skipSpace(bytes, quote, end) + 1, end);
    at = behind(start);
    yield [key, start, at];
    at = skipSpace(bytes, at, end);
  } while (bytes[at] === 44);
}
