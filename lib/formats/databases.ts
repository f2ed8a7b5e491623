/** Files that are databases, which nothing else is written over. Threads: no state. */
import { closeSync, openSync, readSync } from 'node:fs';
import { isLegacy } from './legacy/header.js';

// Of both kinds.
const MAGIC = 0x4a564442;
const HEAD = 4096;

/**
 * What database a file is.
 *
 * @param path - of a file
 * @returns how messages call it; undefined where it is none
 * @throws Node's error where it can't be read
 */
export function databaseIn(path: string): string | undefined {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(HEAD);
    const bytes = head.subarray(0, readSync(file, head, 0, HEAD, 0));
    if (bytes.length < 4 || bytes.readUInt32LE(0) !== MAGIC) return undefined;
    return isLegacy(bytes) ? 'a database of the old server' : 'a database, or a backup of one';
  } finally {
    closeSync(file);
  }
}
