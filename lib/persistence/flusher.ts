import { toJvdbError, type JvdbError } from '../errors.js';
import type { VectorId } from '../types.js';
import type { Backend } from './backend.js';
import type { OpenStore } from './open-store.js';
import type { Failure, Report } from './report.js';

// The addon's calls run on libuv's threads, of which there are four: searches need some too.
const AT_ONCE = 2;

/** Makes what has changed durable. Threads: the one that made it; disks are waited for on others. */
export class Flusher<M extends object, I extends VectorId> {
  readonly #report: Report;
  readonly #backend: Backend<M, I>;

  /**
   * Does nothing yet.
   *
   * @param report - counts and tells
   * @param backend - has the stores
   */
  constructor(report: Report, backend: Backend<M, I>) {
    this.#report = report;
    this.#backend = backend;
  }

  /**
   * Flushes all that is open and has changed, and waits for what is being closed.
   *
   * @returns what failed
   */
  async flushAll(): Promise<Failure[]> {
    const failures: Failure[] = [];
    const waiting = this.#unflushed();
    const flushSome = async (): Promise<void> => {
      for (let open = waiting.pop(); open !== undefined; open = waiting.pop()) {
        const error = await this.#flush(open);
        if (error !== undefined) failures.push({ name: open.name, error });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, flushSome));
    await this.#backend.closings();
    for (const name of this.#report.unflushed) {
      const error = await this.#mend(name);
      if (error !== undefined) failures.push({ name, error });
    }
    return failures;
  }

  /** Does so for a timer: what failed is told. */
  async flushInBackground(): Promise<void> {
    if (this.#report.closed) return;
    for (const { error, name } of await this.flushAll()) this.#report.tell('error', error, { name });
  }

  /**
   * Flushes one database, or waits for its closing.
   *
   * @param name - a checked name
   * @returns what failed
   */
  async flushOne(name: string): Promise<JvdbError[]> {
    const stores = [this.#backend.peek(name), ...this.#backend.leaving().filter((open) => open.name === name)];
    const outcomes = stores.map(async (open) => (open === undefined ? undefined : this.#flush(open)));
    const errors = await Promise.all(outcomes);
    await this.#backend.closings();
    if (this.#report.unflushed.includes(name)) errors.push(await this.#mend(name));
    return errors.filter((error) => error !== undefined);
  }

  /**
   * Flushes all on this thread.
   *
   * @returns what failed
   */
  flushSync(): JvdbError[] {
    const errors = this.#unflushed().map((open) => this.#flushNowSync(open));
    for (const name of this.#report.unflushed) errors.push(this.#mendSync(name));
    return errors.filter((error) => error !== undefined);
  }

  #mendSync(name: string): JvdbError | undefined {
    try {
      const error = this.#flushNowSync(this.#backend.take(name));
      if (error === undefined) this.#report.mended(name);
      return error;
    } catch (thrown) {
      return this.#notMended(name, thrown);
    }
  }

  // Closing it failed: what the system still has of it can be flushed once it is open again.
  async #mend(name: string): Promise<JvdbError | undefined> {
    try {
      const error = await this.#flush(await this.#backend.takeAsync(name));
      if (error === undefined) this.#report.mended(name);
      return error;
    } catch (thrown) {
      return this.#notMended(name, thrown);
    }
  }

  #notMended(name: string, thrown: unknown): JvdbError | undefined {
    const error = toJvdbError(thrown);
    if (error.code !== 'JVDB_NOT_FOUND') return error;
    this.#report.forget(name); // it is gone
    return undefined;
  }

  #unflushed(): OpenStore<M, I>[] {
    const all = [...this.#backend.openStores(), ...this.#backend.leaving()];
    return all.filter((open) => open.unflushedLsn !== undefined);
  }

  // One flush of a store after the other: the second has nothing to do, as a rule.
  async #flush(open: OpenStore<M, I>): Promise<JvdbError | undefined> {
    open.uses++;
    try {
      const before = open.flushing;
      const flushed = before.then(async () => this.#flushNow(open));
      open.flushing = flushed;
      return await flushed;
    } finally {
      if (--open.uses === 0) this.#backend.unused(open);
    }
  }

  async #flushNow(open: OpenStore<M, I>): Promise<JvdbError | undefined> {
    const lsn = open.unflushedLsn;
    if (lsn === undefined) return undefined;
    try {
      const began = performance.now();
      await open.store.flush();
      this.#report.flushed(open.name, performance.now() - began, lsn);
      return undefined;
    } catch (thrown) {
      return this.#failed(thrown);
    }
  }

  #flushNowSync(open: OpenStore<M, I>): JvdbError | undefined {
    const lsn = open.unflushedLsn;
    if (lsn === undefined) return undefined;
    try {
      const began = performance.now();
      open.store.flushSync();
      this.#report.flushed(open.name, performance.now() - began, lsn);
      return undefined;
    } catch (thrown) {
      return this.#failed(thrown);
    }
  }

  // What was deleted, or closed and so flushed, is no failure.
  #failed(thrown: unknown): JvdbError | undefined {
    const error = toJvdbError(thrown);
    const over = error.code === 'JVDB_NOT_FOUND' || error.code === 'JVDB_CLOSED';
    return over ? undefined : this.#report.counters.failed(error);
  }
}
