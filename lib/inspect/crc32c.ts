/** CRC32C, the checksum of every part of a file, eight bytes at a time. Threads: no state. */
const SLICES = 8;

// Row k has the checksum of a byte that k zeros follow.
const TABLES = ((): Uint32Array => {
  const out = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
    out[byte] = crc;
  }
  for (let i = 256; i < out.length; i++) {
    const before = out[i - 256] ?? 0;
    out[i] = (before >>> 8) ^ (out[before & 255] ?? 0);
  }
  return out;
})();

/**
 * The checksum of bytes.
 *
 * @param bytes - of which
 * @param before - the checksum of what comes before them; 0 where nothing does
 * @returns it, from 0 to 2^32-1
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length - (bytes.length % SLICES);
  let crc = ~before;
  for (let at = 0; at < whole; at += SLICES) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      entry(7, low) ^
      entry(6, low >>> 8) ^
      entry(5, low >>> 16) ^
      entry(4, low >>> 24) ^
      entry(3, high) ^
      entry(2, high >>> 8) ^
      entry(1, high >>> 16) ^
      entry(0, high >>> 24);
  }
  for (let at = whole; at < bytes.length; at++) crc = (crc >>> 8) ^ entry(0, crc ^ view.getUint8(at));
  return ~crc >>> 0;
}

function entry(row: number, byte: number): number {
  return TABLES[row * 256 + (byte & 255)] ?? 0;
}
