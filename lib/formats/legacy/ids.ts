/** The ids of the old server's entries: their texts where they can be trusted. Threads: no state. */
import { isUtf8 } from 'node:buffer';
import { TEXT_BYTES, type LegacyEntry, type LegacyHeader } from './header.js';
import { hasHash, hexOf, type Hash64 } from './hash.js';
import { readPieces, type ReadAt } from './reads.js';
import type { IdType } from '../../types.js';

const MAX_INT64 = 2n ** 63n - 1n;

/** Gives the ids of entries, in their order. */
export type IdReader = (entries: readonly LegacyEntry[]) => Promise<string[]>;

/** How the id of an entry begins that has none. */
export const WITHOUT_ID = 'hash:';

/**
 * Reads ids. The old server cut them at 63 bytes, and once a file had grown the texts were often others' or rubbish:
 * a text counts only if it has the entry's hash, wherever it lies.
 *
 * @param readAt - reads the file
 * @param header - of the file
 * @param idOf - gives an id by its hash, from elsewhere
 * @returns a function that gives the ids of entries: `hash:` and 16 digits where there is no other
 */
export function idReader(readAt: ReadAt, header: LegacyHeader, idOf: (hash: Hash64) => string | undefined): IdReader {
  const isReadable = ({ textOffset }: LegacyEntry): boolean => textOffset < header.size;
  return async (entries) => {
    const offsets = Float64Array.from(entries.filter(isReadable), (entry) => entry.textOffset);
    const texts = await readPieces(readAt, offsets, TEXT_BYTES, header.size);
    let next = 0;
    return entries.map((entry) => {
      const text = isReadable(entry) ? textAt(texts, TEXT_BYTES * next++, entry) : undefined;
      return text ?? idOf(entry) ?? WITHOUT_ID + hexOf(entry);
    });
  };
}

function textAt(texts: Buffer, at: number, hash: Hash64): string | undefined {
  let end = at;
  while (end < at + TEXT_BYTES && texts[end] !== 0) end++;
  if (end === at || !hasHash(texts, at, end, hash)) return undefined;
  const text = texts.toString('utf8', at, end);
  // The replacement character may be the id's own.
  return text.includes('\ufffd') && !isUtf8(texts.subarray(at, end)) ? undefined : text;
}

/**
 * An id as it is asked for.
 *
 * @param id - as it was found
 * @param idType - what it is to be; undefined for a text
 * @returns it; undefined where it is no such number
 */
export function asked(id: string, idType: IdType | undefined): number | bigint | string | undefined {
  if (idType !== 'int64') return id;
  if (!/^(0|[1-9]\d{0,18})$/.test(id)) return undefined;
  const number = Number(id);
  if (Number.isSafeInteger(number)) return number;
  const large = BigInt(id);
  return large <= MAX_INT64 ? large : undefined;
}
