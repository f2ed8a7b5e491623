/** Databases from files of other formats into a storage. Threads: as the storage's. */
import { checkedSignal, invalid, shown } from '../arguments.js';
import type { FormatName } from '../formats/recognise.js';
import { openSource, type ImportSource, type OpenSource } from '../formats/source.js';
import type { InTable } from '../formats/types.js';
import type { DatabasePersistence } from '../persistence/interface.js';
import { Filling, saying } from './filling.js';
import { batchBytes, checkImportOptions, formatToRead } from './options.js';
import { checkDimension, checkedPersistence, targetOf, type Target } from './target.js';
import { Teller } from './teller.js';
import type { ImportDatabasesOptions, ImportDatabasesReport, ImportedDatabase } from './types.js';

/**
 * Imports all databases of a document, or one database of any format: it is created where there is none, as what
 * is read says, else filled further. As `importVectors` otherwise.
 *
 * @param persistence - where to
 * @param source - as for importVectors
 * @param options - see `ImportDatabasesOptions`
 * @returns a promise of what was done, database by database; all of it is durable
 * @throws JvdbError as importVectors does; `JVDB_INVALID_ARGUMENT` where a table has no name and none is given
 */
export async function importDatabases(
  persistence: DatabasePersistence,
  source: ImportSource,
  options: ImportDatabasesOptions = {},
): Promise<ImportDatabasesReport> {
  checkImportOptions(options, ['database', 'distanceMetric', 'idType'], 'options of importDatabases');
  checkedPersistence(persistence);
  const began = performance.now();
  const signal = checkedSignal(options.signal);
  signal?.throwIfAborted();
  await using opened = await openSource(source, signal);
  const format = await formatToRead(options, opened, source);
  const databases: ImportedDatabase[] = [];
  let current: TableImport | undefined;
  const before = (): number => databases.reduce((sum, { records }) => sum + records, 0);
  const teller = new Teller(options, () => ({
    doneBytes: opened.doneBytes,
    totalBytes: opened.totalBytes ?? 0,
    records: before() + (current?.position ?? 0),
    totalRecords: 0,
  }));
  teller.tell();
  const known = knownTarget(persistence, options.database);
  const how = {
    dimension: known?.dimension,
    idType: known?.idType ?? options.idType,
    allowNonFinite: known?.allowNonFinite ?? false,
    batchBytes: batchBytes(options, known?.dimension),
  };
  const tables = saying(format.read(opened, how), async () => Promise.resolve(wholeOnes(databases) || undefined));
  for await (const table of tables) {
    current = new TableImport(persistence, opened, table, options, databases);
    databases.push(await current.run(teller));
    current = undefined;
  }
  teller.tell();
  return {
    format: format.name as FormatName,
    databases,
    bytes: opened.doneBytes,
    durationMs: performance.now() - began,
  };
}

// For messages.
function wholeOnes(done: readonly ImportedDatabase[]): string {
  const names = done.map(({ database }) => shown(database)).join(', ');
  return done.length === 0 ? '' : `${names} before it ${done.length === 1 ? 'was' : 'were'} imported whole`;
}

function knownTarget(persistence: DatabasePersistence, database: string | undefined): Target | undefined {
  return database !== undefined && persistence.hasDatabase(database) ? targetOf({ persistence, database }) : undefined;
}

class TableImport {
  readonly #persistence: DatabasePersistence;
  readonly #source: OpenSource;
  readonly #table: InTable;
  readonly #options: ImportDatabasesOptions;
  readonly #name: string;
  readonly #before: string;
  readonly #allowNonFinite: boolean | undefined;
  readonly #filling: Filling;
  #created = false;

  constructor(
    persistence: DatabasePersistence,
    source: OpenSource,
    table: InTable,
    options: ImportDatabasesOptions,
    done: readonly ImportedDatabase[],
  ) {
    this.#persistence = persistence;
    this.#source = source;
    this.#table = table;
    this.#options = options;
    if (options.database !== undefined && done.length > 0) {
      throw invalid(
        `${source.name} holds several databases, of which the first was imported into ${options.database}: leave the ` +
          `option database out, or say which one by the option table of importVectors and jvdb import`,
      );
    }
    const name = options.database ?? table.name;
    if (name === undefined) {
      throw invalid(
        `${source.name} doesn't say what its database is called: name it by the option database; ` +
          'in a JSON document "name" and "schema" must come before "vectors"',
      );
    }
    this.#name = name;
    this.#before = wholeOnes(done);
    this.#filling = new Filling(source.name, undefined, options, undefined, this.#before);
    this.#allowNonFinite = knownTarget(persistence, name)?.allowNonFinite ?? table.allowNonFinite;
  }

  get position(): number {
    return this.#filling.position;
  }

  async run(teller: Teller): Promise<ImportedDatabase> {
    const { dimension, idType } = this.#table;
    if (dimension !== undefined && (this.#options.idType ?? idType) !== undefined) this.#prepare(dimension);
    try {
      for await (const batch of saying(this.#table.rows(this.#allowNonFinite), async () => this.#imported())) {
        teller.step();
        this.#filling.count(batch);
        if (batch.count > 0) this.#prepare(batch.vectors.length / batch.count, batch.ids);
        await this.#filling.store(batch);
      }
      if (dimension !== undefined) this.#prepare(dimension); // though there is no vector
      await this.#filling.end();
    } catch (thrown) {
      await this.#filling.giveUp();
      throw thrown;
    }
    const { position: records, stored, invalid: wrong } = this.#filling;
    return { database: this.#name, created: this.#created, records, stored, invalid: wrong };
  }

  async #imported(): Promise<string | undefined> {
    const now = await this.#filling.imported();
    return [now, this.#before].filter(Boolean).join('; ') || undefined;
  }

  // Before the first vector: makes the database where there is none.
  #prepare(dimension: number, [id]: readonly unknown[] = []): void {
    if (this.#filling.hasTarget) return;
    this.#created = this.#persistence.createDatabase(this.#name, {
      dimension,
      distanceMetric: this.#options.distanceMetric ?? this.#table.distanceMetric,
      idType: this.#options.idType ?? this.#table.idType ?? (typeof id === 'string' ? 'string' : 'int64'),
      allowNonFinite: this.#allowNonFinite,
    });
    const target = targetOf({ persistence: this.#persistence, database: this.#name });
    checkDimension({ dimension }, target, this.#source);
    this.#filling.fill(target);
  }
}
