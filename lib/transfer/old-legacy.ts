/** A database of the old server's, to migrate from. Threads: the one that opened it. */
import { presenceIn } from '../formats/legacy/presence.js';
import { legacyFormat, type LegacyTable } from '../formats/legacy/legacy-jvdb.js';
import { idsByHash, metadataOf, readSidecars, type LegacySidecars } from '../formats/legacy/sidecars.js';
import { openSource } from '../formats/source.js';
import type { Batch, InvalidRecord } from '../formats/types.js';
import type { DistanceMetric, IdType } from '../types.js';
import { Filling } from './filling.js';
import type { Contents, NewStore, OldDatabase, OldOptions, PassResult } from './old-database.js';
import { batchBytes } from './options.js';
import { checkDimension, targetOf } from './target.js';
import { validate } from './validate.js';

/**
 * Opens a database of the old server's.
 *
 * @param path - of its file
 * @param options - see `OldOptions`
 * @returns a promise of it
 * @throws JvdbError `JVDB_NOT_FOUND`, `JVDB_INVALID_ARGUMENT` where it or a file beside it is damaged
 */
export async function openLegacy(path: string, options: OldOptions): Promise<OldDatabase> {
  const sidecars = await readSidecars(path);
  const tables: LegacyTable[] = [];
  for await (const table of tablesOf(path, sidecars, options)) tables.push(table);
  return new OldLegacyDatabase(path, sidecars, options, tables[0]);
}

/** Its file, and what lies beside it. The file may change between the calls, not during one that is to be whole. */
class OldLegacyDatabase implements OldDatabase {
  readonly kind = 'legacy';
  readonly identity = ''; // nothing in the file tells it from others
  readonly start = '0';
  readonly scanColumn = undefined;
  readonly dimension: number;
  readonly idType: IdType;
  readonly allowNonFinite: boolean;
  readonly count: number;
  readonly #path: string;
  readonly #sidecars: LegacySidecars;
  readonly #options: OldOptions;
  readonly #table: LegacyTable | undefined;

  constructor(path: string, sidecars: LegacySidecars, options: OldOptions, table?: LegacyTable) {
    this.#path = path;
    this.#sidecars = sidecars;
    const told = new Set<number>();
    const onInvalid = (record: InvalidRecord): void => {
      if (!told.has(record.record)) options.onInvalid?.(record); // the last pass may read all twice
      told.add(record.record);
    };
    this.#options = { ...options, onInvalid };
    this.dimension = table?.dimension ?? 0;
    this.#table = table;
    this.idType = options.idType ?? 'string';
    this.allowNonFinite = options.allowNonFinite;
    this.count = table?.count ?? 0;
  }

  get distanceMetric(): DistanceMetric | undefined {
    return this.#table?.distanceMetric;
  }

  async pass(into: NewStore, position: string, step: (done: number) => Promise<void>): Promise<PassResult> {
    const filling = new Filling(this.#path, targetOf(into), this.#options);
    // The marks of deleted entries don't tell when that was.
    const needsReconciling = into.vectorCount > 0;
    const report = { taken: 0, skipped: 0, deleted: 0, withoutId: 0 };
    let newest = position;
    try {
      for await (const table of tablesOf(this.#path, this.#sidecars, this.#options, BigInt(position))) {
        checkDimension(table, into, { name: this.#path });
        for await (const batch of table.rows()) {
          await filling.add(batch);
          const { taken, skipped, deleted } = table.report;
          await step(taken + skipped + deleted + filling.invalid);
        }
        Object.assign(report, table.report);
        newest = String(table.newest);
      }
      await filling.end();
    } catch (thrown) {
      await filling.giveUp();
      throw thrown;
    }
    const expected = report.taken + report.skipped;
    return { ...report, position: newest, invalid: filling.invalid, pending: 0, expected, needsReconciling };
  }

  // Only entries with later timestamps show, and of those just before the end, that are taken twice, other values.
  async isUnchanged(position: string, made: NewStore): Promise<boolean> {
    for await (const table of tablesOf(this.#path, this.#sidecars, this.#options, BigInt(position))) {
      const { missing, different } = await validate(table.rows(), made, async () => Promise.resolve());
      if (missing + different > 0) return false;
    }
    return true;
  }

  async contents(): Promise<Contents> {
    await using source = await openSource(this.#path);
    const isThere = await presenceIn(source, idsByHash(this.#sidecars));
    const sidecars = this.#sidecars;
    return {
      has: (id) => isThere(String(id)),
      // A change of these alone leaves the entry's time as it is.
      metadataOf: (id) => metadataOf(sidecars, String(id)),
    };
  }

  async *rows(): AsyncIterable<Batch> {
    for await (const table of tablesOf(this.#path, this.#sidecars, this.#options)) yield* table.rows();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each call opens the file for itself: the old server may have put another in its place.
  }
}

async function* tablesOf(
  path: string,
  sidecars: LegacySidecars,
  options: OldOptions,
  newerThan?: bigint,
): AsyncGenerator<LegacyTable> {
  await using source = await openSource(path);
  const { idType, allowNonFinite } = options;
  const how = { dimension: undefined, idType, allowNonFinite, batchBytes: batchBytes(options, undefined) };
  yield* legacyFormat(sidecars, { newerThan: newerThan === 0n ? undefined : newerThan }).read(source, how);
}
