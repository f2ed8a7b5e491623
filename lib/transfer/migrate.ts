/** Databases of the old server, or of this package, into new ones. Threads: as `migrateFile`. */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { checkKeys, flag, invalid, shown } from '../arguments.js';
import { makeDirectory, system } from '../directories.js';
import { JvdbError } from '../errors.js';
import { nameIn, readSidecars } from '../formats/legacy/sidecars.js';
import { isName } from '../persistence/names.js';
import { migrateFile, statePath } from './migrate-file.js';
import type { FailedMigration, MigratedDatabase, MigrateOptions, MigrationReport } from './migrate-types.js';
import { checkImportOptions } from './options.js';
import { Teller } from './teller.js';

const ENDING = '.jvdb';
const IN_FOLDER = 'vectors.jvdb';

/** Which file becomes which. */
interface Move {
  from: string;
  to: string;
  /** Why it can't. */
  problem?: JvdbError | undefined;
}

/**
 * Migrates a database's file into a new file, or all databases of a directory into another: those of the old server,
 * with the JSON files beside them, or those of this package. The old ones are only read.
 *
 * In one call, once nothing writes to the old ones any more; or with `pass` again and again while they are in use, each
 * time taking what is new, and once without it at the end. From the old server a pass takes entries with later
 * timestamps, deletes what is no longer there and replaces metadata that has changed; from this package's files it
 * takes the journal since the last pass, or all anew where a compaction dropped some of it. Between passes the new
 * database is only read, or the next one is refused. A call that was interrupted is made again.
 *
 * New files keep ids, vectors bit by bit, and metadata; the times of vectors are those of migrating.
 *
 * @param from - a file, or a directory of `<name>.jvdb` and `<name>/vectors.jvdb`
 * @param to - a new file, or a directory, which is made where it isn't there: then `<name>.jvdb` in it, by the name
 *   that `metadata.json` gives, where that can be one, else by that of the folder or file
 * @param options - see `MigrateOptions`
 * @returns a promise of what was done; all of it is durable. Of a directory what could not be migrated is in `failed`
 * @throws JvdbError `JVDB_NOT_FOUND`; `JVDB_EXISTS` where the new file is there and no migration is under way;
 *   `JVDB_CONFLICT` where it was changed since the last pass, or that was of another old database; `JVDB_LOCKED` where
 *   somebody has it open; `JVDB_INVALID_ARGUMENT` where a record can't be read, or the old file is damaged
 */
export async function migrate(from: string, to: string, options: MigrateOptions = {}): Promise<MigrationReport> {
  check(from, to, options);
  const began = performance.now();
  const databases: MigratedDatabase[] = [];
  const failed: FailedMigration[] = [];
  let now = { done: 0, total: 0 };
  const teller = new Teller(options, () => ({
    doneBytes: 0,
    totalBytes: 0,
    records: now.done,
    totalRecords: now.total,
  }));
  const migrateOne = async (move: Move): Promise<void> => {
    const before = databases.reduce((sum, { vectorCount }) => sum + vectorCount, 0);
    const one = await migrateFile(move.from, move.to, options, (done, total) => {
      now = { done: before + done, total: before + Math.max(done, total) };
      teller.step();
    });
    databases.push(one);
  };
  teller.step();
  let gone: string[] = [];
  if (!isDirectory(from)) {
    await migrateOne({ from, to: isDirectory(to) ? path.join(to, `${await nameOf(from)}${ENDING}`) : to });
  } else {
    const moves = await movesOf(from, to);
    gone = abandoned(to, moves);
    for (const move of moves) {
      try {
        if (move.problem !== undefined) throw move.problem;
        await migrateOne(move);
      } catch (thrown) {
        if (!(thrown instanceof JvdbError) || options.signal?.aborted === true) throw thrown;
        failed.push({ from: move.from, to: move.to, error: thrown });
      }
    }
  }
  teller.tell();
  const ok = failed.length === 0 && databases.every(({ validation }) => validation?.ok !== false);
  return { ok, databases, failed, gone, durationMs: performance.now() - began };
}

const OPTIONS = ['distanceMetric', 'idType', 'scanColumn'];

function check(from: unknown, to: unknown, options: MigrateOptions): void {
  for (const place of [from, to]) {
    if (typeof place !== 'string' || place === '')
      throw invalid(`give a path to migrate from and one to, not ${shown(place)}`);
  }
  const { pass, validate, allowNonFinite, ...others } = options;
  flag(pass, 'pass');
  flag(validate, 'validate');
  flag(allowNonFinite, 'allowNonFinite');
  checkKeys(
    others,
    ['signal', 'onProgress', 'batchSize', 'skipInvalid', 'onInvalid', ...OPTIONS],
    'options of migrate',
  );
  checkImportOptions(others, OPTIONS, 'options of migrate');
}

function isDirectory(place: string): boolean {
  return system(`look at ${place}`, () => statSync(place, { throwIfNoEntry: false })?.isDirectory()) === true;
}

async function movesOf(from: string, to: string): Promise<Move[]> {
  const found = filesIn(from);
  if (found.length === 0) {
    throw new JvdbError(
      'JVDB_NOT_FOUND',
      `there is no database in ${from}: neither a file NAME.jvdb nor NAME/${IN_FOLDER}`,
    );
  }
  if (existsSync(to) && realpathSync(to) === realpathSync(from))
    throw invalid(`${to} is where the old databases are; name another directory`);
  makeDirectory(path.resolve(to));
  const names = await Promise.all(found.map(nameOf));
  return found.map((file, i) => {
    const isTaken = names.indexOf(names[i] ?? '') !== names.lastIndexOf(names[i] ?? '');
    const name = isTaken ? placeName(file) : (names[i] ?? '');
    return {
      from: file,
      to: path.join(to, `${name}${ENDING}`),
      problem: isName(name) ? undefined : unnamed(name, file),
    };
  });
}

function filesIn(directory: string): string[] {
  return system(`list ${directory}`, () => readdirSync(directory, { withFileTypes: true }))
    .map((entry) => path.join(directory, entry.name, ...(entry.isDirectory() ? [IN_FOLDER] : [])))
    .filter((file) => file.endsWith(ENDING) && existsSync(file))
    .sort();
}

// What a pass before had begun, of databases that are no longer there.
function abandoned(to: string, moves: readonly Move[]): string[] {
  const expected = new Set(moves.map((move) => path.basename(statePath(move.to))));
  const ending = statePath(ENDING);
  return system(`list ${to}`, () => readdirSync(to))
    .filter((name) => name.endsWith(ending) && !expected.has(name))
    .map((name) => path.join(to, name.slice(0, ENDING.length - ending.length)));
}

// What the folder or the file is called.
function placeName(file: string): string {
  const isInFolder = path.basename(file) === IN_FOLDER;
  return isInFolder ? path.basename(path.dirname(path.resolve(file))) : path.basename(file, ENDING);
}

// What its users call it, as far as a database may be called so.
async function nameOf(file: string): Promise<string> {
  // What is damaged is told of when the database is migrated.
  const name = await readSidecars(file).then(nameIn, () => undefined);
  return isName(name) ? name : placeName(file);
}

function unnamed(name: string, file: string): JvdbError {
  return invalid(`a database can't be named ${shown(name)}: migrate ${file} by itself, to a file with another name`);
}
