/**
 * Where exported bytes go: a file, standard output or a stream; zipped on the way where that is asked for.
 * A file gets its name when it is whole and on the disk. Threads: one call at a time.
 */
import { once } from 'node:events';
import { open, link, rename, rm, type FileHandle } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { invalid, shown } from '../arguments.js';
import { describe, JvdbError } from '../errors.js';

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
}

const PIECE = 1 << 20;

/**
 * Writes bytes. Where that fails, a file is as it was before.
 *
 * @param sink - see `ExportSink`
 * @param bytes - in pieces
 * @param options - see `WriteOptions`
 * @returns a promise that resolves when all is written
 * @throws JvdbError `JVDB_EXISTS`, `JVDB_NOT_FOUND` where there is no such directory, `JVDB_NO_SPACE`, `JVDB_IO`; and
 *   what the bytes' iterator throws
 */
export async function writeTo(
  sink: ExportSink,
  bytes: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<void> {
  const { gzip, overwrite, onBytes } = options;
  const pieces = gzip ? zipped(bytes) : bytes;
  if (typeof sink === 'string' && sink !== '-') return writeFile(sink, pieces, overwrite, onBytes);
  const stream = typeof sink === 'string' ? process.stdout : sink;
  if (typeof (stream as Partial<Writable> | null)?.write !== 'function') {
    throw invalid(`give a path, '-' or a stream to write to, not ${shown(sink)}`);
  }
  return writeStream(stream as Writable, pieces, onBytes);
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

const CODES: Record<string, 'JVDB_EXISTS' | 'JVDB_NOT_FOUND' | 'JVDB_NO_SPACE'> = {
  EEXIST: 'JVDB_EXISTS',
  ENOENT: 'JVDB_NOT_FOUND',
  ENOSPC: 'JVDB_NO_SPACE',
  EDQUOT: 'JVDB_NO_SPACE',
};

function cannot(what: string, thrown: unknown): JvdbError {
  const code = CODES[(thrown as NodeJS.ErrnoException).code ?? ''] ?? 'JVDB_IO';
  const hint = code === 'JVDB_EXISTS' ? '; remove it, or give another name, or the option overwrite' : '';
  return new JvdbError(code, `cannot write ${what}: ${describe(thrown)}${hint}`, { cause: thrown });
}

async function writeFile(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  overwrite: boolean,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}-${Date.now()}`;
  const file = await attempt(path, () => open(temporary, 'wx', 0o666));
  try {
    try {
      for await (const piece of pieces) {
        await attempt(path, () => writeAll(file, piece));
        onBytes(piece.length);
      }
      await attempt(path, () => file.sync());
    } finally {
      await file.close();
    }
    await attempt(path, () => (overwrite ? rename(temporary, path) : renameNew(temporary, path)));
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}

async function attempt<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw cannot(path, thrown);
  }
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) {
    const { bytesWritten } = await file.write(piece, at, piece.length - at);
    at += bytesWritten;
  }
}

// A link fails where the name is taken, which no rename does.
async function renameNew(from: string, to: string): Promise<void> {
  await link(from, to);
  await rm(from);
}

async function writeStream(
  stream: Writable,
  pieces: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let failure: unknown;
  const onError = (error: unknown): void => {
    failure ??= error;
  };
  stream.on('error', onError);
  try {
    for await (const piece of pieces) {
      if (failure === undefined && !stream.write(piece)) await drained(stream);
      if (failure !== undefined) break;
      onBytes(piece.length);
    }
    // What was written last is out, or failed.
    if (failure === undefined)
      await new Promise<void>((resolve) => {
        stream.write('', () => {
          resolve();
        });
      });
  } catch (thrown) {
    if (failure === undefined) throw thrown;
  } finally {
    stream.off('error', onError);
  }
  if (failure !== undefined) throw cannot('the output', failure);
}

// Or ended: then nothing drains.
async function drained(stream: Writable): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  try {
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]);
  } finally {
    waiting.abort();
  }
}
