/** Bytes that are needed later: a few in memory, many in a file without a name. */
import { randomUUID } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemAsync } from '../directories.js';

const PIECE_BYTES = 1024 * 1024;

/** Takes bytes in order, then gives them again. */
export class Spill {
  /** How many there are. */
  size = 0;
  readonly #pending = Buffer.allocUnsafe(PIECE_BYTES);
  #length = 0;
  #path = '';
  #file: FileHandle | undefined;

  /**
   * Takes bytes.
   *
   * @param bytes - any number
   */
  async add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#length === PIECE_BYTES) await this.#flush();
      const end = Math.min(at + PIECE_BYTES - this.#length, bytes.length);
      this.#pending.set(bytes.subarray(at, end), this.#length);
      this.#length += end - at;
      at = end;
    }
    this.size += bytes.length;
  }

  async #flush(): Promise<void> {
    await systemAsync(`write a temporary file in ${tmpdir()}`, async () => {
      this.#file ??= await this.#create();
      for (let at = 0; at < this.#length;) {
        at += (await this.#file.write(this.#pending, at, this.#length - at)).bytesWritten;
      }
    });
    this.#length = 0;
  }

  // Its name goes at once where it may, so that it ends with the process.
  async #create(): Promise<FileHandle> {
    this.#path = path.join(tmpdir(), `jvdb-${randomUUID()}.tmp`);
    const file = await open(this.#path, 'wx+', 0o600);
    await rm(this.#path, { force: true }).catch(() => undefined);
    return file;
  }

  /**
   * Gives them all.
   *
   * @yields {Buffer} pieces that are whoever's who takes them
   */
  async *bytes(): AsyncGenerator<Buffer> {
    const inFile = this.size - this.#length;
    for (let at = 0; at < inFile;) {
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, inFile - at));
      const read = async (): Promise<number> => (await this.#file?.read(piece, 0, piece.length, at))?.bytesRead ?? 0;
      const got = await systemAsync(`read a temporary file in ${tmpdir()}`, read);
      if (got === 0) throw new RangeError(`a temporary file ends at byte ${at} of ${inFile}`);
      yield piece.subarray(0, got);
      at += got;
    }
    if (this.#length > 0) yield Buffer.from(this.#pending.subarray(0, this.#length));
  }

  /**
   * Gives some of them; more may be taken afterwards.
   *
   * @param position - of the first
   * @param length - how many
   * @returns so many, fewer at the end
   */
  async readAt(position: number, length: number): Promise<Buffer> {
    const inFile = this.size - this.#length;
    const end = Math.min(position + length, this.size);
    const bytes = Buffer.allocUnsafeSlow(Math.max(end - position, 0));
    let at = position;
    while (at < Math.min(end, inFile)) {
      const [to, wanted] = [at - position, Math.min(end, inFile) - at];
      const read = async (): Promise<number> => (await this.#file?.read(bytes, to, wanted, at))?.bytesRead ?? 0;
      const got = await systemAsync(`read a temporary file in ${tmpdir()}`, read);
      if (got === 0) throw new RangeError(`a temporary file ends at byte ${at} of ${inFile}`);
      at += got;
    }
    if (at < end) bytes.set(this.#pending.subarray(at - inFile, end - inFile), at - position);
    return bytes;
  }

  /** Removes what is kept. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    await file.close();
    await rm(this.#path, { force: true });
  }
}
