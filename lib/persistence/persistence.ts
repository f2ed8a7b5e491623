import { JvdbError, toJvdbError } from '../errors.js';
import { guard, guardAsync } from '../native.js';
import { keepOnThread } from '../own-thread.js';
import { Periodic } from '../periodic.js';
import type { VectorId } from '../types.js';
import { addDatabase, addUnreadable, type Backend } from './backend.js';
import { Flusher } from './flusher.js';
import type { DatabasePersistence } from './interface.js';
import { noDatabase } from './names.js';
import { NamedStores } from './named-stores.js';
import type { Listener, Report } from './report.js';
import type { DatabaseInfo, DatabaseSchema, HealthReport, PersistenceEvents, StorageStats } from './types.js';

/** What both kinds of persistence do alike. Threads: the one that made it. */
export abstract class Persistence<M extends object, I extends VectorId>
  extends NamedStores<M, I>
  implements DatabasePersistence<M, I>
{
  readonly #report: Report;
  readonly #backend: Backend<M, I>;
  readonly #flusher: Flusher<M, I>;
  readonly #flushes: Periodic<Flusher<M, I>>;

  /**
   * Begins to flush.
   *
   * @param report - its own
   * @param backend - its own
   * @param flushIntervalSeconds - 0: only when asked
   */
  protected constructor(report: Report, backend: Backend<M, I>, flushIntervalSeconds: number) {
    super(backend);
    keepOnThread(this, 'a persistence belongs to the thread that made it; make one for its place in the other one too');
    this.#report = report;
    this.#backend = backend;
    this.#flusher = new Flusher(report, backend);
    this.#flushes = new Periodic(this.#flusher, async (flusher) => flusher.flushInBackground());
    if (flushIntervalSeconds > 0) this.#flushes.start(flushIntervalSeconds);
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#report.closed;
  }

  /** @inheritdoc */
  createDatabase(name: string, schema: DatabaseSchema): boolean {
    this.#report.check(name);
    return guard(() => this.#backend.create(name, schema));
  }

  /** @inheritdoc */
  deleteDatabase(name: string): boolean {
    this.#report.check(name);
    return this.#backend.delete(name);
  }

  /** @inheritdoc */
  listDatabases(): string[] {
    this.#report.checkOpen();
    return this.#backend.list();
  }

  /** @inheritdoc */
  hasDatabase(name: string): boolean {
    this.#report.check(name);
    return this.#backend.has(name);
  }

  /** @inheritdoc */
  getDatabaseInfo(name: string): DatabaseInfo {
    this.#report.check(name);
    return this.#backend.info(name);
  }

  /** @inheritdoc */
  async warmUp(names: readonly string[]): Promise<void> {
    this.#report.checkOpen();
    await guardAsync(async () => this.#backend.warmUp(names));
  }

  /** @inheritdoc */
  on<K extends keyof PersistenceEvents>(event: K, listener: Listener<K>): this {
    this.#report.listen('on', event, listener);
    return this;
  }

  /** @inheritdoc */
  once<K extends keyof PersistenceEvents>(event: K, listener: Listener<K>): this {
    this.#report.listen('once', event, listener);
    return this;
  }

  /** @inheritdoc */
  off<K extends keyof PersistenceEvents>(event: K, listener: Listener<K>): this {
    this.#report.listen('off', event, listener);
    return this;
  }

  /** @inheritdoc */
  async flush(): Promise<void> {
    this.#report.checkOpen();
    this.#report.forgetTold();
    const failures = await this.#flusher.flushAll();
    for (const error of [...failures.map((one) => one.error), ...this.#report.tellFailures()]) throw error;
  }

  /** @inheritdoc */
  flushSync(): void {
    this.#report.checkOpen();
    this.#report.forgetTold();
    const failures = [...this.#flusher.flushSync(), ...this.#backend.finishClosings()];
    for (const error of [...failures, ...this.#report.tellFailures()]) throw error;
  }

  /** @inheritdoc */
  async flushDatabase(name: string): Promise<boolean> {
    const exists = this.hasDatabase(name);
    this.#report.forgetTold();
    const failures = await this.#flusher.flushOne(name);
    for (const error of [...failures, ...this.#report.tellFailures(name)]) throw error;
    return exists;
  }

  /** @inheritdoc */
  async getStorageStats(): Promise<StorageStats> {
    this.#report.checkOpen();
    const figures = this.#backend.figuresOfOthers();
    const live = this.#backend.openStores().map(({ name, store }) => ({ name, figures: attempt(() => store.stats()) }));
    const sum = await figures;
    for (const { name, figures: found } of live) {
      if (found instanceof JvdbError) addUnreadable(sum, name, found);
      else addDatabase(sum, found.vectorCount, found.deadCount, found.allocatedBytes);
    }
    return {
      totalDatabases: sum.databases,
      totalVectors: sum.vectors,
      deletedVectors: sum.deleted,
      totalBytes: sum.bytes,
      ...this.#backend.files(),
      ...this.#report.counters.stats(),
      unreadable: sum.unreadable,
    };
  }

  /** @inheritdoc */
  async healthCheck(): Promise<HealthReport> {
    const began = performance.now();
    let totalDatabases = 0;
    let error: JvdbError | undefined;
    try {
      totalDatabases = this.listDatabases().length;
      const failures = await this.#flusher.flushAll();
      error = failures[0]?.error ?? this.#report.untold;
    } catch (thrown) {
      error = toJvdbError(thrown);
    }
    return { healthy: error === undefined, totalDatabases, durationMs: performance.now() - began, error };
  }

  /** @inheritdoc */
  async closeDatabase(name: string): Promise<void> {
    this.#report.check(name);
    const open = this.#backend.peek(name);
    if (open !== undefined) this.#backend.dropAsync(open);
    else if (!this.#backend.has(name)) throw noDatabase(name, this.#report.place);
    await this.#backend.closings();
    for (const error of this.#report.tellFailures(name)) throw error;
  }

  /** @inheritdoc */
  close(): void {
    const failures: JvdbError[] = [];
    if (!this.#report.closed) {
      this.#endFlushes();
      for (const { store } of this.#backend.end()) {
        const closed = attempt(() => {
          store.close();
        });
        if (closed instanceof JvdbError) failures.push(this.#report.counters.failed(closed));
      }
    }
    failures.push(...this.#backend.finishClosings());
    for (const error of [...failures, ...this.#report.tellFailures()]) throw error;
  }

  /** @inheritdoc */
  async closeAsync(): Promise<void> {
    if (!this.#report.closed) {
      this.#endFlushes();
      this.#backend.endAsync();
    }
    await this.#backend.closings();
    for (const error of this.#report.tellFailures()) throw error;
  }

  #endFlushes(): void {
    this.#report.closed = true;
    this.#flushes.stop();
  }

  /** Closes, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAsync();
  }
}

function attempt<T>(call: () => T): T | JvdbError {
  try {
    return call();
  } catch (thrown) {
    return toJvdbError(thrown);
  }
}
