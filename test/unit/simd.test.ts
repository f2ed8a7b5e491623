/** `simd`: results, arguments of every kind, and the level. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { JvdbError, simd } from '../../lib/index.js';
import { Directory } from '../support.js';

const ROOT = path.join(__dirname, '..', '..');
const directory = new Directory();

function sums(a: ArrayLike<number>, b: ArrayLike<number>): { ab: number; aa: number; bb: number; squared: number } {
  const out = { ab: 0, aa: 0, bb: 0, squared: 0 };
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    out.ab += x * y;
    out.aa += x * x;
    out.bb += y * y;
    out.squared += (x - y) ** 2;
  }
  return out;
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof JvdbError) return error.code;
    throw error;
  }
  return 'none';
}

function inProcess(script: string, level: string): string {
  const env = { ...process.env, JVDB_SIMD: level };
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: ROOT, env, encoding: 'utf8' });
  return stdout + stderr;
}

describe('results', () => {
  const value = fc.float({ min: -1000, max: 1000, noNaN: true });
  const pair = fc
    .integer({ min: 1, max: 300 })
    .chain((n) => fc.tuple(...[0, 1].map(() => fc.array(value, { minLength: n, maxLength: n }))));

  test('are those of float64 sums, nearly', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const [x, y] = [Float32Array.from(a!), Float32Array.from(b!)];
        const { ab, aa, bb, squared } = sums(x, y);
        const error = x.length * 2 ** -23;
        const cosine = aa * bb === 0 ? 0 : ab / Math.sqrt(aa) / Math.sqrt(bb);
        expect(Math.abs(simd.cosineSimilarity(x, y) - cosine)).toBeLessThanOrEqual(error);
        expect(Math.abs(simd.dotProduct(x, y) - ab)).toBeLessThanOrEqual(error * Math.sqrt(aa) * Math.sqrt(bb));
        const distance = Math.sqrt(squared);
        expect(Math.abs(simd.euclideanDistance(x, y) - distance)).toBeLessThanOrEqual(error * distance);
        expect(Math.abs(simd.norm(x) - Math.sqrt(aa))).toBeLessThanOrEqual(error * Math.sqrt(aa));
      }),
      { numRuns: 300 },
    );
  });

  test('arrays of numbers and arrays at an odd place in their buffer', () => {
    const buffer = new Float32Array([9, 3, 4, 0, 5]);
    const [a, b] = [buffer.subarray(1, 3), buffer.subarray(3)];
    expect(simd.cosineSimilarity(a, b)).toBeCloseTo(0.8, 6);
    expect(simd.cosineSimilarity([3, 4], b)).toBeCloseTo(0.8, 6);
    expect(simd.cosineSimilarity(a, [0, 5])).toBeCloseTo(0.8, 6);
    expect(simd.dotProduct([3, 4], [0, 5])).toBe(20);
    expect(simd.euclideanDistance([3, 4], [0, 0])).toBe(5);
    expect(simd.norm([3, 4])).toBe(5);
    expect(simd.norm(a)).toBe(5);
  });

  test('functions work without the object', () => {
    const { cosineSimilarity, norm } = simd;
    expect([cosineSimilarity([1, 0], [1, 0]), norm([2])]).toEqual([1, 2]);
  });

  test('zeros, and values that are not finite', () => {
    expect(simd.cosineSimilarity([0, 0], [1, 2])).toBe(0);
    expect(simd.dotProduct([1, 0], [0, 1])).toBe(0);
    expect(simd.cosineSimilarity([NaN, 1], [1, 2])).toBeNaN();
    for (let n = 1; n < 50; n++) {
      const a = Float32Array.from({ length: n }, (_, i) => Math.sin(n + i));
      expect(simd.cosineSimilarity(a, a)).toBe(1);
      expect(
        simd.cosineSimilarity(
          a,
          a.map((x) => -3 * x),
        ),
      ).toBeGreaterThanOrEqual(-1);
    }
    expect(simd.norm([Infinity])).toBe(Infinity);
    expect(simd.norm([NaN])).toBeNaN();
  });

  test('values whose sums leave the range of float32', () => {
    const [small, large] = [2 ** -120, 2 ** 120];
    expect(simd.cosineSimilarity([small, 0], [large, large])).toBeCloseTo(Math.SQRT1_2, 12);
    expect(simd.dotProduct([large], [large])).toBe(2 ** 240);
    expect(simd.norm([3 * small, 4 * small])).toBe(5 * small);
    expect(simd.euclideanDistance([large, 0], [-large, 0])).toBe(2 * large);
  });
});

describe('normalize', () => {
  test('makes a new array, or fills one, or works in place', () => {
    const a = new Float32Array([3, 4]);
    const made = simd.normalize(a);
    expect(made).toEqual(new Float32Array([0.6, 0.8]));
    expect(a).toEqual(new Float32Array([3, 4]));
    const out = new Float32Array(2);
    expect(simd.normalize([3, 4], out)).toBe(out);
    expect(out).toEqual(made);
    expect(simd.normalize(a, a)).toBe(a);
    expect(a).toEqual(made);
    expect(simd.normalize([0, 0])).toEqual(new Float32Array(2));
  });
});

describe('cosineSimilarities', () => {
  test('one value for each row', () => {
    const query = new Float32Array([1, 0]);
    const matrix = new Float32Array([1, 0, 0, 2, -3, 0, 0, 0]);
    const wanted = new Float32Array([1, 0, -1, 0]);
    expect(simd.cosineSimilarities(query, matrix)).toEqual(wanted);
    const out = new Float32Array(4);
    expect(simd.cosineSimilarities([1, 0], Array.from(matrix), out)).toBe(out);
    expect(out).toEqual(wanted);
    expect(simd.cosineSimilarities(query, new Float32Array(0))).toEqual(new Float32Array(0));
  });

  test('lengths that do not fit', () => {
    const message = (call: () => unknown): string => {
      expect(codeOf(call)).toBe('JVDB_DIMENSION_MISMATCH');
      try {
        call();
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(message(() => simd.cosineSimilarities([1, 2], [1, 2, 3]))).toMatch(/3 values.*2/);
    expect(message(() => simd.cosineSimilarities([1, 2], [1, 2], new Float32Array(2)))).toMatch(/2 values.*1/);
    expect(message(() => simd.normalize([1, 2], new Float32Array(3)))).toMatch(/3 values.*2/);
    expect(message(() => simd.dotProduct([1, 2], [1, 2, 3]))).toMatch(/a has 2 values, b has 3/);
    expect(message(() => simd.dotProduct(new Float32Array(2), new Float32Array(1)))).toMatch(/a has 2 values, b has 1/);
  });
});

describe('bad input', () => {
  const good = new Float32Array([1, 2]);
  const transferred = (): Float32Array => {
    const array = new Float32Array(2);
    structuredClone(array, { transfer: [array.buffer] });
    return array;
  };
  const bad: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a number', 1],
    ['a text', '[1, 2]'],
    ['an object', { length: 2 }],
    ['a Float64Array', new Float64Array(2)],
    ['an Int32Array', new Int32Array(2)],
    ['a DataView', new DataView(new ArrayBuffer(8))],
    ['an ArrayBuffer', new ArrayBuffer(8)],
    ['texts', ['1', '2']],
    ['holes', new Array(2)],
    ['no values', []],
    ['an empty array', new Float32Array(0)],
    ['a transferred array', transferred()],
    ['a proxy', new Proxy(good, {})],
  ];

  test.each(bad)('%s is no vector', (_, value) => {
    const vector = value as Float32Array;
    const calls = [
      () => simd.cosineSimilarity(vector, good),
      () => simd.cosineSimilarity(good, vector),
      () => simd.dotProduct(vector, good),
      () => simd.euclideanDistance(good, vector),
      () => simd.norm(vector),
      () => simd.normalize(vector),
      () => simd.cosineSimilarities(vector, good),
    ];
    expect(calls.map(codeOf)).toEqual(calls.map(() => 'JVDB_INVALID_VECTOR'));
  });

  test('an out that is no Float32Array', () => {
    for (const out of [[0, 0], new Float64Array(2), null, 'out', {}] as unknown as Float32Array[]) {
      expect(codeOf(() => simd.normalize(good, out))).toBe('JVDB_INVALID_VECTOR');
      expect(codeOf(() => simd.cosineSimilarities([1], good, out))).toBe('JVDB_INVALID_VECTOR');
    }
    expect(codeOf(() => simd.normalize(good, transferred()))).toBe('JVDB_DIMENSION_MISMATCH');
  });

  test('a class with a length of its own', () => {
    class Liar extends Float32Array {
      override get length(): number {
        return 2;
      }
    }
    expect(simd.normalize(new Liar([3, 4, 0]))).toEqual(new Float32Array([0.6, 0.8, 0].map(Math.fround)));
    expect(codeOf(() => simd.normalize([3, 4], new Liar(4)))).toBe('JVDB_DIMENSION_MISMATCH');
    expect(simd.cosineSimilarities(new Liar([1, 0, 0]), new Liar([1, 0, 0, 0, 1, 0]))).toEqual(
      new Float32Array([1, 0]),
    );
    expect(codeOf(() => simd.cosineSimilarities([1, 0], [1, 0, 0, 1], new Liar(3)))).toBe('JVDB_DIMENSION_MISMATCH');
  });

  test('a function of the language that was replaced', () => {
    const original: unknown = Reflect.get(Function.prototype, 'call');
    let code: string | undefined;
    try {
      Reflect.set(Function.prototype, 'call', () => 'Float32Array');
      code = codeOf(() => simd.norm(new Uint8Array(64) as unknown as Float32Array));
    } finally {
      Reflect.set(Function.prototype, 'call', original);
    }
    expect(code).toBe('JVDB_INVALID_VECTOR');
  });

  test('a shared buffer', () => {
    const shared = new Float32Array(new SharedArrayBuffer(8));
    shared.set([3, 4]);
    expect(simd.norm(shared)).toBe(5);
    expect(simd.normalize(shared, shared)).toEqual(shared);
  });

  test('a buffer that shrank', () => {
    const made: unknown = Reflect.construct(ArrayBuffer, [16, { maxByteLength: 32 }]);
    const buffer = made as ArrayBuffer & { resize(to: number): void };
    const tracking = new Float32Array(buffer).fill(2);
    const fixed = new Float32Array(buffer, 0, 4);
    expect(simd.norm(tracking)).toBe(4);
    buffer.resize(8);
    expect(simd.norm(tracking)).toBeCloseTo(Math.sqrt(8), 6);
    expect(codeOf(() => simd.norm(fixed))).toBe('JVDB_INVALID_VECTOR');
    expect(codeOf(() => simd.dotProduct(fixed, good))).toBe('JVDB_INVALID_VECTOR');
  });
});

describe('the level', () => {
  test('is the best of those that the processor has', () => {
    expect(simd.supported[0]).toBe('scalar');
    expect(simd.supported).toContain(simd.level);
    expect(Object.isFrozen(simd.supported)).toBe(true);
    const forced = process.env['JVDB_SIMD'];
    expect(simd.level).toBe(forced ?? simd.supported.at(-1));
  });

  test('JVDB_SIMD forces one, and every one gives the same to a rounding', () => {
    const script = `
      const { simd } = require('./dist');
      const a = Float32Array.from({ length: 101 }, (_, i) => Math.sin(i));
      const b = Float32Array.from({ length: 101 }, (_, i) => Math.cos(i * 1.1));
      console.log(simd.level, simd.cosineSimilarity(a, b).toFixed(5), simd.euclideanDistance(a, b).toFixed(4));`;
    const a = Float32Array.from({ length: 101 }, (_, i) => Math.sin(i));
    const b = Float32Array.from({ length: 101 }, (_, i) => Math.cos(i * 1.1));
    const { ab, aa, bb, squared } = sums(a, b);
    for (const level of simd.supported) {
      const wanted = `${level} ${(ab / Math.sqrt(aa * bb)).toFixed(5)} ${Math.sqrt(squared).toFixed(4)}\n`;
      expect(inProcess(script, level)).toBe(wanted);
    }
  });

  test('an unknown one is an error of the first call, not of loading, and leaves no file', () => {
    const file = directory.file();
    const script = `
      const { simd, MemoryMappedVectorStore } = require('./dist');
      for (const call of [() => simd.level, () => simd.norm([1]), () => simd.dotProduct([1], [1])]) {
        try { call(); } catch (error) { console.log(error.name, error.code, error.message); }
      }
      console.log(simd.supported.length > 0);
      try { new MemoryMappedVectorStore(${JSON.stringify(file)}, 2); } catch (error) { console.log(error.code); }`;
    const line = /JvdbError JVDB_INVALID_ARGUMENT JVDB_SIMD=avx9 is not a level of this build; use one of scalar.*\n/;
    expect(inProcess(script, 'avx9')).toMatch(new RegExp(`^(${line.source}){3}true\nJVDB_INVALID_ARGUMENT\n$`));
    expect(existsSync(file)).toBe(false);
  });
});
