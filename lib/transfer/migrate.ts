/** Databases of the old server, or of this package, into new ones. Threads: as `migrateFile`. */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { checkKeys, flag, invalid, position, shown } from '../arguments.js';
import { makeDirectory, system } from '../directories.js';
import { JvdbError } from '../errors.js';
import { nameIn, readSidecars } from '../formats/legacy/sidecars.js';
import { ID_TYPES, METRICS, SCAN_COLUMNS } from '../open-arguments.js';
import { isName } from '../persistence/names.js';
import { KeptFile } from './kept-file.js';
import { isOfOldServer, migrateFile, statePath } from './migrate-file.js';
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
 * time taking what is new, and once without it at the end, which gives the new ones their names. From the old server a pass takes entries with later
 * timestamps, deletes what is no longer there and replaces metadata that has changed; from this package's files it
 * takes the journal since the last pass, or all anew where a compaction dropped some of it. A call that was interrupted,
 * or left databases out, is made again.
 *
 * New files keep ids, vectors bit by bit, and metadata; the times of vectors are those of migrating.
 *
 * @param from - a file, or a directory of `<name>.jvdb` and `<name>/vectors.jvdb`
 * @param to - a new file, or a directory, which is made where it isn't there: then `<name>.jvdb` in it, by the name
 *   that `metadata.json` gives, where that can be one, else by that of the folder or file
 * @param options - see `MigrateOptions`
 * @returns a promise of what was done; all of it is durable. Of a directory what could not be migrated is in `failed`
 * @throws JvdbError `JVDB_NOT_FOUND`; `JVDB_EXISTS` where the new file is there; `JVDB_CONFLICT` where
 *   the last pass was of another old database, or with other options, or the copy was changed since; `JVDB_LOCKED` where
 *   another migration is under way; `JVDB_DIMENSION_MISMATCH` where the old server made it anew; `JVDB_INVALID_ARGUMENT` where a record can't be read, or the old file is damaged
 */
export async function migrate(from: string, to: string, options: MigrateOptions = {}): Promise<MigrationReport> {
  check(from, to, options);
  const began = performance.now();
  const run = new Run(options);
  let gone: string[] = [];
  if (isDirectory(from)) gone = await run.directory(from, to);
  else {
    const place = isDirectory(to)
      ? path.join(to, `${await nameOf({ file: from, place: placeName(from) })}${ENDING}`)
      : to;
    await run.one({ from, to: place }, false);
  }
  const { databases, failed } = run;
  return { ok: run.ok, databases, failed, gone, durationMs: performance.now() - began };
}

/** One call. */
class Run {
  readonly databases: MigratedDatabase[] = [];
  readonly failed: FailedMigration[] = [];
  readonly #options: MigrateOptions;
  readonly #teller: Teller;
  #done = 0;
  #total = 0;

