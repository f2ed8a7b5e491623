/** Which ids the old server's file has, by their hashes: 8 bytes of memory for each. Threads: no state. */
import { Column, has } from './columns.js';
import { legacyHash, type Hash64 } from './hash.js';
import { DELETED, ENTRY_BYTES, entryAt, flagsAt } from './header.js';
import { WITHOUT_ID } from './ids.js';
import { begin } from './reads.js';
import { indexOf } from './survey.js';
import type { Source } from '../types.js';

const HASH = new RegExp(`^${WITHOUT_ID}([0-9a-f]{16})$`);

/**
 * Reads the index of a file.
 *
 * @param source - the file
 * @param idOf - gives an id by its hash, from elsewhere: then the hash alone is none any more
 * @returns a promise of whether an entry has an id, whole or damaged, unless it is marked as deleted
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it is no file of the old server, or damaged
 */
export async function presenceIn(
  source: Source,
  idOf: (hash: Hash64) => string | undefined,
): Promise<(id: string) => boolean> {
  const { header, readAt } = await begin(source);
  const hashes = new Column();
  for await (const { bytes, first, count } of indexOf(readAt, header)) {
    for (let i = 0; i < count; i++) {
      const flags = flagsAt(bytes, i * ENTRY_BYTES);
      if (flags !== undefined && flags !== DELETED) hashes.pushHash(entryAt(bytes, i * ENTRY_BYTES, first + i));
    }
  }
  const sorted = hashes.sortedHashes();
  return (id) => {
    const { high, low } = legacyHash(Buffer.from(id));
    if (has(sorted, (BigInt(high) << 32n) | BigInt(low))) return true;
    const [, digits] = HASH.exec(id) ?? [];
    if (digits === undefined || !has(sorted, BigInt(`0x${digits}`))) return false;
    return idOf({ high: parseInt(digits.slice(0, 8), 16), low: parseInt(digits.slice(8), 16) }) === undefined;
  };
}
