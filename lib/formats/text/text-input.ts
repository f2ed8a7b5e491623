/** What reading texts begins with and ends on: marks of the encoding, and errors. */
import { JvdbError } from '../../errors.js';
import type { Source } from '../types.js';

/** The longest record that is read: far more than the largest vector and metadata, and JSON.parse has memory for it. */
export const MAX_RECORD_BYTES = 32 << 20;

/**
 * An error that ends the reading.
 *
 * @param source - what is read
 * @param message - what is wrong and the way out; its name is put in front
 * @returns the error
 */
export function unreadable(source: Source, message: string): JvdbError {
  return new JvdbError('JVDB_INVALID_ARGUMENT', `${source.name}: ${message}`);
}

/**
 * Pieces of UTF-8 text without the mark in front that some programs write.
 *
 * @param source - the bytes
 * @returns them
 * @throws JvdbError if it is UTF-16
 */
export async function* textOf(source: Source): AsyncIterable<Buffer> {
  const head = await source.peek(3);
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) {
    throw unreadable(source, 'the text is UTF-16; convert it to UTF-8');
  }
  let skip = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  for await (const piece of source.bytes()) {
    if (skip === 0) yield piece;
    else {
      const rest = piece.subarray(skip);
      skip -= piece.length - rest.length;
      if (rest.length > 0) yield rest;
    }
  }
}

/**
 * A record that is too long.
 *
 * @param source - what is read
 * @param line - where it begins
 * @returns the error
 */
export function tooLong(source: Source, line: number): JvdbError {
  const limit = `${MAX_RECORD_BYTES >> 20} MiB`;
  return unreadable(source, `the record at line ${line} is longer than ${limit}; is this the right format?`);
}
