/** Many short reads from anywhere in a file, as few long ones. Threads: no state. */
import { invalid } from '../../arguments.js';
import { HEADER_BYTES, readHeader, type LegacyHeader } from './header.js';
import type { Source } from '../types.js';

/** Bytes from anywhere. */
export type ReadAt = NonNullable<Source['readAt']>;

/** To read past so many bytes costs less than to read anew. */
const GAP = 32 * 1024;
const RUN_BYTES = 1 << 20;
/** Reads under way at once, one for each of Node's threads. */
const AT_ONCE = 4;

/**
 * Reads bytes, all of them.
 *
 * @param source - the file
 * @returns a function that does
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` for a pipe, and where the file has become shorter
 */
function exactly(source: Source): ReadAt {
  const readAt = source.readAt?.bind(source);
  if (readAt === undefined) {
    throw invalid(`${source.name} must be a file on disk, not a pipe and not zipped: unzip it, and give its path`);
  }
  return async (position, length) => {
    const bytes = await readAt(position, length);
    if (bytes.length >= length) return bytes;
    const got = `${bytes.length} of ${length} bytes at ${position}`;
    throw invalid(`${source.name} became shorter while it was read: ${got}; stop what writes to it, and try again`);
  };
}

/**
 * Begins to read a file of the old server.
 *
 * @param source - the file
 * @returns a promise of its header, and of what reads the rest
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it is none, or damaged, or not a file on disk
 */
export async function begin(source: Source): Promise<{ header: LegacyHeader; readAt: ReadAt }> {
  const readAt = exactly(source);
  const { size = 0, name } = source;
  return { header: readHeader(await readAt(0, Math.min(HEADER_BYTES, size)), size, name), readAt };
}

/**
 * Reads pieces of one length.
 *
 * @param readAt - reads all that is asked for
 * @param offsets - where each piece is, inside the file
 * @param length - bytes of each
 * @param size - bytes of the file: what reaches beyond is left as zeros
 * @returns the pieces, one after the other, in memory of their own
 */
export async function readPieces(
  readAt: ReadAt,
  offsets: Float64Array,
  length: number,
  size: number,
): Promise<Buffer<ArrayBuffer>> {
  const pieces = Buffer.from(new ArrayBuffer(offsets.length * length));
  const order = sortedOrder(offsets);
  const at = (i: number): number => offsets[order[i] ?? 0] ?? 0;
  const read = async (first: number, end: number): Promise<void> => {
    const start = at(first);
    const bytes = await readAt(start, Math.min(at(end - 1) + length, size) - start);
    for (let i = first; i < end; i++) {
      const from = at(i) - start;
      bytes.copy(pieces, (order[i] ?? 0) * length, from, from + length);
    }
  };
  const underWay: Promise<void>[] = [];
  try {
    for (let first = 0, end = 0; first < order.length; first = end) {
      for (end = first + 1; end < order.length; end++) {
        if (at(end) - at(end - 1) - length > GAP || at(end) + length - at(first) > RUN_BYTES) break;
      }
      underWay.push(read(first, end));
      if (underWay.length >= AT_ONCE) await Promise.all(underWay.splice(0));
    }
  } finally {
    // None is left alone to fail where nobody listens.
    await Promise.allSettled(underWay);
  }
  await Promise.all(underWay);
  return pieces;
}

function sortedOrder(offsets: Float64Array): Uint32Array {
  const order = new Uint32Array(offsets.length);
  let isSorted = true;
  for (let i = 0; i < order.length; i++) {
    order[i] = i;
    if (i > 0 && (offsets[i] ?? 0) < (offsets[i - 1] ?? 0)) isSorted = false;
  }
  return isSorted ? order : order.sort((a, b) => (offsets[a] ?? 0) - (offsets[b] ?? 0));
}
