/** Floats as text: exact, and never longer than need be. */
import fc from 'fast-check';
import { MAX_FLOAT_TEXT, writeFloat } from '../../../lib/formats/text/float-text.js';

const out = Buffer.alloc(MAX_FLOAT_TEXT);
const textOf = (value: number, quoted = true): string => out.toString('latin1', 0, writeFloat(out, 0, value, quoted));
const single = new Float32Array(1);
const pattern = new Uint32Array(single.buffer);
const floatOf = (bits: number): number => {
  pattern[0] = bits;
  return single[0]!;
};
const digitsOf = (text: string): number =>
  text
    .replace(/e.*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '').length;

// Whether some text of so many digits gives the value back, found in another way than the code under test does.
function canBe(value: number, digits: number): boolean {
  const [n, e] = Math.abs(value)
    .toExponential(digits - 1)
    .split('e');
  const nearest = BigInt(n!.replace('.', ''));
  return [nearest - 1n, nearest, nearest + 1n].some(
    (one) => Math.fround(Number(`${one}e${Number(e) - digits + 1}`)) === Math.abs(value),
  );
}

function check(value: number): void {
  const text = textOf(value);
  expect(text.length).toBeLessThanOrEqual(MAX_FLOAT_TEXT);
  const read: unknown = JSON.parse(text);
  if (!Object.is(Math.fround(read as number), value)) throw new Error(`${value} became ${text}`);
  const digits = digitsOf(text);
  if (digits > 1 && canBe(value, digits - 1)) throw new Error(`${text} is longer than need be`);
}

test('any bits come back, with the fewest digits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
      const value = floatOf(bits);
      if (Number.isFinite(value)) check(value);
    }),
    { numRuns: 20000 },
  );
});

test('every exponent: the ends of each, and what lies next to them', () => {
  for (let exponent = 0; exponent < 255; exponent++) {
    for (const mantissa of [0, 1, 2, 3, 0x2aaaaa, 0x3fffff, 0x400000, 0x7ffffe, 0x7fffff]) {
      check(floatOf((exponent << 23) | mantissa));
      check(floatOf(((exponent << 23) | mantissa | 0x80000000) >>> 0));
    }
  }
});

test('decimals of up to seven digits come back as they were', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999999 }), fc.integer({ min: -12, max: 5 }), (n, e) => {
      const value = Number(`${n}e${e}`);
      expect(textOf(Math.fround(value))).toBe(String(value));
    }),
    { numRuns: 3000 },
  );
});

test('zeros, integers, infinities', () => {
  const values = [0, -0, 7, -120, 16777216, 33554432, 1e20, NaN, Infinity, -Infinity];
  expect(values.map((value) => textOf(value))).toEqual(
    ['0', '-0', '7', '-120', '16777216', '33554432', '100000000000000000000'].concat([
      '"NaN"',
      '"Infinity"',
      '"-Infinity"',
    ]),
  );
  expect([NaN, Infinity, -Infinity].map((value) => textOf(value, false))).toEqual(['NaN', 'Infinity', '-Infinity']);
});