  constructor(options: MigrateOptions) {
    const { signal, onProgress } = options;
    this.#options = options;
    this.#teller = new Teller({ signal, onProgress }, () => ({
      ...{ doneBytes: 0, totalBytes: 0 },
      ...{ records: this.#done, totalRecords: this.#total },
    }));
    this.#teller.step();
  }

  get ok(): boolean {
    return this.failed.length === 0 && this.databases.every(({ validation }) => validation?.ok !== false);
  }

  async one({ from, to }: Move, isOneOfMany: boolean): Promise<void> {
    const before = this.databases.reduce((sum, { vectorCount }) => sum + vectorCount, 0);
    const step = (done: number, total: number): void => {
      this.#done = before + done;
      this.#total = before + Math.max(done, total);
      this.#teller.step();
    };
    this.databases.push(await migrateFile(from, to, this.#options, step, isOneOfMany));
    this.#teller.tell();
  }

  // Gives new files whose old databases are no longer there.
  async directory(from: string, to: string): Promise<string[]> {
    const { moves, begun } = await movesOf(from, to);
    for (const { problem, ...move } of moves) {
      try {
        if (problem !== undefined) throw problem;
        await this.one(move, true);
      } catch (thrown) {
        if (!(thrown instanceof JvdbError) || this.#options.signal?.aborted === true) throw thrown;
        this.failed.push({ ...move, error: thrown });
      }
    }
    const isOver = this.#options.pass !== true && this.ok;
    for (const { to: file } of this.databases) {
      // Those that are done; until all are, the next call passes over them.
      if (isOver && existsSync(file)) await new KeptFile(statePath(file)).remove();
    }
    const below = `${path.resolve(from)}${path.sep}`;
    return begun
      .filter(({ isDone, source }) => !isDone && source.startsWith(below) && !existsSync(source))
      .map(({ file }) => file);
  }
}

const OPTIONS = ['distanceMetric', 'idType', 'scanColumn'];
const FLAGS = ['pass', 'validate', 'allowNonFinite', 'skipInvalid'];
const KEYS = [...FLAGS, ...OPTIONS, 'batchSize', 'onInvalid', 'signal', 'onProgress'];

function check(from: unknown, to: unknown, options: MigrateOptions): void {
  for (const place of [from, to]) {
    if (typeof place === 'string' && place !== '' && !place.includes('\0')) continue;
    throw invalid(`give a path to migrate from and one to, not ${shown(place)}`);
  }
  checkKeys(options, KEYS, 'options of migrate');
  const { distanceMetric, idType, scanColumn, batchSize, skipInvalid, onInvalid } = options;
  for (const name of FLAGS) flag((options as Record<string, boolean | undefined>)[name], name);
  position(METRICS, distanceMetric, 'distanceMetric');
  position(ID_TYPES, idType, 'idType');
  position(SCAN_COLUMNS, scanColumn, 'scanColumn');
  checkImportOptions({ batchSize, skipInvalid, onInvalid: onInvalid as (() => void) | undefined }, [], 'options');
}

function isDirectory(place: string): boolean {
  return system(`look at ${place}`, () => statSync(place, { throwIfNoEntry: false })?.isDirectory()) === true;
}

async function movesOf(from: string, to: string): Promise<{ moves: Move[]; begun: Begun[] }> {
  const found = filesIn(from);
  if (found.length === 0) {
    throw new JvdbError(
      'JVDB_NOT_FOUND',
      `there is no database in ${from}: neither a file NAME.jvdb nor NAME/${IN_FOLDER}`,
    );
  }
  system(`make the directory ${to}`, () => {
    makeDirectory(path.resolve(to));
  });
  if (realpathSync(to) === realpathSync(from)) {
    throw invalid(`${to} is where the old databases are; name another directory`);
  }
  const begun = await begunIn(to);
  const wanted = await Promise.all(found.map(async (one) => (one.problem === undefined ? nameOf(one) : one.place)));
  const names = unambiguous(
    wanted,
    found.map(({ place }) => place),
  );
  const moves = found.map(({ file, problem }, i): Move => {
    const name = names[i] ?? '';
    const known = begun.find(({ source }) => source === path.resolve(file));
    const first = names.indexOf(name);
    const twice =
      first < i && known === undefined
        ? invalid(`${found[first]?.file ?? ''} has the name ${name} too; ${byItself(file)}`)
        : undefined;
    const target = known?.file ?? path.join(to, `${name}${ENDING}`);
    return { from: file, to: target, problem: problem ?? (isName(name) ? twice : unnamed(name, file)) };
  });
  return { moves, begun };
}

// Where several have the same name, those of their places, which others may have for a name.
function unambiguous(wanted: readonly string[], places: readonly string[]): string[] {
  const names = [...wanted];
  for (let isNew = true; isNew;) {
    const taken = names.filter((name, i) => names.indexOf(name) !== i);
    isNew = false;
    for (const [i, name] of names.entries()) {
      const place = places[i] ?? '';
      if (name === place || !taken.includes(name)) continue;
      names[i] = place;
      isNew = true;
    }
  }
  return names;
}

/** What calls before have begun. */
interface Begun {
  source: string;
  file: string;
  isDone: boolean;
}

async function begunIn(to: string): Promise<Begun[]> {
  const begun: Begun[] = [];
  const ending = statePath('');
  for (const name of system(`list ${to}`, () => readdirSync(to))) {
    if (!name.endsWith(ending)) continue;
    const { from: source, isDone } = (await new KeptFile(path.join(to, name)).load()) ?? {};
    const file = path.join(to, name.slice(0, -ending.length));
    if (typeof source === 'string') begun.push({ source, file, isDone: isDone === true });
  }
  return begun;
}

/** A file that may be a database, and what its folder or itself is called. */
interface Found {
  file: string;
  place: string;
  problem?: JvdbError | undefined;
}

function filesIn(directory: string): Found[] {
  const found: Found[] = [];
  for (const name of system(`list ${directory}`, () => readdirSync(directory)).sort()) {
    const entry = path.join(directory, name);
    const inFolder = path.join(entry, IN_FOLDER);
    try {
      if (isDirectory(entry)) {
        if (system(`look at ${inFolder}`, () => statSync(inFolder, { throwIfNoEntry: false })) !== undefined) {
          found.push({ file: inFolder, place: name });
        }
      } else if (name.endsWith(ENDING)) found.push({ file: entry, place: name.slice(0, -ENDING.length) });
    } catch (thrown) {
      found.push({ file: entry, place: name, problem: thrown as JvdbError }); // what can't be seen is told
    }
  }
  return found;
}

// What the folder or the file is called.
function placeName(file: string): string {
  const isInFolder = path.basename(file) === IN_FOLDER;
  return isInFolder ? path.basename(path.dirname(path.resolve(file))) : path.basename(file, ENDING);
}

// What users of the old server called it, as far as a database may be called so.
async function nameOf({ file, place }: Found): Promise<string> {
  // What is damaged is told of when the database is migrated.
  const name = (await isOfOldServer(file).catch(() => false))
    ? await readSidecars(file).then(nameIn, () => undefined)
    : undefined;
  return isName(name) ? name : place;
}

const byItself = (file: string): string => `migrate ${file} by itself, to a file with another name`;

function unnamed(name: string, file: string): JvdbError {
  return invalid(`a database can't be named ${shown(name)}: ${byItself(file)}`);
}
