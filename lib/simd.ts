/**
 * The arithmetic of vectors for arrays that are not stored. What arguments are is found out here,
 * where it costs nothing, not in the addon, where it would cost a third of the call; the addon answers undefined
 * to lengths that it doesn't take, and only then is it looked at why.
 */
import { dimensionMismatch, invalidVector, isFloat32Array, lengthOf, shown, toFloats } from './arguments.js';
import type { JvdbError } from './errors.js';
import { guard, native, type Compare } from './native.js';
import type { Simd, VectorInput } from './types.js';

let levels: readonly string[] | undefined;

function level(): string {
  return guard(() => native.simdLevel());
}

function nonEmpty(vector: VectorInput, what: string): Float32Array {
  const floats = toFloats(vector, what);
  if (lengthOf(floats) === 0) throw invalidVector(`${what} has no values (was its buffer transferred?)`);
  return floats;
}

// Converts, or finds what is wrong.
function again(compare: Compare, a: VectorInput, b: VectorInput): number {
  const x = nonEmpty(a, 'a');
  const y = nonEmpty(b, 'b');
  const result = compare(x, y);
  if (result === undefined) throw refused(dimensionMismatch(`a has ${lengthOf(x)} values, b has ${lengthOf(y)}`));
  return result;
}

function outOf(out: Float32Array | undefined, length: number): Float32Array {
  if (out === undefined) return new Float32Array(length);
  if (!isFloat32Array(out)) throw invalidVector(`out must be a Float32Array, not ${shown(out)}`);
  const found = lengthOf(out);
  if (found !== length) throw dimensionMismatch(`out has ${found} values, it must have ${length}`);
  return out;
}

// Why the addon took nothing: for want of a level, which throws here, or for what is wrong.
function refused(wrong: JvdbError): JvdbError {
  level();
  return wrong;
}

// A SharedArrayBuffer can grow at any moment.
function changed(): JvdbError {
  return refused(invalidVector('an array became longer or shorter during the call'));
}

function normalize(a: VectorInput, out?: Float32Array): Float32Array {
  const vector = nonEmpty(a, 'the vector');
  const result = outOf(out, lengthOf(vector));
  if (native.normalize(vector, result) === undefined) throw changed();
  return result;
}

function cosineSimilarities(query: VectorInput, matrix: VectorInput, out?: Float32Array): Float32Array {
  const vector = nonEmpty(query, 'the query');
  const rows = toFloats(matrix, 'the matrix');
  const [values, length] = [lengthOf(rows), lengthOf(vector)];
  if (values % length !== 0) {
    throw dimensionMismatch(`the matrix has ${values} values, no multiple of the query's ${length}`);
  }
  const result = outOf(out, values / length);
  if (native.cosineSimilarities(vector, rows, result) === undefined) throw changed();
  return result;
}

/** The arithmetic of vectors at the speed of this processor: see `Simd`. */
export const simd: Simd = Object.freeze<Simd>({
  get level() {
    return level();
  },
  get supported() {
    return (levels ??= Object.freeze(guard(() => native.simdLevels())));
  },
  // Written out three times: a function that makes them would not be inlined.
  cosineSimilarity(a, b) {
    const found = isFloat32Array(a) && isFloat32Array(b) ? native.cosineSimilarity(a, b) : undefined;
    return found ?? again(native.cosineSimilarity, a, b);
  },
  dotProduct(a, b) {
    const found = isFloat32Array(a) && isFloat32Array(b) ? native.dotProduct(a, b) : undefined;
    return found ?? again(native.dotProduct, a, b);
  },
  euclideanDistance(a, b) {
    const found = isFloat32Array(a) && isFloat32Array(b) ? native.euclideanDistance(a, b) : undefined;
    return found ?? again(native.euclideanDistance, a, b);
  },
  norm(a) {
    const found = isFloat32Array(a) ? native.norm(a) : undefined;
    const result = found ?? native.norm(nonEmpty(a, 'the vector'));
    if (result === undefined) throw changed();
    return result;
  },
  normalize,
  cosineSimilarities,
});
