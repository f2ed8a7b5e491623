/** Tells the caller how far an import or export has come, and gives up when it is told to. Threads: one. */
import { checkedSignal, invalid, shown } from '../arguments.js';
import type { TransferOptions, TransferProgress } from './types.js';

const EVERY_MS = 100;

/** Progress and signal of one import or export. */
export class Teller {
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: TransferOptions['onProgress'];
  readonly #now: () => TransferProgress;
  #toldAt = 0;

  /**
   * @param options - as given by the caller
   * @param now - how far it has come
   */
  constructor(options: TransferOptions, now: () => TransferProgress) {
    const { signal, onProgress } = options;
    if (onProgress !== undefined && typeof onProgress !== 'function') {
      throw invalid(`onProgress must be a function, not ${shown(onProgress)}`);
    }
    this.#signal = checkedSignal(signal);
    this.#onProgress = onProgress;
    this.#now = now;
  }

  /** Tells it at once. */
  tell(): void {
    this.#toldAt = performance.now();
    this.#onProgress?.(this.#now());
  }

  /**
   * Between two batches.
   *
   * @throws the signal's reason, once it was aborted
   */
  step(): void {
    this.#signal?.throwIfAborted();
    if (performance.now() - this.#toldAt >= EVERY_MS) this.tell();
  }
}
