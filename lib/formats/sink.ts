/**
 * Where exported bytes go: a file, standard output or a stream; zipped on the way where that is asked for.
 * A file gets its name when it is whole and on the disk. Threads: one call at a time.
 */
import { randomUUID } from 'node:crypto';
import { lstat, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { invalid, shown } from '../arguments.js';
import { codeOf, renameNew, syncDirectory, systemError, unlessMissing } from '../directories.js';
import { JvdbError } from '../errors.js';
import { databaseIn } from './databases.js';
import { openFifo } from './fifo.js';
import { StreamOutput } from './stream-output.js';

/** Where an export goes: a path, '-' for standard output, or a stream of bytes, which is not ended. */
export type ExportSink = string | NodeJS.WritableStream;

/** How to write. */
export interface WriteOptions {
  /** Zip what is written. */
  gzip: boolean;
  /** A file that exists is replaced. */
  overwrite: boolean;
  /** Told of each piece that was written. */
  onBytes: (bytes: number) => void;
  /** Ends waiting for a stream or a named pipe that takes nothing. */
  signal?: AbortSignal | undefined;
}

const PIECE = 1 << 20;

/**
 * Writes bytes. Where that fails, a file is as it was before. A device or a pipe with the name is written to, and
 * not replaced.
 *
 * @param sink - see `ExportSink`
 * @param bytes - in pieces
 * @param options - see `WriteOptions`
 * @returns a promise that resolves when all is written
 * @throws JvdbError `JVDB_EXISTS`, before anything is read; `JVDB_INVALID_ARGUMENT` where the file is a database, or
 *   has become one;
 *   `JVDB_NOT_FOUND` where there is no such directory,
 *   `JVDB_NO_SPACE`, `JVDB_IO`; and what the bytes' iterator throws
 */
export async function writeTo(
  sink: ExportSink,
  bytes: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<void> {
  const pieces = options.gzip ? zipped(bytes) : bytes;
  if (typeof sink === 'string' && sink !== '-') return writeFile(sink, pieces, options);
  const stream = typeof sink === 'string' ? process.stdout : sink;
  const { write, on, off } = (stream as Partial<Writable> | null) ?? {};
  if (![write, on, off].every((one) => typeof one === 'function')) {
    throw invalid(`give a path, '-' or a stream to write to, not ${shown(sink)}`);
  }
  return writeStream('the output', stream as Writable, pieces, options);
}

async function* zipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = Readable.from(bytes, { objectMode: false, highWaterMark: PIECE });
  const gzip = createGzip({ chunkSize: PIECE });
  input.on('error', (error) => gzip.destroy(error));
  try {
    yield* input.pipe(gzip) as AsyncIterable<Uint8Array>;
  } finally {
    input.destroy();
    gzip.destroy();
  }
}

async function writeFile(name: string, pieces: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<void> {
  const { overwrite, onBytes } = options;
  const found = await attempt(name, () => unlessMissing(() => stat(name)));
  if (found?.isDirectory() === true) throw invalid(`cannot write ${name}: it is a directory; name a file in it`);
  if (found?.isFile() === false) return writeDevice(name, pieces, options);
  // Also a link to nothing, which has no target to be written.
  const isTaken = (found ?? (await attempt(name, () => unlessMissing(() => lstat(name))))) !== undefined;
  if (isTaken && !overwrite) throw exists(name);
  if (found !== undefined) await refuseDatabase(name);
  const target = found === undefined ? name : await attempt(name, () => realpath(name)); // a link stays one
  const temporary = `${target}.tmp-${randomUUID()}`;
  const mode = (found?.mode ?? 0o666) & 0o777;
  const file = await attempt(name, () => open(temporary, 'wx', mode));
  // What the mask of the process took off; where that can't be, fewer may read it than before.
  if (found !== undefined) await file.chmod(mode).catch(() => undefined);
  try {
    await writePieces(name, file, pieces, onBytes, () => file.sync());
    if (isTaken || !(await isNamed(name, temporary, overwrite))) await replace(name, temporary, target);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}

// Whether nothing had the name, which the file has now.
async function isNamed(name: string, temporary: string, overwrite: boolean): Promise<boolean> {
  try {
    await attempt(name, () => renameNew(temporary, name));
    return true;
  } catch (thrown) {
    if (overwrite && codeOf(thrown) === 'JVDB_EXISTS') return false;
    throw thrown;
  }
}

async function replace(name: string, temporary: string, target: string): Promise<void> {
  await refuseDatabase(target); // one that was made meanwhile
  await attempt(name, async () => {
    await rename(temporary, target);
    syncDirectory(path.dirname(target));
  });
}

// Or to a pipe.
async function writeDevice(name: string, pieces: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<void> {
  const { signal } = options;
  const fifo = await attempt(name, () => openFifo(name, 'w', signal), signal);
  if (fifo === undefined) return writePieces(name, await attempt(name, () => open(name, 'w')), pieces, options.onBytes);
  try {
    await writeStream(name, fifo, pieces, options);
  } finally {
    fifo.destroy();
  }
}

async function refuseDatabase(name: string): Promise<void> {
  const database = await attempt(name, () => unlessMissing(async () => Promise.resolve(databaseIn(name))));
  if (database !== undefined) throw invalid(`cannot write ${name}: it is ${database}; give another name`);
}

// And closes the file.
async function writePieces(
  name: string,
  file: FileHandle,
  pieces: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
  finish = (): Promise<void> => Promise.resolve(),
): Promise<void> {
  try {
    for await (const piece of pieces) {
      await attempt(name, () => writeAll(file, piece));
      onBytes(piece.length);
    }
    await attempt(name, finish);
  } finally {
    await file.close();
  }
}

function exists(name: string): JvdbError {
  return new JvdbError(
    'JVDB_EXISTS',
    `cannot write ${name}: it exists; remove it, or give another name, or the option overwrite`,
  );
}

async function attempt<T>(name: string, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    signal?.throwIfAborted();
    if (codeOf(thrown) === 'EEXIST') throw exists(name); // meanwhile
    if (codeOf(thrown) !== 'ENOENT') throw systemError(`write ${name}`, thrown);
    const directory = path.dirname(path.resolve(name));
    throw new JvdbError('JVDB_NOT_FOUND', `cannot write ${name}: there is no directory ${directory}`, {
      cause: thrown,
    });
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) {
    const { bytesWritten } = await file.write(piece, at, piece.length - at);
    at += bytesWritten;
  }
}

async function writeStream(
  name: string,
  stream: Writable,
  pieces: AsyncIterable<Uint8Array>,
  { onBytes, signal }: WriteOptions,
): Promise<void> {
  const output = new StreamOutput(stream, signal);
  try {
    output.check();
    for await (const piece of pieces) {
      await output.write(piece);
      onBytes(piece.length);
    }
    await output.finish();
  } catch (thrown) {
    throw output.failure === undefined ? thrown : systemError(`write ${name}`, output.failure);
  } finally {
    output.release();
  }
}
