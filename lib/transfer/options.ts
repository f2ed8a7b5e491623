/** Checks the options of imports. Threads: no state. */
import { checkKeys, flag, integer, invalid, shown } from '../arguments.js';
import { legacyFormat, legacyJvdb } from '../formats/legacy/legacy-jvdb.js';
import { readSidecars } from '../formats/legacy/sidecars.js';
import { formatNamed, recognise } from '../formats/recognise.js';
import type { ImportSource } from '../formats/source.js';
import type { Format, Source } from '../formats/types.js';
import type { RecordOptions } from './types.js';

const BATCH_BYTES = 4 << 20;
// Memory for it is made at once.
const MAX_BATCH_BYTES = 64 << 20;
const KEYS = ['format', 'signal', 'onProgress', 'batchSize', 'firstId', 'skipInvalid', 'onInvalid'];

/**
 * Checks options, but for signal and onProgress.
 *
 * @param options - as given by the caller
 * @param texts - names of more options, which are texts
 * @param what - how messages call them
 */
export function checkImportOptions(options: RecordOptions, texts: readonly string[], what: string): void {
  checkKeys(options, [...KEYS, ...texts], what);
  flag(options.skipInvalid, 'skipInvalid');
  if (options.batchSize !== undefined) integer(options.batchSize, 1, 1_000_000, 'batchSize');
  if (options.firstId !== undefined) integer(options.firstId, 0, Number.MAX_SAFE_INTEGER, 'firstId');
  for (const name of texts) {
    const value: unknown = (options as Record<string, unknown>)[name];
    if (value !== undefined && typeof value !== 'string')
      throw invalid(`${name} must be a string, not ${shown(value)}`);
  }
  if (options.onInvalid !== undefined && typeof options.onInvalid !== 'function') {
    throw invalid(`onInvalid must be a function, not ${shown(options.onInvalid)}`);
  }
}

/**
 * How many bytes of vectors make a batch: as many as `batchSize` records have, but no more than 64 MiB.
 *
 * @param options - checked
 * @param dimension - of the vectors; undefined where it isn't known
 * @returns about so many
 */
export function batchBytes(options: RecordOptions, dimension: number | undefined): number {
  const { batchSize } = options;
  if (batchSize === undefined || dimension === undefined) return BATCH_BYTES;
  return Math.min(batchSize * dimension * 4, MAX_BATCH_BYTES);
}

/**
 * The format to read in; of the old server's files with what lies beside them.
 *
 * @param options - checked
 * @param opened - the bytes
 * @param given - where they come from
 * @returns a promise of it
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where there is none, or it can't be told
 */
export async function formatToRead(options: RecordOptions, opened: Source, given: ImportSource): Promise<Format> {
  const format = options.format === undefined ? await recognise(opened) : formatNamed(options.format);
  const isBeside = format === legacyJvdb && typeof given === 'string' && given !== '-';
  return isBeside ? legacyFormat(await readSidecars(given)) : format;
}
