/**
 * Shows what a file has, byte by byte as docs/format.md says, without the engine: also of a file that the engine
 * refuses. Memory is bounded, whatever the file says. Threads: one; beside a writer each part is shown as it was when
 * it was read.
 */
import type { JobOptions } from '../upkeep-types.js';
import { FileBytes, type Bytes } from './bytes.js';
import { Extents } from './extents.js';
import { readHeaders, readSuperblocks, type Wrong } from './heads.js';
import type { Inspection } from './types.js';
import { Walk } from './walk.js';

const MOST_ERRORS = 100;
const PAUSE_BYTES = 8 << 20;

/** Options of an inspection. */
export interface InspectOptions extends JobOptions {
  /** Records in the report, from the first. Default 0. */
  records?: number | undefined;
  /** Compare vectors, codes, ids and metadata with their checksums. Default true. */
  deep?: boolean | undefined;
}

/**
 * Inspects a file.
 *
 * @param path - of the file
 * @param options - see `InspectOptions`
 * @returns a promise of what it has
 * @throws JvdbError `JVDB_NOT_FOUND` where there is none, `JVDB_IO` where it can't be read
 */
export async function inspectFile(path: string, options: InspectOptions = {}): Promise<Inspection> {
  using bytes = new FileBytes(path);
  return { ...(await inspectBytes(bytes, options)), path };
}

/**
 * Inspects what a file has.
 *
 * @param bytes - of the file
 * @param options - see `InspectOptions`
 * @returns a promise of what it has
 */
export async function inspectBytes(bytes: Bytes, options: InspectOptions = {}): Promise<Inspection> {
  const errors: Inspection['errors'] = [];
  let errorCount = 0;
  const wrong: Wrong = (offset, message, lsn = 0) => {
    errorCount++;
    if (errors.length < MOST_ERRORS) errors.push({ offset, lsn, message });
  };
  const { parts: headers, identity } = readHeaders(bytes, wrong);
  const { parts: superblocks, superblock } = readSuperblocks(bytes, wrong);
  const fileBytes = bytes.size(); // only now: a writer may have grown it before it wrote what was just read
  const extents = new Extents(bytes, identity, superblock, wrong);
  const step = stepper(options, fileBytes);
  const { records = 0, deep = true } = options;
  const walk = new Walk(bytes, extents, identity, superblock, wrong, { limit: records, deep, step });
  const found = await walk.run();
  options.onProgress?.({ doneBytes: fileBytes, totalBytes: fileBytes });
  if (found.extentCount === 0) wrong(0, 'there is no extent: nothing in it can be read');
  return {
    path: '',
    ok: errorCount === 0,
    fileBytes,
    vectorCount: superblock?.vectorCount,
    deadCount: superblock?.deadCount,
    durableLsn: superblock?.durableLsn,
    ...found,
    headers,
    superblocks,
    errorCount,
    errors,
  };
}

// Lets others have the thread, and signals come through, now and then.
function stepper({ signal, onProgress }: JobOptions, totalBytes: number): (bytes: number) => Promise<void> | undefined {
  let [doneBytes, since] = [0, 0];
  return (bytes) => {
    doneBytes += bytes;
    since += bytes;
    if (since < PAUSE_BYTES) return undefined;
    since = 0;
    onProgress?.({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
    return new Promise((resolve) => setImmediate(resolve)).then(() => {
      signal?.throwIfAborted();
    });
  };
}
