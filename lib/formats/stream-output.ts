/** Bytes into a stream of the caller's, which may fail, or be closed, at any moment. Threads: one call at a time. */
import type { Writable } from 'node:stream';
import { unlessAborted } from '../abort.js';

/** A stream while it is written to. */
export class StreamOutput {
  readonly #stream: Writable;
  readonly #signal: AbortSignal | undefined;
  #failure: unknown;
  #isFull = false;
  #pending = 0;
  #wake = (): void => undefined;
  readonly #onError = (error: unknown): void => {
    this.#failure ??= error;
    this.#wake();
  };
  readonly #onClose = (): void => {
    this.#onError(new Error('it was closed before all was written'));
  };
  readonly #onDrain = (): void => {
    this.#isFull = false;
    this.#wake();
  };

  /**
   * @param stream - is not ended
   * @param signal - ends waiting for it
   */
  constructor(stream: Writable, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on('error', this.#onError);
    stream.on('close', this.#onClose);
    stream.on('drain', this.#onDrain);
    // Of a stream that was closed before, no event tells.
    const { destroyed, writableEnded, errored } = stream;
    if (destroyed || writableEnded) this.#failure = errored ?? new Error(`it was ${destroyed ? 'closed' : 'ended'}`);
  }

  /** Why it takes no more; undefined where it does. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Writes, and waits until it takes more.
   *
   * @param piece - some bytes
   * @throws what the stream failed with, and the signal's reason
   */
  async write(piece: Uint8Array): Promise<void> {
    this.check();
    this.#pending++;
    this.#isFull = !this.#stream.write(piece, (error) => {
      // Its event tells the same; standard output has a listener for it, which goes first.
      if (error instanceof Error) setImmediate(this.#onError, error);
      else {
        this.#pending--;
        this.#wake();
      }
    });
    await this.#until(() => !this.#isFull);
  }

  /**
   * Waits until all is out.
   *
   * @throws as `write` does
   */
  async finish(): Promise<void> {
    await this.#until(() => this.#pending === 0);
  }

  /** Leaves the stream alone. */
  release(): void {
    const stream = this.#stream;
    stream.off('close', this.#onClose);
    stream.off('drain', this.#onDrain);
    // An error that a callback told of comes as an event too, later; which nobody else may listen to.
    if (this.#failure === undefined) stream.off('error', this.#onError);
  }

  async #until(isSo: () => boolean): Promise<void> {
    this.check();
    while (!isSo()) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await unlessAborted(this.#signal, woken);
      this.check();
    }
  }

  /**
   * Whether it takes anything.
   *
   * @throws what the stream failed with
   */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
  }
}
