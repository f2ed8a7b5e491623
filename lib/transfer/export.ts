/** Vectors from a store, or databases, into files of other formats. Threads: as the store's. */
import { checkKeys, flag, invalid, shown } from '../arguments.js';
import { formatNamed, formatsOfName, type FormatName } from '../formats/recognise.js';
import { writeTo, type ExportSink } from '../formats/sink.js';
import type { Format, OutTable } from '../formats/types.js';
import type { DatabasePersistence } from '../persistence/interface.js';
import { checkName } from '../persistence/names.js';
import { MemoryMappedVectorStore } from '../store.js';
import { checkedPersistence } from './target.js';
import { StoreTable, tableOf } from './tables.js';
import { Teller } from './teller.js';
import type { ExportDatabasesOptions, ExportOptions, ExportReport, SinkOptions } from './types.js';

const KEYS = ['format', 'signal', 'onProgress', 'gzip', 'overwrite'];

/**
 * Exports all vectors of a store, as of this call, in the order of their last write. What is written meanwhile
 * isn't in it. Memory is bounded by a few batches.
 *
 * @param store - what to export; `readOnly` works beside a writer in another process
 * @param sink - a path, '-' for standard output, or a stream, which is not ended. A file gets its name when it
 *   is whole
 * @param options - see `ExportOptions`
 * @returns a promise of what was written
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where the format can't hold what the store has; `JVDB_EXISTS`,
 *   `JVDB_NO_SPACE`, `JVDB_IO`
 */
export async function exportVectors(
  store: MemoryMappedVectorStore<object>,
  sink: ExportSink,
  options: ExportOptions = {},
): Promise<ExportReport> {
  checkKeys(options, [...KEYS, 'name'], 'options of exportVectors');
  if (!((store as unknown) instanceof MemoryMappedVectorStore))
    throw invalid(
      `give a MemoryMappedVectorStore to export, not ${shown(store)}; exportDatabases takes databases by name`,
    );
  const { name = 'vectors' } = options;
  checkName(name);
  const format = formatFor(sink, options.format);
  const table = new StoreTable(store, name);
  try {
    return await writeTables(format, [() => table], sink, options);
  } finally {
    table.end(); // also where nothing asked for its rows
  }
}

/**
 * Exports databases into one document, each as of the moment it is reached; formats that hold one table take one
 * database.
 *
 * @param persistence - where they are
 * @param sink - as for exportVectors
 * @param options - see `ExportDatabasesOptions`
 * @returns a promise of what was written
 * @throws JvdbError as exportVectors does; `JVDB_NOT_FOUND` where there is no such database
 */
export async function exportDatabases(
  persistence: DatabasePersistence,
  sink: ExportSink,
  options: ExportDatabasesOptions = {},
): Promise<ExportReport> {
  checkKeys(options, [...KEYS, 'databases'], 'options of exportDatabases');
  const from = checkedPersistence(persistence);
  const format = formatFor(sink, options.format);
  const names = options.databases === undefined ? persistence.listDatabases() : checkedDatabases(options.databases);
  for (const name of names) persistence.getDatabaseInfo(name); // that it is there, before anything is written
  const tables = names.map((name) => async () => tableOf(from, name));
  return writeTables(format, tables, sink, options);
}

function checkedDatabases(names: readonly string[]): readonly string[] {
  const isArray: boolean = Array.isArray(names);
  if (!isArray || names.length === 0)
    throw invalid(`databases must be an array of one name or more, not ${shown(names)}; leave it out to export all`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw invalid(`databases names ${shown(twice)} twice; name each once`);
  return names;
}

type WritableFormat = Format & { write: NonNullable<Format['write']> };

function formatFor(sink: ExportSink, name: FormatName | undefined): WritableFormat {
  const [format] = name === undefined ? formatsOfName(typeof sink === 'string' ? sink : '') : [formatNamed(name)];
  if (format === undefined) {
    const what = typeof sink === 'string' ? sink : 'a stream';
    throw invalid(`the format of ${what} can't be told by its name; name it by the option format`);
  }
  if (format.write === undefined)
    throw invalid(`${format.name} is only read; name another format by the option format`);
  return format as WritableFormat;
}

async function writeTables(
  format: WritableFormat,
  tables: readonly (() => StoreTable | Promise<StoreTable>)[],
  sink: ExportSink,
  options: SinkOptions,
): Promise<ExportReport> {
  const began = performance.now();
  let bytes = 0;
  let records = 0;
  let current: StoreTable | undefined;
  const teller = new Teller(options, () => ({
    doneBytes: bytes,
    totalBytes: 0,
    records: records + (current?.done ?? 0),
    totalRecords: tables.length === 1 ? (current?.count ?? 0) : 0,
  }));
  const opened = async function* (): AsyncGenerator<OutTable> {
    for (const open of tables) {
      current = await open();
      try {
        yield current;
        records += current.done;
      } finally {
        current.end();
        current = undefined;
      }
    }
  };
  options.signal?.throwIfAborted();
  teller.tell();
  await writeTo(sink, stepping(format.write(opened()), teller), {
    gzip: flag(options.gzip, 'gzip') ?? (typeof sink === 'string' && sink.toLowerCase().endsWith('.gz')),
    overwrite: flag(options.overwrite, 'overwrite') ?? false,
    onBytes: (more) => {
      bytes += more;
    },
    signal: options.signal,
  });
  teller.tell();
  return { format: format.name as FormatName, records, bytes, durationMs: performance.now() - began };
}

async function* stepping(pieces: AsyncIterable<Uint8Array>, teller: Teller): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    teller.step();
    yield piece;
  }
}
