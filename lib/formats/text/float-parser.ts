/** Decimal numbers in text, read as float32 values. */

const EXACT_POWERS = Float64Array.from({ length: 23 }, (_, k) => 10 ** k);
// One digit more still fits into 53 bits.
const ROOM = 9e14;

// n × 10^e, rounded once.
function scaled(n: number, e: number): number {
  return e < 0 ? n / (EXACT_POWERS[-e] ?? 1) : n * (EXACT_POWERS[e] ?? 1);
}

/** Reads numbers from bytes; one for many. */
export class FloatParser {
  /** Behind the number, or where it stops being one. */
  at = 0;
  /** Whether there was one. */
  found = false;
  /** Whether it was written as JSON has it: no sign in front but -, no zeros, a digit on either side of the point. */
  isJson = false;

  /**
   * Reads a number.
   *
   * @param bytes - text
   * @param at - where it begins
   * @param end - of what may be read
   * @returns the float32 nearest to the float64 nearest to it, as `Math.fround(Number(text))`; see `found`
   */
  parse(bytes: Buffer, at: number, end: number): number {
    const start = at;
    let byte = bytes[at] ?? 0;
    if (byte === 45) byte = bytes[++at] ?? 0;
    // Integers, which are fast; what has more digits, an exponent or anything unusual is for `#any`.
    let n = 0;
    const whole = at;
    for (; byte >= 48 && byte <= 57 && n < 1e8; byte = bytes[++at] ?? 0) n = (n * 10 + byte - 48) | 0;
    let plain = at - whole === 1 || (at > whole && bytes[whole] !== 48);
    let fraction = 0;
    if (byte === 46) {
      const point = at;
      byte = bytes[++at] ?? 0;
      for (; byte >= 48 && byte <= 57 && n < 1e8; byte = bytes[++at] ?? 0) n = (n * 10 + byte - 48) | 0;
      fraction = at - point - 1;
      plain &&= fraction > 0 && fraction <= 22;
    }
    // What stands behind the end has been read too, if it looks like a part of the number.
    const isWhole = (byte < 48 || byte > 57) && byte !== 101 && byte !== 69;
    if (!plain || !isWhole || at > end) return this.#any(bytes, start, end);
    this.at = at;
    this.found = this.isJson = true;
    const value = Math.fround(n / (EXACT_POWERS[fraction] ?? 1));
    return bytes[start] === 45 ? -value : value;
  }

  #any(bytes: Buffer, at: number, end: number): number {
    const start = at;
    let byte = at < end ? (bytes[at] ?? 0) : 0;
    const negative = byte === 45;
    let json = byte !== 43;
    if (negative || byte === 43) byte = ++at < end ? (bytes[at] ?? 0) : 0;
    let n = 0;
    let exponent = 0;
    let exact = true;
    const whole = at;
    while (byte >= 48 && byte <= 57) {
      if (n < ROOM) n = n * 10 + byte - 48;
      else {
        exponent++;
        exact = false;
      }
      byte = ++at < end ? (bytes[at] ?? 0) : 0;
    }
    let digits = at - whole;
    json &&= digits === 1 || (digits > 1 && bytes[whole] !== 48);
    if (byte === 46) {
      const point = at;
      byte = ++at < end ? (bytes[at] ?? 0) : 0;
      while (byte >= 48 && byte <= 57) {
        if (n < ROOM) {
          n = n * 10 + byte - 48;
          exponent--;
        } else exact = false;
        byte = ++at < end ? (bytes[at] ?? 0) : 0;
      }
      const fraction = at - point - 1;
      json &&= fraction > 0;
      digits += fraction;
    }
    this.found = digits > 0;
    if (this.found && (byte === 101 || byte === 69)) exponent += this.#exponent(bytes, at + 1, end);
    else this.at = at;
    this.isJson = json && this.found;
    if (!this.found) return NaN;
    if (n === 0) return negative ? -0 : 0;
    if (exponent >= -22 && exponent <= 22) {
      const value = Math.fround(scaled(n, exponent));
      // Digits that were left out lie between these two: where both are the same float, so is the number.
      if (exact || value === Math.fround(scaled(n + 1, exponent))) return negative ? -value : value;
    }
    return Math.fround(Number(bytes.toString('latin1', start, this.at)));
  }

  #exponent(bytes: Buffer, at: number, end: number): number {
    let byte = at < end ? (bytes[at] ?? 0) : 0;
    const negative = byte === 45;
    if (negative || byte === 43) byte = ++at < end ? (bytes[at] ?? 0) : 0;
    const first = at;
    let exponent = 0;
    while (byte >= 48 && byte <= 57) {
      exponent = exponent * 10 + byte - 48;
      byte = ++at < end ? (bytes[at] ?? 0) : 0;
    }
    this.at = at;
    if (at === first) this.found = false;
    return negative ? -exponent : exponent;
  }
}
