/** The files of databases, also of those that can't be opened. Threads: one. */
import { existsSync, statSync } from 'node:fs';
import { JvdbError } from '../errors.js';
import { DatabaseFiles } from '../persistence/database-files.js';
import { checkName, noDatabase } from '../persistence/names.js';
import type { JobOptions } from '../upkeep-types.js';
import type { Context } from './context.js';

/** A database's file. */
export interface NamedFile {
  name: string;
  path: string;
}

/**
 * The files of one database or of all.
 *
 * @param run - the context
 * @param name - of the database; undefined for all
 * @returns them, by name
 * @throws JvdbError `JVDB_NOT_FOUND` where there is no such database, or no storage
 */
export function filesOf(run: Context, name?: string): NamedFile[] {
  run.databases().close(); // says it where there is no such directory
  const files = new DatabaseFiles(run.storage, 'flat');
  if (name === undefined) return files.list().map(([one, path]) => ({ name: one, path }));
  checkName(name);
  const path = files.find(name);
  if (path === undefined) throw noDatabase(name, run.storage);
  return [{ name, path }];
}

/**
 * The size of a file.
 *
 * @param path - of the file
 * @returns its bytes; 0 where it can't be told
 */
export function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

/**
 * Shows how far work on several files has come.
 *
 * @param run - the context
 * @param sizes - bytes of each
 * @returns makes the options of the work on the file of this number
 */
export function jobsOf(run: Context, sizes: readonly number[]): (index: number) => JobOptions {
  const total = sizes.reduce((all, size) => all + size, 0);
  return (index) => {
    const before = sizes.slice(0, index).reduce((all, size) => all + size, 0);
    return {
      signal: run.signal,
      onProgress: ({ doneBytes, totalBytes }) => {
        const share = totalBytes > 0 ? doneBytes / totalBytes : 0;
        run.output.progress({ done: Math.round(before + share * (sizes[index] ?? 0)), total, unit: 'bytes' });
      },
    };
  };
}

/**
 * Shows how far work on files has come that tells of one after the other, from 0 on each time.
 *
 * @param run - the context
 * @param total - bytes of all; 0 where that isn't known before
 * @returns the options of the work
 */
export function jobInParts(run: Context, total = 0): JobOptions {
  let before = 0;
  let last = 0;
  return {
    signal: run.signal,
    onProgress: ({ doneBytes }) => {
      if (doneBytes < last) before += last;
      last = doneBytes;
      run.output.progress({ done: before + doneBytes, total, unit: 'bytes' });
    },
  };
}

/**
 * Refuses a directory that isn't there: what keeps backups would make it.
 *
 * @param directory - as given
 * @throws JvdbError `JVDB_NOT_FOUND`
 */
export function checkDirectory(directory: string): void {
  if (!existsSync(directory)) throw new JvdbError('JVDB_NOT_FOUND', `there is no directory ${directory}`);
}
