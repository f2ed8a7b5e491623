/**
 * Where bytes to import come from: a file, standard input, a stream or memory; gzip is unzipped on the way.
 * Threads: an object belongs to the thread that made it.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { isUint8Array } from 'node:util/types';
import { createGunzip } from 'node:zlib';
import { unlessAborted } from '../abort.js';
import { systemError } from '../directories.js';
import { describe, JvdbError } from '../errors.js';
import { invalid, shown } from '../arguments.js';
import { openFifo } from './fifo.js';
import type { Source } from './types.js';

/** What can be imported: a path, '-' for standard input, a stream of bytes, or bytes. */
export type ImportSource = string | AsyncIterable<Uint8Array> | Uint8Array;

const PIECE = 1 << 20;
const PEEK = 1 << 16;
const GZIP = Buffer.of(0x1f, 0x8b, 8);

/** A source that was opened. */
export interface OpenSource extends Source, AsyncDisposable {
  /** Bytes read so far, as they were found: still zipped. */
  readonly doneBytes: number;
  /** Of so many; undefined where that isn't known. */
  readonly totalBytes: number | undefined;
}

/**
 * Opens what is to be imported.
 *
 * @param input - see `ImportSource`
 * @param signal - ends waiting for bytes of a stream, which is destroyed, and for a named pipe
 * @returns a promise of the source; dispose of it
 * @throws JvdbError `JVDB_NOT_FOUND`, `JVDB_IO`, `JVDB_INVALID_ARGUMENT`; and the signal's reason
 */
