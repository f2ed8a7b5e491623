/** Which format bytes are in: by what is asked for, by how they begin, by the name. Threads: no state. */
import { invalid, shown } from '../arguments.js';
import { arrow, arrowStream } from './arrow/arrow.js';
import { csv } from './text/csv.js';
import { json } from './text/json.js';
import { jsonl } from './text/jsonl.js';
import { legacyJvdb } from './legacy/legacy-jvdb.js';
import { npy } from './numpy/npy.js';
import { npz } from './numpy/npz.js';
import { parquet } from './parquet/parquet.js';
import type { Format, Source } from './types.js';
import { bvecs, fvecs, ivecs } from './vecs.js';

/** All formats. */
export const FORMATS: readonly Format[] = [
  ...[json, jsonl, csv, npy, npz, parquet, arrow, arrowStream],
  ...[fvecs, ivecs, bvecs, legacyJvdb],
];

/** The name of a format. */
export type FormatName =
  | 'json'
  | 'jsonl'
  | 'csv'
  | 'npy'
  | 'npz'
  | 'parquet'
  | 'arrow'
  | 'arrow-stream'
  | 'fvecs'
  | 'ivecs'
  | 'bvecs'
  | 'legacy-jvdb';

const HEAD = 1 << 16;

/**
 * A format by its name.
 *
 * @param name - as given by the caller
 * @returns it
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where there is none
 */
export function formatNamed(name: string): Format {
  const format = FORMATS.find((one) => one.name === name);
  if (format !== undefined) return format;
  throw invalid(`format must be one of ${FORMATS.map((one) => one.name).join(', ')}, not ${shown(name)}`);
}

/**
 * The format that a file's name ends with; `.gz` behind it is passed over.
 *
 * @param name - of the file
 * @returns the formats that it may be in
 */
export function formatsOfName(name: string): Format[] {
  const lower = name.toLowerCase().replace(/\.gz$/, '');
  return FORMATS.filter(({ extensions }) => extensions.some((extension) => lower.endsWith(extension)));
}

/**
 * The format of what is to be read.
 *
 * @param source - the bytes
 * @returns a promise of it
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it can't be told
 */
export async function recognise(source: Source): Promise<Format> {
  const head = await source.peek(HEAD);
  if (head.length === 0) throw invalid(`${source.name} is empty`);
  const certain = FORMATS.find((one) => one.recognises(head) === true);
  if (certain !== undefined) return certain;
  // What doesn't even begin so is read by its name all the same, and says what is wrong with it.
  const named = formatsOfName(source.name);
  const likeliest = named.find((one) => one.recognises(head) !== false) ?? named[0];
  if (likeliest !== undefined) return likeliest;
  throw invalid(
    `the format of ${source.name} can't be told by its content, nor by its name; name it: ` +
      FORMATS.map((one) => one.name).join(', '),
  );
}
