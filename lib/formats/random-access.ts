/**
 * Bytes from anywhere, for formats that are read from their end: what comes from a pipe or was zipped is kept in a
 * file without a name first. Threads: one call at a time.
 */
import { Spill } from './spill.js';
import type { Source } from './types.js';

/** A source that can be read at any place. */
export interface RandomAccess extends AsyncDisposable {
  /** For messages. */
  readonly name: string;
  /** How many bytes there are. */
  readonly size: number;
  /**
   * Reads.
   *
   * @param position - of the first byte
   * @param length - how many
   * @returns so many, fewer at the end
   */
  readAt(position: number, length: number): Promise<Buffer>;
}

/**
 * Makes a source one that can be read at any place.
 *
 * @param source - what to read
 * @returns it; dispose of it
 */
export async function randomAccess(source: Source): Promise<RandomAccess> {
  const { name, size, readAt } = source;
  if (readAt !== undefined && size !== undefined) {
    return { name, size, readAt, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const kept = new Spill();
  try {
    for await (const piece of source.bytes()) await kept.add(piece);
  } catch (thrown) {
    await kept.close();
    throw thrown;
  }
  return {
    name,
    size: kept.size,
    readAt: (position, length) => kept.readAt(position, length),
    [Symbol.asyncDispose]: () => kept.close(),
  };
}