export async function openSource(input: ImportSource, signal?: AbortSignal): Promise<OpenSource> {
  checkSource(input);
  const name = typeof input === 'string' ? input : 'the stream';
  const opened = new Opened(name, await openInput(input, signal), signal);
  try {
    await opened.prepare();
    return opened;
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}

function checkSource(input: unknown): void {
  if (typeof input === 'string' || isUint8Array(input)) return;
  const { [Symbol.asyncIterator]: iterate } = (input ?? {}) as Partial<AsyncIterable<unknown>>;
  if (typeof iterate === 'function') return;
  throw invalid(`give a path, '-', a stream of bytes, or a Uint8Array to import, not ${shown(input)}`);
}

type Stream = Exclude<ImportSource, string>;

/** What was opened. */
interface Input {
  bytes: AsyncGenerator<Buffer>;
  /** Also a device. */
  file?: { handle: FileHandle; size: number | undefined };
  /** Of the caller. */
  stream?: Stream;
  fifo?: Readable;
}

async function openInput(input: ImportSource, signal: AbortSignal | undefined): Promise<Input> {
  if (typeof input !== 'string' || input === '-') {
    const stream = typeof input === 'string' ? process.stdin : input;
    return { bytes: streamBytes(stream), stream };
  }
  try {
    const fifo = await openFifo(input, 'r', signal);
    if (fifo !== undefined) return { bytes: streamBytes(fifo), fifo };
    const file = await openFile(input);
    return { bytes: fileBytes(file.handle), file };
  } catch (thrown) {
    signal?.throwIfAborted();
    throw systemError(`open ${input}`, thrown);
  }
}

async function openFile(path: string): Promise<NonNullable<Input['file']>> {
  const handle = await open(path);
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) throw new JvdbError('JVDB_INVALID_ARGUMENT', `${path} is a directory; give a file`);
    return { handle, size: stats.isFile() ? stats.size : undefined };
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

async function* fileBytes(handle: FileHandle): AsyncGenerator<Buffer> {
  for (;;) {
    // Not of the pool: what was given away may be kept.
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(PIECE), 0, PIECE, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* streamBytes(input: Stream): AsyncGenerator<Buffer> {
  if (isUint8Array(input)) {
    if (input.length > 0) yield await Promise.resolve(bufferOf(input));
    return;
  }
  for await (const piece of input as AsyncIterable<unknown>) {
    if (!isUint8Array(piece)) {
      throw new JvdbError('JVDB_INVALID_ARGUMENT', `a stream to import must give bytes, not ${shown(piece)}`);
    }
    // An iterator may give the same memory again and again.
    if (piece.length > 0) yield input instanceof Readable ? bufferOf(piece) : Buffer.from(piece);
  }
}

// Whatever is being waited for then fails.
function destroyStream(input: Stream): void {
  const { destroy } = input as Partial<Readable>;
  if (typeof destroy === 'function') destroy.call(input);
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

// What was looked at already, and what follows.
async function* again(head: readonly Buffer[], rest: AsyncIterator<Buffer, void>): AsyncGenerator<Buffer, void> {
  yield* head;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

class Opened implements OpenSource {
  readonly name: string;
  readonly totalBytes: number | undefined;
  readonly #input: Input;
  readonly #signal: AbortSignal | undefined;
  #isWaiting = false;
  #content: AsyncIterator<Buffer, void>;
  #head: Buffer[] = [];
  #zipped = false;
  doneBytes = 0;

  constructor(name: string, input: Input, signal: AbortSignal | undefined) {
    this.name = name;
    this.totalBytes = input.file?.size;
    this.#input = input;
    this.#signal = signal;
    this.#content = this.#counted();
  }

  /** Looks whether it is zipped. */
  async prepare(): Promise<void> {
    // The third byte is its one method; the first two alone begin vectors of dimension 35615 as well.
    const head = await this.peek(GZIP.length);
    if (!head.equals(GZIP)) return;
    const zipped = again(this.#head, this.#content);
    this.#head = [];
    this.#zipped = true;
    this.#content = this.#unzipped(zipped);
  }

  get size(): number | undefined {
    return this.#zipped ? undefined : this.totalBytes;
  }

  get readAt(): Source['readAt'] {
    const handle = this.#input.file?.handle;
    if (this.size === undefined || handle === undefined) return undefined;
    return async (position, length) => {
      try {
        const buffer = Buffer.allocUnsafeSlow(length);
        let filled = 0;
        while (filled < length) {
          const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        this.doneBytes = Math.min(this.doneBytes + filled, this.totalBytes ?? Infinity); // in any order
        return buffer.subarray(0, filled);
      } catch (thrown) {
        throw systemError(`read ${this.name}`, thrown);
      }
    };
  }

  async peek(length: number): Promise<Buffer> {
    let held = this.#head.reduce((sum, { length: one }) => sum + one, 0);
    while (held < Math.min(length, PEEK)) {
      const next = await this.#content.next();
      if (next.done === true) break;
      this.#head.push(next.value);
      held += next.value.length;
    }
    if (this.#head.length > 1) this.#head = [Buffer.concat(this.#head)];
    return this.#head[0]?.subarray(0, length) ?? Buffer.alloc(0);
  }

  bytes(): AsyncIterable<Buffer> {
    const head = this.#head;
    this.#head = [];
    return again(head, this.#content);
  }

  async *#counted(): AsyncGenerator<Buffer, void> {
    try {
      for (;;) {
        this.#signal?.throwIfAborted();
        this.#isWaiting = true;
        const next = await unlessAborted(this.#signal, this.#input.bytes.next());
        this.#isWaiting = false;
        if (next.done === true) return;
        this.doneBytes += next.value.length;
        yield next.value;
      }
    } catch (thrown) {
      this.#signal?.throwIfAborted();
      throw systemError(`read ${this.name}`, thrown);
    }
  }

  async *#unzipped(zipped: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
    const input = Readable.from(zipped, { objectMode: false, highWaterMark: PIECE });
    const gunzip = createGunzip({ chunkSize: PIECE });
    let failed: unknown;
    input.on('error', (error) => {
      failed = error;
      gunzip.destroy(error);
    });
    try {
      yield* input.pipe(gunzip) as AsyncIterable<Buffer>;
    } catch (thrown) {
      this.#signal?.throwIfAborted();
      if (failed instanceof JvdbError) throw failed;
      const message = `${this.name} is not whole: its gzip data is damaged or cut short (${describe(thrown)})`;
      throw new JvdbError('JVDB_INVALID_ARGUMENT', message, { cause: thrown });
    } finally {
      input.destroy();
      gunzip.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stream, fifo } = this.#input;
    if (this.#isWaiting && stream !== undefined) destroyStream(stream);
    fifo?.destroy();
    const closed = this.#close().catch(() => undefined); // of what nobody waits for any more
    // What is being read comes back for sure of a file only.
    if (!this.#isWaiting || this.totalBytes !== undefined) await closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#input.bytes.return(undefined);
    } finally {
      await this.#input.file?.handle.close();
    }
  }
}
