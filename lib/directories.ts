/** Directories, and what goes wrong with them. */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, JvdbError, type JvdbErrorCode } from './errors.js';

/** The mode of new directories. */
export const OWNER_ONLY = 0o700;

const CODES: Record<string, JvdbErrorCode> = {
  ENOENT: 'JVDB_NOT_FOUND',
  EMFILE: 'JVDB_TOO_MANY_OPEN_FILES',
  ENFILE: 'JVDB_TOO_MANY_OPEN_FILES',
  ENOSPC: 'JVDB_NO_SPACE',
  EDQUOT: 'JVDB_NO_SPACE',
};

/**
 * The code of an error of Node's.
 *
 * @param error - what was thrown
 * @returns such as ENOENT; '' where it has none
 */
export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/**
 * Runs a call of Node's own.
 *
 * @param action - what it does, for messages
 * @param call - the call
 * @returns what it returns
 * @throws JvdbError where it throws
 */
export function system<T>(action: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw systemError(action, cause);
  }
}

/**
 * The same for one that returns a promise.
 *
 * @param action - what it does, for messages
 * @param call - the call
 * @returns what it resolves to
 */
export async function systemAsync<T>(action: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw systemError(action, cause);
  }
}

/**
 * What a call of Node's own threw, as an error of ours.
 *
 * @param action - what it does, for messages
 * @param cause - what was thrown; a JvdbError stays as it is
 * @returns the error
 */
export function systemError(action: string, cause: unknown): JvdbError {
  if (cause instanceof JvdbError) return cause;
  return new JvdbError(CODES[codeOf(cause)] ?? 'JVDB_IO', `cannot ${action}: ${describe(cause)}`, { cause });
}

/**
 * Lets a file be missing.
 *
 * @param call - reads it, or looks at it
 * @returns a promise of what the call gives; undefined where there is no such file
 */
export async function unlessMissing<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/**
 * Makes the names in a directory durable. Windows keeps them in the journal of its file system, and has no
 * call for directories that Node could make.
 *
 * @param directory - the directory
 */
export function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Makes a directory for its owner only, with all above it that are missing, all of them durable.
 *
 * @param directory - the directory
 */
export function makeDirectory(directory: string): void {
  const first = mkdirSync(directory, { recursive: true, mode: OWNER_ONLY });
  if (first === undefined) return;
  for (let made = directory; ; made = path.dirname(made)) {
    syncDirectory(path.dirname(made));
    if (made === path.resolve(first) || made === path.dirname(made)) return;
  }
}

/**
 * Writes a file as a whole, in the place of one that may be there; durable when the promise is fulfilled. Only its owner
 * may read it.
 *
 * @param file - its path
 * @param text - all that is to be in it
 * @param temporary - the name that it has until then, in the same directory
 * @throws Node's error; the file is as it was then
 */
export async function replaceFile(file: string, text: string, temporary: string): Promise<void> {
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  syncDirectory(path.dirname(path.resolve(file)));
}

// EISDIR is what Windows has for exFAT and FAT32: libuv calls ERROR_INVALID_FUNCTION so.
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EISDIR'];

/**
 * Gives a file another name, which nothing may have; durable when the promise is fulfilled.
 *
 * @param from - the name that it has
 * @param to - the new one, in the same directory
 * @throws Node's error, with the code EEXIST where the name is taken
 */
export async function renameNew(from: string, to: string): Promise<void> {
  if (await linked(from, to)) await rm(from);
  else {
    await (await open(to, 'wx')).close(); // the name is taken by an empty file first
    try {
      await rename(from, to);
    } catch (thrown) {
      await rm(to, { force: true });
      throw thrown;
    }
  }
  syncDirectory(path.dirname(path.resolve(to)));
}

// A link fails where the name is taken, which no rename does; but FAT has none.
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (thrown) {
    if (NO_LINKS.includes(codeOf(thrown))) return false;
    throw thrown;
  }
}
