/** The end of a Parquet file, which says what is where in it. Threads: no state. */
import type { FileMetaData } from 'hyparquet';
import { describe } from '../../errors.js';
import { Malformed } from '../malformed.js';
import { ThriftReader } from './thrift.js';
import { PARSERS, type Hyparquet } from './values.js';
import type { RandomAccess } from '../random-access.js';

const MAX_FOOTER = 64 * 1024 * 1024;

/**
 * Reads the footer.
 *
 * @param hyparquet - the package
 * @param file - the file
 * @returns a promise of what it says; none of it was compared with the file
 * @throws Malformed where there is none
 */
export async function readFooter(hyparquet: Hyparquet, file: RandomAccess): Promise<FileMetaData> {
  const end = await file.readAt(Math.max(file.size - 8, 0), 8);
  const magic = end.toString('latin1', 4);
  if (magic === 'PARE') throw new Malformed('it is encrypted: write it without');
  if (file.size < 12 || magic !== 'PAR1') throw new Malformed('it does not end with PAR1: get the whole file');
  const length = end.readUInt32LE();
  if (length > file.size - 12 || length > MAX_FOOTER) {
    throw new Malformed(
      `its footer is said to have ${length} bytes, in a file of ${file.size} (${MAX_FOOTER} at most)`,
    );
  }
  const bytes = await file.readAt(file.size - 8 - length, length + 8);
  const reader = new ThriftReader(bytes.subarray(0, length));
  reader.struct();
  try {
    return hyparquet.parquetMetadata(bytes, { parsers: PARSERS, geoparquet: false });
  } catch (thrown) {
    throw new Malformed(`its footer cannot be read: ${describe(thrown)}`, { cause: thrown });
  }
}
