/**
 * Migrates one database into a file of its own: in one go, or in passes beside whoever writes to the old one, each of
 * which takes what is new, until the last. How far it has come is in a file beside the new one. Threads: one
 * migration at a time for each new file.
 */
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { systemAsync } from '../directories.js';
import { JvdbError } from '../errors.js';
import { HEADER_BYTES, isLegacy } from '../formats/legacy/header.js';
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
  /** All up to there is in the new database, and durable. */
  position: string;
  /** LSN of the new database's last change; null while a pass is under way. */
  lastLsn: number | null;
}

/** Told how far it has come, between batches. */
export type Step = (done: number, total: number) => void;

/**
 * Where a migration keeps how far it has come.
 *
 * @param to - the new file
 * @returns a path beside it
 */
export const statePath = (to: string): string => `${to}.migration`;

/**
 * Migrates a file.
 *
 * @param from - the old file
 * @param to - the new file, in a directory that exists
 * @param options - checked
 * @param step - told between batches
 * @returns a promise of what was done
 */
export async function migrateFile(
  from: string,
  to: string,
  options: MigrateOptions,
  step: Step,
): Promise<MigratedDatabase> {
  await using old = await openOld(from, options);
  const file = new KeptFile(statePath(to));
  const kept = checked(await file.load(), file.path, { from: path.resolve(from), identity: old.identity });
  const isThere = existsSync(to);
  if (kept === undefined && isThere) {
    throw new JvdbError('JVDB_EXISTS', `${to} exists, and is no migration under way; name a new file, or remove it`);
  }
  const state: State = {
    ...{ version: VERSION, from: path.resolve(from), identity: old.identity },
    position: (isThere ? kept?.position : undefined) ?? old.start,
    lastLsn: kept?.lastLsn ?? null,
  };
  if (kept === undefined) await file.save(state); // else a new file that is only begun would pass for a whole one
  await using copy = isThere ? await MemoryMappedVectorStore.openAsync(to) : create(to, old, options);
  checkUntouched(copy, state);
  if (state.lastLsn !== null) await file.save({ ...state, lastLsn: null });
  const moving = new Moving(old, copy, file, state, options);
  return { ...(await moving.run(step)), from, to, kind: old.kind };
}

async function openOld(from: string, options: MigrateOptions): Promise<OldDatabase> {
  const head = await systemAsync(`read ${from}`, async () => {
    await using handle = await open(from);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  });
  const { idType, allowNonFinite = false, pass = false } = options;
  if (isLegacy(head)) return openLegacy(from, { ...options, idType, allowNonFinite, onProgress: undefined });
  const old = await openStore(from, pass);
  if (idType === undefined || idType === old.idType) return old;
  await old[Symbol.asyncDispose]();
  throw new JvdbError(
    'JVDB_INVALID_ARGUMENT',
    `the ids of ${from} are of type ${old.idType}, and migrating keeps that; export and import change it`,
  );
}

function checked(
  kept: Record<string, unknown> | undefined,
  where: string,
  expected: { from: string; identity: string },
): State | undefined {
  if (kept === undefined) return undefined;
  const { version, from, identity, position, lastLsn } = kept as Partial<State>;
  const isWhole = version === VERSION && /^\d+$/.test(String(position)) && lastLsn !== undefined;
  if (isWhole && from === expected.from && identity === expected.identity) return kept as unknown as State;
  const whose = isWhole ? `of ${String(from)}, or of another database that was there` : 'damaged';
  throw new JvdbError(
    'JVDB_CONFLICT',
    `${where} is ${whose}, not of ${expected.from}; to begin anew remove it and the new database`,
  );
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

// Once it is in use, a pass would take what was changed there for what the old one had deleted.
function checkUntouched(copy: NewStore, { lastLsn }: State): void {
  if (lastLsn === null || lastLsn === copy.lastLsn) return;
  throw new JvdbError(
    'JVDB_CONFLICT',
    `${copy.filePath} was changed since the last pass: it is in use, and the old database is not taken over any more; ` +
      `remove ${statePath(copy.filePath)} to end the migration`,
  );
}

/** One pass. */
class Moving {
  readonly #old: OldDatabase;
  readonly #copy: NewStore;
  readonly #file: KeptFile;
  readonly #state: State;
  readonly #options: MigrateOptions;
  #keptAt = performance.now();

  constructor(old: OldDatabase, copy: NewStore, file: KeptFile, state: State, options: MigrateOptions) {
    this.#old = old;
    this.#copy = copy;
    this.#file = file;
    this.#state = state;
    this.#options = options;
  }

  async run(step: Step): Promise<Omit<MigratedDatabase, 'from' | 'to' | 'name' | 'kind'>> {
    const { pass = false, signal } = this.#options;
    const old = this.#old;
    const told = async (done: number, position?: string): Promise<void> => {
      signal?.throwIfAborted();
      step(done, old.count);
      if (position !== undefined && performance.now() - this.#keptAt >= KEEP_MS) await this.#keep(position, null);
    };
    const { needsReconciling, position, ...result } = await old.pass(this.#copy, this.#state.position, told);
    const reconciled = needsReconciling ? await reconcile(this.#copy, await old.contents(), signal) : NOTHING;
    await this.#copy.flush();
    const validation = this.#options.validate === true ? await validate(old.rows(), this.#copy, told) : undefined;
    // What isn't right can be taken up again.
    if (pass || validation?.ok === false) await this.#keep(position, this.#copy.lastLsn);
    else await this.#file.remove();
    return { ...result, ...reconciled, vectorCount: this.#copy.vectorCount, validation };
  }

  async #keep(position: string, lastLsn: number | null): Promise<void> {
    await this.#copy.flush();
    await this.#file.save({ ...this.#state, position, lastLsn });
    this.#keptAt = performance.now();
  }
}
