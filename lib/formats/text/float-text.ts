/** The shortest decimal text of float32 values: the fewest digits that, read as a number and rounded, give them back. */

/** Bytes that the text of a value takes at most. */
export const MAX_FLOAT_TEXT = 26;

// All that are exact, so that n / 10^k and n × 10^k are rounded once, as the reading of the text is.
const EXACT_POWERS = Float64Array.from({ length: 23 }, (_, k) => 10 ** k);
const POWERS = Float64Array.from({ length: 90 }, (_, i) => Number(`1e${i - 46}`));
// By the biased exponent: the decimal exponent of 2^(b - 127), which is that of the value or one below.
const DECIMAL_EXPONENTS = Int8Array.from({ length: 255 }, (_, b) => Math.floor((b - 127) * Math.LOG10E * Math.LN2));

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

// The integer nearest to value × 10^k; it is below 2^31.
function scaled(value: number, k: number): number {
  const product = k < 0 ? value / (EXACT_POWERS[-k] ?? 1) : value * (EXACT_POWERS[k] ?? 1);
  return (product + 0.5) | 0;
}

function isTextOf(value: number, n: number, k: number): boolean {
  return Math.fround(k < 0 ? n * (EXACT_POWERS[-k] ?? 1) : n / (EXACT_POWERS[k] ?? 1)) === value;
}

// For any positive finite value: each number of digits, and the neighbours too. At a power of two the float below is
// half as far as the one above, and the nearest text of some length may be too far down where the next one up is not.
function searched(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const [n = '', e = ''] = value.toExponential(digits - 1).split('e');
    const nearest = Number(n.replace('.', ''));
    for (const one of [nearest, nearest + 1, nearest - 1]) {
      const number = Number(`${one}e${Number(e) - digits + 1}`);
      if (Math.fround(number) === value) return String(number);
    }
  }
  return String(Number(value.toPrecision(9)));
}

function writeAscii(out: Buffer, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}

// So many digits of n, with zeros in front.
function writeDigits(out: Buffer, at: number, n: number, count: number): number {
  for (let i = at + count - 1; i >= at; i--) {
    const rest = (n / 10) | 0;
    out[i] = 48 + n - rest * 10;
    n = rest;
  }
  return at + count;
}

function countDigits(n: number): number {
  if (n < 1e5) return n < 100 ? (n < 10 ? 1 : 2) : n < 1000 ? 3 : n < 1e4 ? 4 : 5;
  return n < 1e7 ? (n < 1e6 ? 6 : 7) : n < 1e8 ? 8 : n < 1e9 ? 9 : 10;
}

// n / 10^k, as JavaScript would write it.
function writeDecimal(out: Buffer, at: number, n: number, k: number): number {
  const count = countDigits(n);
  const exponent = count - 1 - k;
  if (exponent < -6 || exponent > 20) return writeAscii(out, at, String(Number(`${n}e${-k}`)));
  if (k <= 0) {
    at = writeDigits(out, at, n, count);
    for (let i = k; i < 0; i++) out[at++] = 48;
    return at;
  }
  if (k < count) {
    const power = EXACT_POWERS[k] ?? 1;
    const whole = (n / power) | 0;
    at = writeDigits(out, at, whole, count - k);
    out[at++] = 46;
    return writeDigits(out, at, n - whole * power, k);
  }
  out[at++] = 48;
  out[at++] = 46;
  for (let i = count; i < k; i++) out[at++] = 48;
  return writeDigits(out, at, n, count);
}

function writeShortest(out: Buffer, at: number, value: number): number {
  single[0] = value;
  const pattern = bits[0] ?? 0;
  let exponent = DECIMAL_EXPONENTS[pattern >>> 23] ?? 0;
  if (value >= (POWERS[exponent + 47] ?? Infinity)) exponent++;
  // Beyond, powers of ten are not exact.
  if (exponent < -14 || exponent > 27) return writeAscii(out, at, searched(value));
  let k = 7 - exponent;
  let n = scaled(value, k);
  if (isTextOf(value, n, k)) {
    const seven = scaled(value, k - 1);
    if (isTextOf(value, seven, k - 1)) {
      n = seven;
      k--;
      let six = scaled(value, k - 1);
      if (isTextOf(value, six, k - 1)) {
        // No two texts of six digits are the same float: shorter ones are this one with zeros.
        for (k--; six % 10 === 0; k--) six = (six / 10) | 0;
        return writeDecimal(out, at, six, k);
      }
    }
  } else {
    n = scaled(value, ++k);
    if (!isTextOf(value, n, k)) return writeAscii(out, at, searched(value));
  }
  if ((pattern & 0x7fffff) === 0) return writeAscii(out, at, searched(value));
  return writeDecimal(out, at, n, k);
}

/**
 * Writes a value.
 *
 * @param out - has room for `MAX_FLOAT_TEXT` bytes
 * @param at - where
 * @param value - a float32
 * @param quoted - in JSON, what is not finite is a string
 * @returns where the text ends
 */
export function writeFloat(out: Buffer, at: number, value: number, quoted: boolean): number {
  if (value < 0) {
    if (value === -Infinity) return writeAscii(out, at, quoted ? '"-Infinity"' : '-Infinity');
    out[at++] = 45;
    value = -value;
  } else if (value === 0) {
    if (Object.is(value, -0)) out[at++] = 45;
    out[at++] = 48;
    return at;
  }
  if (value <= 0x1000000 && value === (value | 0)) return writeDigits(out, at, value, countDigits(value));
  if (value < Infinity) return writeShortest(out, at, value);
  const name = value === Infinity ? 'Infinity' : 'NaN';
  return writeAscii(out, at, quoted ? `"${name}"` : name);
}
