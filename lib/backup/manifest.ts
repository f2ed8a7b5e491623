/** The manifests of a backup directory: a JSON file beside each backup, with a checksum of its own. */
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile, systemAsync } from '../directories.js';
import { describe, JvdbError } from '../errors.js';
import type { BackupInfo } from './types.js';

/** How the names of manifests end. */
export const MANIFEST_SUFFIX = '.json';
/** How the names of backups end. */
export const BACKUP_SUFFIX = '.jvdb-backup';

const FORMAT = 1;

type Stored = Omit<BackupInfo, 'path' | 'sinceTime' | 'lastTime' | 'createdAt'> & {
  format: number;
  file: string;
  sinceTime: string;
  lastTime: string;
  createdAt: string;
};

function digest(stored: Stored): string {
  return createHash('sha256').update(JSON.stringify(stored)).digest('hex');
}

/**
 * Writes a manifest, durable when it returns.
 *
 * @param info - the backup
 */
export async function writeManifest(info: BackupInfo): Promise<void> {
  const { path: file, sinceTime, lastTime, createdAt, ...rest } = info;
  const stored: Stored = {
    format: FORMAT,
    ...rest,
    file: path.basename(file),
    sinceTime: sinceTime.toISOString(),
    lastTime: lastTime.toISOString(),
    createdAt: createdAt.toISOString(),
  };
  const target = manifestOf(file);
  const text = `${JSON.stringify({ ...stored, sha256: digest(stored) }, undefined, 2)}\n`;
  await systemAsync(`write ${target}`, () => replaceFile(target, text, `${target}.tmp`));
}

function damaged(file: string, why: string): JvdbError {
  return new JvdbError('JVDB_CORRUPT', `the manifest ${file} is damaged: ${why}; the backup beside it may be whole`);
}

/**
 * Reads a manifest.
 *
 * @param file - its path
 * @returns the backup
 */
export async function readManifest(file: string): Promise<BackupInfo> {
  const text = await systemAsync(`read ${file}`, async () => readFile(file, 'utf8'));
  let stored: Stored & { sha256?: unknown };
  try {
    stored = JSON.parse(text) as Stored;
  } catch (thrown) {
    throw damaged(file, describe(thrown));
  }
  const { sha256, ...rest } = { ...stored };
  if (rest.format !== FORMAT && typeof rest.format === 'number') {
    throw new JvdbError('JVDB_VERSION', `the manifest ${file} has format ${rest.format}, this release reads ${FORMAT}`);
  }
  if (sha256 !== digest(rest)) throw damaged(file, 'it does not match its checksum');
  const { format, file: name, sinceTime, lastTime, createdAt, ...info } = rest;
  return {
    ...info,
    base: info.base,
    path: path.join(path.dirname(file), path.basename(name)),
    sinceTime: new Date(sinceTime),
    lastTime: new Date(lastTime),
    createdAt: new Date(createdAt),
  };
}

/**
 * The path of a backup's manifest.
 *
 * @param file - the backup
 * @returns it
 */
export function manifestOf(file: string): string {
  return file.slice(0, -BACKUP_SUFFIX.length) + MANIFEST_SUFFIX;
}

/**
 * Removes a backup: first the manifest, so that none is left without its file.
 *
 * @param info - the backup
 */
export async function removeBackup(info: BackupInfo): Promise<void> {
  await systemAsync(`remove ${info.path}`, async () => {
    await rm(manifestOf(info.path), { force: true });
    await rm(info.path, { force: true });
  });
}
