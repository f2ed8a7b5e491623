/** Reads a file piece by piece, in bounded memory, also where it ends too early. Threads: one. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { system } from '../directories.js';
import { crc32c } from './crc32c.js';

/** Bytes that can be read anywhere. */
export interface Bytes {
  /**
   * How many there are now.
   *
   * @returns the number
   */
  size(): number;
  /**
   * Reads as many as there are.
   *
   * @param into - where they go
   * @param offset - of the first
   * @returns how many were read
   */
  read(into: Uint8Array, offset: number): number;
}

/** Those of a file. */
export class FileBytes implements Bytes, Disposable {
  readonly #path: string;
  readonly #descriptor: number;

  /**
   * Opens it.
   *
   * @param path - of the file
   */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = system(`open ${path}`, () => openSync(path, 'r'));
  }

  /**
   * How many there are now.
   *
   * @returns the number
   */
  size(): number {
    return system(`read ${this.#path}`, () => fstatSync(this.#descriptor).size);
  }

  /**
   * Reads as many as there are.
   *
   * @param into - where they go
   * @param offset - of the first
   * @returns how many were read
   */
  read(into: Uint8Array, offset: number): number {
    return system(`read ${this.#path}`, () => {
      let done = 0;
      while (done < into.length) {
        const count = readSync(this.#descriptor, into, done, into.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

const PIECE = 1 << 20;
const MIN_PIECE = 1 << 16;

/** A part of them that moves along with what is asked for. */
export class Window {
  readonly #bytes: Bytes;
  #buffer: Uint8Array | undefined;
  #from = 0;
  #count = 0;

  /**
   * @param bytes - of which
   */
  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  /**
   * Some of them, valid until the next call.
   *
   * @param offset - of the first
   * @param length - how many, 1 MiB at most
   * @returns them; undefined where they aren't all there
   */
  at(offset: number, length: number): Uint8Array | undefined {
    // A small file needs no large piece.
    const buffer = (this.#buffer ??= new Uint8Array(Math.min(PIECE, Math.max(this.#bytes.size(), MIN_PIECE))));
    if (length > buffer.length) return undefined;
    if (offset < this.#from || offset + length > this.#from + this.#count) {
      this.#from = offset;
      this.#count = this.#bytes.read(buffer, offset);
    }
    const begin = offset - this.#from;
    return begin + length <= this.#count ? buffer.subarray(begin, begin + length) : undefined;
  }

  /**
   * The checksum of any number of them.
   *
   * @param offset - of the first
   * @param length - how many
   * @returns it; undefined where they aren't all there
   */
  crcOf(offset: number, length: number): number | undefined {
    let crc = 0;
    for (let done = 0; done < length; done += MIN_PIECE) {
      const piece = this.at(offset + done, Math.min(MIN_PIECE, length - done));
      if (piece === undefined) return undefined;
      crc = crc32c(piece, crc);
    }
    return crc;
  }
}
