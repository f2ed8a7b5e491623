import { lstatSync, mkdirSync, readdirSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { invalid, shown } from '../arguments.js';
import { codeOf, makeDirectory, OWNER_ONLY, syncDirectory, system } from '../directories.js';
import { JvdbError } from '../errors.js';
import { guard, native } from '../native.js';
import { openArguments } from '../open-arguments.js';
import type { StoreOptions } from '../types.js';
import { isName } from './names.js';

/** Where a new database is put: `<name>.jvdb`, or `<name>/vectors.jvdb`. */
export type Layout = 'flat' | 'folder';

const ENDING = '.jvdb';
const FILE_IN_FOLDER = 'vectors.jvdb';
const LEFT_BEHIND = /^vectors\.jvdb\.(tmp-\d+|compacting)$/;
// A folder may go between its creation and that of its file, when another process deletes.
const ATTEMPTS = 10;

type Kind = 'file' | 'directory' | 'link' | 'other' | undefined;

function kindOf(place: string): Kind {
  const found = lstatSync(place, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (found.isSymbolicLink()) return 'link';
  return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
}

// What can't be looked at is nobody's database here.
function isFile(place: string): boolean {
  try {
    return kindOf(place) === 'file';
  } catch {
    return false;
  }
}

/** The files of databases under one directory; nothing outside of it is touched, and no link in it followed. */
export class DatabaseFiles {
  /** The directory, an absolute path. */
  readonly directory: string;
  readonly #layout: Layout;

  /**
   * Makes the directory where it isn't there.
   *
   * @param directory - where the databases are
   * @param layout - where new ones are put
   */
  constructor(directory: string, layout: Layout) {
    if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
      throw invalid(`the storage path must be a non-empty string without NUL, not ${shown(directory)}`);
    }
    this.directory = system(`use ${directory}`, () => path.resolve(directory));
    this.#layout = layout;
    system(`create the directory ${this.directory}`, () => {
      makeDirectory(this.directory);
      if (!statSync(this.directory).isDirectory()) throw invalid(`${this.directory} is not a directory`);
    });
  }

  /**
   * All databases.
   *
   * @returns their names and files, in the order of their names
   */
  list(): [name: string, filePath: string][] {
    const found = new Map<string, string>();
    for (const entry of system(`list ${this.directory}`, () => readdirSync(this.directory, { withFileTypes: true }))) {
      if (entry.isFile() && entry.name.endsWith(ENDING)) {
        const name = entry.name.slice(0, -ENDING.length);
        if (isName(name)) found.set(name, this.#place(name, 'flat'));
      } else if (entry.isDirectory() && isName(entry.name)) {
        const file = this.#place(entry.name, 'folder');
        if (isFile(file)) found.set(entry.name, file);
      }
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /**
   * The file of a database.
   *
   * @param name - a checked name
   * @returns its path; undefined where there is none
   * @throws JvdbError `JVDB_CONFLICT` where both layouts have one of this name
   */
  find(name: string): string | undefined {
    return system(`look for ${name} in ${this.directory}`, () => {
      const flat = this.#place(name, 'flat');
      const inFolder = this.#place(name, 'folder');
      const kind = kindOf(flat);
      if (kind !== undefined && kind !== 'file') throw notOurs(flat, kind);
      const folderKind = kindOf(path.dirname(inFolder)) === 'directory' ? kindOf(inFolder) : undefined;
      if (folderKind !== undefined && folderKind !== 'file') throw notOurs(inFolder, folderKind);
      if (kind !== undefined && folderKind !== undefined) {
        throw new JvdbError('JVDB_CONFLICT', `there are two databases ${name}: move ${flat} or ${inFolder} away`);
      }
      if (kind !== undefined) return flat;
      return folderKind === undefined ? undefined : inFolder;
    });
  }

  /**
   * Makes a database's file.
   *
   * @param name - a checked name
   * @param dimension - of its vectors
   * @param options - what it is to be
   * @returns false where something has the name
   */
  create(name: string, dimension: number, options: StoreOptions): boolean {
    const args = openArguments(this.#place(name, this.#layout), dimension, options, false);
    if (this.find(name) !== undefined) return false;
    for (let attempt = 1; ; attempt++) {
      const made = this.#layout === 'folder' && this.#makeFolder(name);
      try {
        const created = guard(() => native.createFile(...args));
        if (made)
          system(`sync ${this.directory}`, () => {
            syncDirectory(this.directory);
          });
        return created;
      } catch (thrown) {
        if (made) this.#removeFolder(name);
        const gone = this.#layout === 'folder' && (thrown as JvdbError).code === 'JVDB_NOT_FOUND';
        if (!gone || attempt === ATTEMPTS) throw thrown;
      }
    }
  }

  /**
   * Removes a database's file, and its folder if nothing else is in it.
   *
   * @param name - a checked name
   * @returns false where there is none
   */
  remove(name: string): boolean {
    const file = this.find(name);
    if (file === undefined) return false;
    const removed = guard(() => native.removeFile(file));
    if (file === this.#place(name, 'folder')) this.#removeFolder(name);
    return removed;
  }

  #place(name: string, layout: Layout): string {
    return layout === 'flat'
      ? path.join(this.directory, name + ENDING)
      : path.join(this.directory, name, FILE_IN_FOLDER);
  }

  // Whether it was this call that made it.
  #makeFolder(name: string): boolean {
    const folder = path.join(this.directory, name);
    return system(`create the directory ${folder}`, () => {
      try {
        mkdirSync(folder, OWNER_ONLY);
        return true;
      } catch (error) {
        const kind = kindOf(folder);
        if (codeOf(error) !== 'EEXIST' || kind === undefined) throw error;
        if (kind !== 'directory') throw notOurs(folder, kind);
        return false;
      }
    });
  }

  // Something else may be in it, or another thread be faster.
  #removeFolder(name: string): void {
    const folder = path.join(this.directory, name);
    try {
      // What a creation left that was killed.
      for (const one of readdirSync(folder)) if (LEFT_BEHIND.test(one)) unlinkSync(path.join(folder, one));
      rmdirSync(folder);
      syncDirectory(this.directory);
    } catch {
      return;
    }
  }
}

function notOurs(place: string, kind: Exclude<Kind, undefined>): JvdbError {
  const what = { link: 'a symbolic link', directory: 'a directory', file: 'a file', other: 'no regular file' }[kind];
  return invalid(`${place} is ${what}, which a database by name never is; move it away`);
}
