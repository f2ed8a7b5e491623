/**
 * Arrow, read and written by apache-arrow, which is loaded at the first use: files (Feather is another name for them)
 * and streams, with the columns that Parquet has too, see parquet.ts. A file from a pipe or gzip is kept in a temporary
 * one first. A batch of rows is in memory as a whole, up to 2 GiB. Threads: no state.
 */
import { invalid } from '../../arguments.js';
import { JvdbError } from '../../errors.js';
import { KINDS } from './flat.js';
import { fileMessages, MARK, streamMessages, type ArrowMessage } from './messages.js';
import { ArrowReader } from './reader.js';
import { writeArrow } from './writer.js';
import { lacking } from '../optional-package.js';
import { Malformed } from '../malformed.js';
import { Pieces } from '../pieces.js';
import { randomAccess } from '../random-access.js';
import { NOTES_KEY, readNotes } from '../columns/notes.js';
import type { Format, InBatch, InTable, OutTable, ReadOptions, Source } from '../types.js';

function unreadable(source: Source, thrown: unknown): unknown {
  if (!(thrown instanceof Malformed)) return thrown;
  const message = `${source.name} cannot be read as arrow: ${thrown.message}`;
  return new JvdbError('JVDB_INVALID_ARGUMENT', message, { cause: thrown });
}

async function open(source: Source, messages: AsyncGenerator<ArrowMessage, void>): Promise<ArrowReader> {
  try {
    const first = await messages.next();
    const schema: unknown = first.done === true ? undefined : first.value.header.header();
    if (first.done === true || (first.value.header.headerType as number) !== KINDS.schema) {
      throw new Malformed('it does not begin with a schema');
    }
    return new ArrowReader(source, schema as ArrowReader['schema'], messages);
  } catch (thrown) {
    throw unreadable(source, thrown);
  }
}

async function* rowsOf(source: Source, reader: ArrowReader, options: ReadOptions): AsyncGenerator<InBatch> {
  try {
    yield* reader.rows(options);
  } catch (thrown) {
    throw unreadable(source, thrown);
  }
}

async function* read(source: Source, options: ReadOptions): AsyncGenerator<InTable> {
  const arrow = await import(/* webpackIgnore: true */ 'apache-arrow').catch(lacking('apache-arrow', 'arrow'));
  const head = await source.peek(MARK.length);
  if (head.toString('latin1', 0, 4) === 'FEA1') {
    throw invalid(`${source.name} is of Feather's first version: write it again, by pyarrow.feather.write_feather`);
  }
  if (head.equals(MARK)) {
    await using file = await randomAccess(source);
    yield* tablesOf(source, await open(source, fileMessages(arrow, file)), options);
    return;
  }
  const pieces = new Pieces(source.bytes());
  try {
    yield* tablesOf(source, await open(source, streamMessages(arrow, pieces)), options);
  } finally {
    await pieces.close();
  }
}

function* tablesOf(source: Source, reader: ArrowReader, options: ReadOptions): Generator<InTable> {
  const notes = readNotes(reader.schema.metadata.get(NOTES_KEY));
  const { id } = reader.roles;
  const own = id && (id.kind === 'integer' ? 'int64' : 'string');
  const { dimension } = reader; // not of the notes: vectors may have been changed, and those kept
  yield {
    ...{ name: notes.name, distanceMetric: notes.distanceMetric, count: undefined, dimension },
    idType: own && (options.idType ?? own),
    rows: (allowNonFinite = options.allowNonFinite) =>
      rowsOf(source, reader, { ...options, allowNonFinite, dimension: options.dimension ?? dimension }),
  };
}

const recognises = (head: Buffer): boolean =>
  head.subarray(0, 6).equals(MARK) || head.toString('latin1', 0, 4) === 'FEA1';

// The mark of a message, and the length of a header.
function recognisesStream(head: Buffer): boolean {
  return head.length >= 8 && head.readInt32LE() === -1 && head.readInt32LE(4) > 0 && head.readInt32LE(4) % 8 === 0;
}

/** Columns of a table in batches of rows, in a file. */
export const arrow: Format = {
  name: 'arrow',
  extensions: ['.arrow', '.feather'],
  keepsIds: true,
  recognises,
  read,
  write: (tables: AsyncIterable<OutTable>) => writeArrow(tables, true),
};

/** The same as it goes over a wire, without marks. */
export const arrowStream: Format = {
  name: 'arrow-stream',
  extensions: ['.arrows'],
  keepsIds: true,
  recognises: recognisesStream,
  read,
  write: (tables: AsyncIterable<OutTable>) => writeArrow(tables, false),
};
