/**
 * Parquet, read by hyparquet and written by hyparquet-writer, which are loaded at the first use. A column of ids
 * (integers or texts), one of vectors (lists of numbers; float64 is rounded to the nearest float32), and metadata: a
 * column of JSON texts or of structs, with all other columns as fields of it. Moments become ISO texts, integers
 * beyond 2^53 digits; a field that is null, and columns of bytes, are left out. Threads: no state.
 */
import { JvdbError } from '../../errors.js';
import { lacking } from '../optional-package.js';
import { readFooter } from './footer.js';
import { ParquetReader } from './reader.js';
import { Malformed } from '../malformed.js';
import { writeParquet } from './writer.js';
import { randomAccess } from '../random-access.js';
import { NOTES_KEY, readNotes } from '../columns/notes.js';
import type { Format, InBatch, InTable, ReadOptions, Source } from '../types.js';

function unreadable(source: Source, thrown: unknown): unknown {
  if (!(thrown instanceof Malformed)) return thrown;
  const message = `${source.name} cannot be read as parquet: ${thrown.message}`;
  return new JvdbError('JVDB_INVALID_ARGUMENT', message, { cause: thrown });
}

async function* rowsOf(source: Source, reader: ParquetReader, options: ReadOptions): AsyncGenerator<InBatch> {
  try {
    yield* reader.rows(options);
  } catch (thrown) {
    throw unreadable(source, thrown);
  }
}

async function* read(source: Source, options: ReadOptions): AsyncGenerator<InTable> {
  const hyparquet = await import(/* webpackIgnore: true */ 'hyparquet').catch(lacking('hyparquet', 'parquet'));
  await using file = await randomAccess(source);
  let reader: ParquetReader;
  let count: number;
  let notes: ReturnType<typeof readNotes>;
  try {
    const footer = await readFooter(hyparquet, file);
    reader = new ParquetReader(hyparquet, source, file, footer);
    count = Number(footer.num_rows);
    notes = readNotes(footer.key_value_metadata?.find(({ key }) => key === NOTES_KEY)?.value);
  } catch (thrown) {
    throw unreadable(source, thrown);
  }
  const { id } = reader.roles;
  const own = id && (id.kind === 'integer' ? 'int64' : 'string');
  yield {
    ...notes,
    // Where there are rows they say it: vectors may have been changed, and the notes kept.
    dimension: count === 0 ? notes.dimension : undefined,
    idType: own && (options.idType ?? own),
    count: Number.isSafeInteger(count) && count >= 0 ? count : undefined,
    rows: (allowNonFinite = options.allowNonFinite) => rowsOf(source, reader, { ...options, allowNonFinite }),
  };
}

const MAGIC = Buffer.from('PAR1');

/** Columns of a table in groups of rows. */
export const parquet: Format = {
  name: 'parquet',
  extensions: ['.parquet', '.pq'],
  keepsIds: true,
  recognises: (head) => head.subarray(0, 4).equals(MAGIC),
  read,
  write: writeParquet,
};
