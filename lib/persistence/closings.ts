import { toJvdbError, type JvdbError } from '../errors.js';
import type { VectorId } from '../types.js';
import type { OpenStore } from './open-store.js';
import type { Report } from './report.js';

/** Stores that are being closed: flushed, and what fails told. Threads: the one that made it. */
export class Closings<M extends object, I extends VectorId> {
  readonly #report: Report;
  readonly #closed: () => void;
  readonly #under = new Map<OpenStore<M, I>, Promise<void>>();

  /**
   * Closes nothing yet.
   *
   * @param report - counts and tells
   * @param closed - called when a file was closed
   */
  constructor(report: Report, closed: () => void) {
    this.#report = report;
    this.#closed = closed;
  }

  /** Stores that are being closed on other threads. */
  get size(): number {
    return this.#under.size;
  }

  /**
   * Closes on this thread.
   *
   * @param open - nobody uses it
   */
  closeNow(open: OpenStore<M, I>): void {
    const tell = this.#closes(open);
    try {
      open.store.close();
      tell();
    } catch (thrown) {
      this.#report.failed(open.name, thrown);
    } finally {
      this.#closed();
    }
  }

  /**
   * Closes on another thread.
   *
   * @param open - for every call it is closed at once
   * @returns a promise that resolves when it is
   */
  close(open: OpenStore<M, I>): Promise<void> {
    const close = async (): Promise<void> => {
      const tell = this.#closes(open);
      try {
        await open.store.closeAsync();
        tell();
      } catch (thrown) {
        this.#report.failed(open.name, thrown);
      } finally {
        this.#under.delete(open);
        this.#closed();
      }
    };
    const closing = close();
    this.#under.set(open, closing);
    return closing;
  }

  // To be called before a store is closed; what it returns, after.
  #closes(open: OpenStore<M, I>): () => void {
    const lsn = open.unflushedLsn;
    const began = performance.now();
    return () => {
      if (lsn !== undefined) this.#report.flushed(open.name, performance.now() - began, lsn);
    };
  }

  /**
   * Waits for those on other threads.
   *
   * @returns a promise that resolves when they are closed
   */
  async all(): Promise<void> {
    await Promise.all(this.#under.values());
  }

  /**
   * Waits for those on other threads, on this one.
   *
   * @returns what failed
   */
  finish(): JvdbError[] {
    const failures: JvdbError[] = [];
    for (const { store } of this.#under.keys()) {
      try {
        store.close();
      } catch (thrown) {
        failures.push(toJvdbError(thrown));
      }
    }
    return failures;
  }
}
