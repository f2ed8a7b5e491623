/** Vectors from files of other formats into a store. Threads: as the store's. */
import { checkedSignal, invalid, shown } from '../arguments.js';
import { JvdbError } from '../errors.js';
import type { FormatName } from '../formats/recognise.js';
import { openSource, type ImportSource } from '../formats/source.js';
import type { Format, InTable, ReadOptions, Source } from '../formats/types.js';
import type { MemoryMappedVectorStore } from '../store.js';
import { checkCheckpoint, Checkpoint, identityOf } from './checkpoint.js';
import { Filling, saying, type Resumption } from './filling.js';
import { batchBytes, checkImportOptions, formatToRead } from './options.js';
import { checkDimension, targetOf, type NamedDatabase, type Target } from './target.js';
import { Teller } from './teller.js';
import type { ImportOptions, ImportReport } from './types.js';

/**
 * Imports vectors, off the event loop as far as storing goes. Memory is bounded by a few batches. Each
 * batch is one change: an import that ends early leaves whole batches, and importing again replaces the
 * same ids.
 *
 * @param store - a store, or a database by name: it must exist
 * @param source - a path, '-' for standard input, a stream of bytes, or bytes; gzip is unzipped
 * @param options - see `ImportOptions`
 * @returns a promise of what was done; all of it is durable
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where the source can't be read as the format, or a record can't;
 *   `JVDB_DIMENSION_MISMATCH`; `JVDB_NOT_FOUND` where there is no such file or table; `JVDB_CONFLICT` where
 *   the checkpoint is of another source; and what storing throws
 */
export async function importVectors(
  store: MemoryMappedVectorStore<object> | NamedDatabase,
  source: ImportSource,
  options: ImportOptions = {},
): Promise<ImportReport> {
  checkImportOptions(options, ['table', 'checkpoint'], 'options of importVectors');
  const began = performance.now();
  const target = targetOf(store);
  const signal = checkedSignal(options.signal);
  signal?.throwIfAborted();
  if (options.checkpoint !== undefined) await checkCheckpoint(options.checkpoint);
  await using opened = await openSource(source, signal);
  const format = await formatToRead(options, opened, source);
  const resumption = await checkpointOf(options, opened, source, format, target);
  const filling = new Filling(opened.name, target, options, resumption);
  let count = 0;
  const teller = new Teller(options, () => ({
    doneBytes: opened.doneBytes,
    totalBytes: opened.totalBytes ?? 0,
    records: filling.position,
    totalRecords: count,
  }));
  teller.tell();
  try {
    const how = { ...target, batchBytes: batchBytes(options, target.dimension) };
    const table = chosen(format, opened, how, options.table, teller);
    for await (const found of saying(table, async () => filling.imported())) {
      count = found.count ?? 0;
      checkDimension(found, target, opened);
      for await (const batch of saying(found.rows(), async () => filling.imported())) {
        teller.step();
        await filling.add(batch);
      }
    }
    await filling.end();
  } catch (thrown) {
    await filling.giveUp();
    throw thrown;
  }
  teller.tell();
  return {
    format: format.name as FormatName,
    records: filling.position - filling.resumedAt,
    stored: filling.stored,
    invalid: filling.invalid,
    resumedAt: filling.resumedAt,
    bytes: opened.doneBytes,
    durationMs: performance.now() - began,
  };
}

async function checkpointOf(
  { checkpoint, table, firstId }: ImportOptions,
  source: Source,
  given: ImportSource,
  { name }: Format,
  target: Target,
): Promise<Resumption | undefined> {
  if (checkpoint === undefined) return undefined;
  const identity = await identityOf(source, given, target, [name, table, firstId]);
  const file = new Checkpoint(checkpoint, identity, target);
  return { file, records: await file.load() };
}

// The one table that is wanted.
async function* chosen(
  format: Format,
  source: Source,
  { dimension, idType, allowNonFinite, batchBytes }: ReadOptions,
  wanted: string | undefined,
  teller: Teller,
): AsyncGenerator<InTable> {
  const names: string[] = [];
  let met = false;
  for await (const table of format.read(source, { dimension, idType, allowNonFinite, batchBytes })) {
    names.push(shown(table.name ?? ''));
    const isWanted = wanted === undefined || table.name === wanted;
    if (isWanted && met) {
      throw invalid(
        `${source.name} holds several databases (${names.join(', ')}, …), and the first was imported; ` +
          'say which one by the option table of importVectors and jvdb import, or import all by importDatabases',
      );
    }
    met ||= isWanted;
    if (isWanted) yield table;
    else await passOver(table, teller);
  }
  if (met || wanted === undefined) return;
  const there = names.join(', ') || 'none';
  throw new JvdbError('JVDB_NOT_FOUND', `${source.name} has no table ${shown(wanted)}, but ${there}`);
}

async function passOver(table: InTable, teller: Teller): Promise<void> {
  const rows = table.rows()[Symbol.asyncIterator]();
  while ((await rows.next()).done !== true) teller.step();
}
