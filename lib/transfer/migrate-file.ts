/**
 * Migrates one database into a file of its own: in one go, or in passes beside whoever writes to the old one, each of
 * which takes what is new, until the last. Only then the new file has its name; how far it has come is in a file beside
 * it. Threads: one migration at a time for each new file.
 */
import { existsSync, statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { renameNew, systemAsync } from '../directories.js';
import { JvdbError } from '../errors.js';
import { HEADER_BYTES, isLegacy } from '../formats/legacy/header.js';
import type { InvalidRecord } from '../formats/types.js';
import { MemoryMappedVectorStore } from '../store.js';
import { KeptFile } from './kept-file.js';
import type { NewStore, OldDatabase } from './old-database.js';
import { openLegacy } from './old-legacy.js';
import type { MigratedDatabase, MigrateOptions } from './migrate-types.js';
import { openStore } from './old-store.js';
import { NOTHING, reconcile } from './reconcile.js';
import { validate } from './validate.js';

const VERSION = 1;
const KEEP_MS = 5000;

/** How far a migration has come. */
interface State {
  version: number;
  /** Where from. */
  from: string;
  identity: string;
  /** What the new database was asked to be. */
  wanted: string;
  /** All up to there is in the new database, and durable. */
  position: string;
  /** LSN of the new database's last change; null while a pass is under way. */
  lastLsn: number | null;
  /** The new database is whole: all that is left is to give it its name. */
  isDone: boolean;
}

/** Told how far it has come, between batches. */
export type Step = (done: number, total: number) => void;

// What this thread makes: the lock of a file is for other processes.
const underWay = new Set<string>();

/**
 * Where a migration keeps how far it has come.
 *
 * @param to - the new file
 * @returns a path beside it
 */
export const statePath = (to: string): string => `${to}.migration`;

const workPath = (to: string): string => `${to}.migrating`;

/**
 * Migrates a file.
 *
 * @param from - the old file
 * @param to - the new file, in a directory that exists
 * @param options - checked
 * @param step - told between batches
 * @param isOneOfMany - keep the mark that it is done, for the next call
 * @returns a promise of what was done
 */
export async function migrateFile(
  from: string,
  to: string,
  options: MigrateOptions,
  step: Step,
  isOneOfMany = false,
): Promise<MigratedDatabase> {
  const place = path.resolve(to);
  if (underWay.has(place)) throw new JvdbError('JVDB_LOCKED', `another migration to ${to} is under way; wait for it`);
  underWay.add(place);
  try {
    return await migrateAlone(from, to, options, step, isOneOfMany);
  } finally {
    underWay.delete(place);
  }
}

async function migrateAlone(
  from: string,
  to: string,
  options: MigrateOptions,
  step: Step,
  isOneOfMany: boolean,
): Promise<MigratedDatabase> {
  const folder = path.dirname(path.resolve(to));
  if (!existsSync(folder)) throw new JvdbError('JVDB_NOT_FOUND', `there is no directory ${folder}; make it first`);
  await using old = await openOld(from, options);
  const file = new KeptFile(statePath(to));
  const state = await beginning(file, from, to, old, options);
  const done = state.isDone
    ? await alreadyThere(to, old, state, options, step)
    : await move(file, from, to, old, options, state, step);
  // A directory keeps the marks until all is done: the next call passes over those that have one.
  if (options.pass !== true && done.validation?.ok !== false && !isOneOfMany) await file.remove();
  return { ...done, from, to, kind: old.kind };
}

type Done = Omit<MigratedDatabase, 'from' | 'to' | 'kind'>;

async function move(
  file: KeptFile,
  from: string,
  to: string,
  old: OldDatabase,
  options: MigrateOptions,
  state: State,
  step: Step,
): Promise<Done> {
  await using copy = existsSync(workPath(to))
    ? await MemoryMappedVectorStore.openAsync(workPath(to))
    : create(workPath(to), old, options);
  checkUntouched(copy, state, to);
  checkSame(copy, old, from);
  await file.save({ ...state, lastLsn: null });
  const moving = new Moving(old, copy, file, state, options);
  const done = await moving.run(step);
  if (options.pass !== true && done.validation?.ok !== false) {
    await copy.closeAsync();
    await file.save({ ...moving.state, isDone: true });
    await systemAsync(`name ${to}`, () => renameNew(workPath(to), to));
  }
  return done;
}

// Where it goes on; what is left over of one that was given up is removed.
async function beginning(
  file: KeptFile,
  from: string,
  to: string,
  old: OldDatabase,
  options: MigrateOptions,
): Promise<State> {
  const { distanceMetric, idType, scanColumn, allowNonFinite } = options;
  const wanted = JSON.stringify({ distanceMetric, idType, scanColumn, allowNonFinite });
  const anew: State = {
    ...{ version: VERSION, from: path.resolve(from), identity: old.identity, wanted },
    ...{ position: old.start, lastLsn: null, isDone: false },
  };
  const kept = checked(await file.load(), file.path, anew);
  if (existsSync(to)) {
    if (kept?.isDone === true && isSameFile(to, workPath(to))) {
      await rm(workPath(to), { force: true }); // as it had two names when it was interrupted
      return kept;
    }
    throw new JvdbError('JVDB_EXISTS', `${to} exists; name a new file, or remove it`);
  }
  const isThere = existsSync(workPath(to));
  if (kept !== undefined && isThere) {
    if (kept.wanted === wanted) return { ...kept, isDone: false }; // the old one may have changed again
    // Nothing is lost where the first pass never ended.
    if (kept.position !== old.start) {
      throw new JvdbError(
        'JVDB_CONFLICT',
        `the migration to ${to} began with the options ${kept.wanted}, not ${wanted}; give the same, or remove ` +
          `${file.path} to begin anew`,
      );
    }
  }
  if (isThere) await removeUnused(workPath(to));
  return anew;
}

function isSameFile(a: string, b: string): boolean {
  const [one, other] = [a, b].map((file) => statSync(file, { throwIfNoEntry: false, bigint: true }));
  return other === undefined || (one?.ino === other.ino && one.dev === other.dev);
}

// Unless another migration fills it.
async function removeUnused(file: string): Promise<void> {
  try {
    await (await MemoryMappedVectorStore.openAsync(file)).closeAsync();
  } catch (thrown) {
    if (!(thrown instanceof JvdbError) || thrown.code === 'JVDB_LOCKED') throw thrown;
  }
  await rm(file);
}

// What a call before has migrated.
async function alreadyThere(
  to: string,
  old: OldDatabase,
  { position }: State,
  options: MigrateOptions,
  step: Step,
): Promise<Done> {
  await using store: NewStore = await MemoryMappedVectorStore.openAsync(to, { readOnly: true });
  const told = async (done: number): Promise<void> => {
    options.signal?.throwIfAborted();
    step(done, old.count);
    return Promise.resolve();
  };
  const validation = options.validate === true ? await validate(old.rows(), store, told) : undefined;
  if (validation === undefined && !(await old.isUnchanged(position, store))) {
    throw new JvdbError(
      'JVDB_CONFLICT',
      `its database was changed since ${to} was made of it; remove ${to} and ${statePath(to)} to migrate it anew`,
    );
  }
  const nothing = { taken: 0, deleted: 0, withoutId: 0, invalid: 0, pending: 0, ...NOTHING };
  return { ...nothing, skipped: old.count, vectorCount: store.vectorCount, validation };
}

/**
 * Whether a file is one of the old server's.
 *
 * @param file - its path
 * @returns a promise of whether it begins so
 * @throws JvdbError `JVDB_NOT_FOUND`, `JVDB_IO`
 */
export async function isOfOldServer(file: string): Promise<boolean> {
  const head = await systemAsync(`read ${file}`, async () => {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  });
  return isLegacy(head);
}

async function openOld(from: string, options: MigrateOptions): Promise<OldDatabase> {
  const { idType, allowNonFinite = false, pass = false, batchSize, skipInvalid, signal } = options;
  if (await isOfOldServer(from)) {
    const onInvalid = (record: InvalidRecord): void => options.onInvalid?.(record, from);
    return openLegacy(from, { idType, allowNonFinite, batchSize, skipInvalid, signal, onInvalid });
  }
  const old = await openStore(from, pass);
  if (idType === undefined || idType === old.idType) return old;
  await old[Symbol.asyncDispose]();
  throw new JvdbError(
    'JVDB_INVALID_ARGUMENT',
    `the ids of ${from} are of type ${old.idType}, and migrating keeps that; export and import change it`,
  );
}

function checked(kept: Record<string, unknown> | undefined, where: string, expected: State): State | undefined {
  if (kept === undefined) return undefined;
  const { version, from, identity, wanted, position, lastLsn, isDone } = kept as Partial<State>;
  const isWhole =
    version === VERSION &&
    [from, identity, wanted, position].every((one) => typeof one === 'string') &&
    (lastLsn === null || Number.isSafeInteger(lastLsn)) &&
    typeof isDone === 'boolean';
  if (isWhole && from === expected.from && identity === expected.identity) return kept as unknown as State;
  const whose = !isWhole
    ? 'it is damaged'
    : from === expected.from
      ? `another database is at ${expected.from} than in the last pass: it was restored, or made anew`
      : `it is of ${String(from)}, not of ${expected.from}`;
  throw new JvdbError('JVDB_CONFLICT', `${where} can't be gone on with: ${whose}; remove it to begin anew`);
}

function create(to: string, old: OldDatabase, options: MigrateOptions): NewStore {
  const { distanceMetric, scanColumn } = options;
  return new MemoryMappedVectorStore<object, string>(to, old.dimension, {
    metric: distanceMetric ?? old.distanceMetric,
    idType: old.idType as 'string',
    scanColumn: scanColumn ?? old.scanColumn,
    allowNonFinite: old.allowNonFinite,
    initialCapacity: Math.min(Math.max(old.count, 1), 2 ** 31 - 1),
  });
}

// A pass would take what was changed there for what the old one had deleted.
function checkUntouched(copy: NewStore, { lastLsn }: State, to: string): void {
  if (lastLsn === null || lastLsn === copy.lastLsn) return;
  throw new JvdbError(
    'JVDB_CONFLICT',
    `${copy.filePath} was changed since the last pass, and would become the same as the old database again; ` +
      `to keep it rename it, and remove ${statePath(to)}`,
  );
}

function checkSame(copy: NewStore, old: OldDatabase, from: string): void {
  if (copy.dimension === old.dimension && copy.idType === old.idType) return;
  throw new JvdbError(
    'JVDB_DIMENSION_MISMATCH',
    `${from} has vectors of dimension ${old.dimension} and ids of type ${old.idType}, ${copy.filePath} of ` +
      `${copy.dimension} and ${copy.idType}: it is another database than in the last pass; remove ${copy.filePath} to begin anew`,
  );
}

/** One pass. */
class Moving {
  readonly #old: OldDatabase;
  readonly #copy: NewStore;
  readonly #file: KeptFile;
  /** As it was kept last. */
  state: State;
  readonly #options: MigrateOptions;
  #keptAt = performance.now();

  constructor(old: OldDatabase, copy: NewStore, file: KeptFile, state: State, options: MigrateOptions) {
    this.#old = old;
    this.#copy = copy;
    this.#file = file;
    this.state = state;
    this.#options = options;
  }

  async run(step: Step): Promise<Done> {
    try {
      return await this.#move(step);
    } catch (thrown) {
      // What fails now is not the first error.
      await this.#keep(this.state.position, this.#copy.lastLsn).catch(() => undefined);
      throw thrown;
    }
  }

  async #move(step: Step): Promise<Done> {
    const { pass = false, signal } = this.#options;
    const [old, copy] = [this.#old, this.#copy];
    const told = async (done: number, position?: string): Promise<void> => {
      signal?.throwIfAborted();
      step(done, old.count);
      if (position !== undefined && performance.now() - this.#keptAt >= KEEP_MS) await this.#keep(position, null);
    };
    let found = await old.pass(copy, this.state.position, told);
    const reconciled = found.needsReconciling ? await reconcile(copy, await old.contents(), signal) : NOTHING;
    // Entries can come back with the time that they had.
    if (!pass && found.expected !== undefined && found.expected !== copy.vectorCount) {
      found = await old.pass(copy, old.start, told);
    }
    const { position, taken, skipped, deleted, withoutId, invalid, pending } = found;
    await this.#keep(position, copy.lastLsn);
    const validation = this.#options.validate === true ? await validate(old.rows(), copy, told) : undefined;
    const { vectorCount } = copy;
    return { taken, skipped, deleted, withoutId, invalid, pending, ...reconciled, vectorCount, validation };
  }

  // From there the next pass goes on.
  async #keep(position: string, lastLsn: number | null): Promise<void> {
    await this.#copy.flush();
    this.state = { ...this.state, position, lastLsn };
    await this.#file.save(this.state);
    this.#keptAt = performance.now();
  }
}
