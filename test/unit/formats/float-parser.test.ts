/** Numbers in text: as Math.fround(Number(text)) has them. */
import fc from 'fast-check';
import { FloatParser } from '../../../lib/formats/text/float-parser.js';

const parser = new FloatParser();

// What is behind the end is no part of the number, whatever stands there.
function parse(text: string): number | undefined {
  const value = parser.parse(Buffer.from(`[${text}99]`), 1, 1 + text.length);
  return parser.found && parser.at === 1 + text.length ? value : undefined;
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'number' && text.trim() === text;
  } catch {
    return false;
  }
}

const digits = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: fc.nat(9).map(String), maxLength });
const exponent = fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), digits(3));
const number = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    digits(25),
    fc.option(digits(40), { nil: undefined }),
    fc.option(exponent, { nil: undefined }),
  )
  .map(
    ([sign, whole, fraction, e]) => sign + whole + (fraction === undefined ? '' : `.${fraction}`) + (e ?? []).join(''),
  );

test('whatever is written, the value is the same float; JSON is told apart', () => {
  fc.assert(
    fc.property(number, (text) => {
      const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);
      expect(parse(text)).toEqual(isNumber ? Math.fround(Number(text)) : undefined);
      if (isNumber) expect(parser.isJson).toBe(isJson(text));
    }),
    { numRuns: 20000 },
  );
});

test('doubles in full, and those halfway between two floats', () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), float, fc.nat(2), (double, single, tail) => {
      // Half a step above the float, exactly, and a little more or less.
      const half = single * (1 + 2 ** -24);
      for (const text of [String(double), double.toExponential(20), `${half.toPrecision(30)}${tail}`]) {
        expect(parse(text)).toBe(Math.fround(Number(text)));
      }
    }),
    { numRuns: 5000 },
  );
});

test('what is no number stops where it stops being one', () => {
  for (const text of ['', '-', '.', '-.', '1e', '1e+', 'x', '--1', 'e5']) expect(parse(text)).toBeUndefined();
  parser.parse(Buffer.from('1.5.2'), 0, 5);
  expect([parser.found, parser.at]).toEqual([true, 3]);
});
