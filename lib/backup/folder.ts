/** The files in a database's folder of backups. */
import { lstatSync, statSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { invalid } from '../arguments.js';
import { systemAsync, unlessMissing } from '../directories.js';
import { manifestOf } from './manifest.js';
import type { BackupInfo } from './types.js';

const ONE_DAY = 24 * 3600 * 1000;
const OURS = /^\d{8}-(full|incremental)\.jvdb-backup$/;

/**
 * Refuses a link in the place of a folder: none is followed.
 *
 * @param folder - of a database
 */
export function checkFolder(folder: string): void {
  if (lstatSync(folder).isDirectory()) return;
  throw invalid(`${folder} is a symbolic link; put the folder itself in its place`);
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Whether a backup's file is there, and as large as it was.
 *
 * @param backup - the backup
 * @returns whether it is
 */
export function isThere(backup: BackupInfo): boolean {
  return statSync(backup.path, { throwIfNoEntry: false })?.size === backup.bytes;
}

/**
 * The names in a folder.
 *
 * @param folder - of a database
 * @returns them; none where it isn't there
 */
export async function filesIn(folder: string): Promise<string[]> {
  return systemAsync(`list ${folder}`, async () => (await unlessMissing(() => readdir(folder))) ?? []);
}

/**
 * Removes what a backup that was cut off has left behind: half a file, or one without a manifest. What was written
 * in the last day may belong to one that is under way.
 *
 * @param folder - of a database
 * @param backups - in it
 */
export async function sweep(folder: string, backups: readonly BackupInfo[]): Promise<void> {
  await systemAsync(`clean up ${folder}`, async () => {
    const known = new Set(backups.map((one) => path.basename(one.path)));
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      const half = /^\d{8}-(full|incremental)\..*\.tmp(-\d+)?$/.test(entry.name);
      const alone = OURS.test(entry.name) && !known.has(entry.name) && !exists(manifestOf(file));
      if (!entry.isFile() || !(half || alone)) continue;
      if (Date.now() - (await stat(file)).mtimeMs > ONE_DAY) await rm(file, { force: true });
    }
  });
}
