/** Numbers of 16 bits (IEEE 754 binary16) as float32, which has them all. Threads: no state but a table. */

let halves: Int32Array | undefined;

// The float32 bits of each float16.
function halfTable(): Int32Array {
  if (halves !== undefined) return halves;
  const table = new Int32Array(65536);
  const floats = new Float32Array(table.buffer);
  for (let half = 0; half < 0x8000; half++) {
    const exponent = half >> 10;
    const mantissa = half & 0x3ff;
    if (exponent === 0) floats[half] = mantissa * 2 ** -24;
    else table[half] = ((exponent === 31 ? 255 : exponent + 112) << 23) | (mantissa << 13);
    table[half | 0x8000] = (table[half] ?? 0) | 0x80000000;
  }
  halves = table;
  return table;
}

/**
 * Makes float16 values float32.
 *
 * @param to - gets them
 * @param from - has them from its first byte on
 */
export function fromHalves(to: Float32Array, from: ArrayBufferLike): void {
  const table = halfTable();
  const values = new Uint16Array(from, 0, to.length);
  const bits = new Int32Array(to.buffer, to.byteOffset, to.length);
  for (let i = 0; i < bits.length; i++) bits[i] = table[values[i] ?? 0] ?? 0;
}
