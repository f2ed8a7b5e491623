import { between, invalid, shown } from './arguments.js';
import { JvdbError, toJvdbError } from './errors.js';
import { guard } from './native.js';
import { Periodic } from './periodic.js';

/** What can be flushed: each `DatabasePersistence`, and any store. */
export interface Flushable {
  /** Makes all changes durable, off the event loop. */
  flush: () => Promise<void>;
  /** The same on this thread. */
  flushSync: () => void;
  /** Whether it was closed: then it is passed over. */
  readonly closed?: boolean;
}

const MOST_SECONDS = 2 ** 31 / 1000 - 1; // what a timer can wait

/**
 * Flushes several persistences together: by interval, when asked, and at the end of a program
 * (`SignalHandler`). There is one in each thread. A persistence with a `flushIntervalSeconds` of its own
 * needs none; what was flushed just before has nothing to do.
 */
export class VectorFlushManager {
  static readonly #instance = new VectorFlushManager();
  readonly #registered = new Map<string, Flushable>();
  readonly #flushes = new Periodic<VectorFlushManager>(this, async (manager) => {
    try {
      await manager.flushAll();
    } catch (thrown) {
      process.emitWarning(toJvdbError(thrown));
    }
  });

  private constructor() {
    return;
  }

  /**
   * The one of this thread.
   *
   * @returns it
   */
  static getInstance(): VectorFlushManager {
    return VectorFlushManager.#instance;
  }

  /** Whether periodic flushes are on. */
  get running(): boolean {
    return this.#flushes.running;
  }

  /**
   * Adds a persistence. It is kept until it is unregistered, or was closed.
   *
   * @param name - to unregister it by
   * @param persistence - or a store
   * @throws JvdbError `JVDB_EXISTS` where another has the name
   */
  registerPersistence(name: string, persistence: Flushable): void {
    guard(() => {
      this.#register(name, persistence);
    });
  }

  #register(name: string, persistence: Flushable): void {
    if (typeof name !== 'string') throw invalid(`the name of a persistence must be a string, not ${shown(name)}`);
    const { flush, flushSync } = (persistence as Partial<Flushable> | undefined) ?? {};
    if (typeof flush !== 'function' || typeof flushSync !== 'function') {
      throw invalid(`a persistence has flush() and flushSync(); ${shown(persistence)} has not`);
    }
    this.#forgetClosed();
    const there = this.#registered.get(name);
    if (there !== undefined && there !== persistence) {
      throw new JvdbError('JVDB_EXISTS', `a persistence ${shown(name)} is registered already; unregister it first`);
    }
    this.#registered.set(name, persistence);
  }

  /**
   * Takes a persistence out.
   *
   * @param name - what it was registered by
   * @returns false where there is none of this name
   */
  unregisterPersistence(name: string): boolean {
    return this.#registered.delete(name);
  }

  /**
   * Flushes all again and again; the process does not live on for it. A flush that is due while another is
   * under way is left out. What fails is a process warning, and in the statistics of its persistence.
   *
   * @param seconds - between flushes, more than 0
   */
  startPeriodicFlush(seconds: number): void {
    this.#flushes.start(between(seconds, 0.001, MOST_SECONDS, 'the seconds between flushes'));
  }

  /** No more periodic flushes; one under way goes on. */
  stopPeriodicFlush(): void {
    this.#flushes.stop();
  }

  /**
   * Flushes all that are registered, one after the other.
   *
   * @returns a promise that resolves when they are flushed
   * @throws JvdbError the first failure; the others were flushed all the same
   */
  async flushAll(): Promise<void> {
    let first: JvdbError | undefined;
    for (const persistence of this.#open()) {
      try {
        await persistence.flush();
      } catch (thrown) {
        first ??= this.#failure(persistence, thrown);
      }
    }
    if (first !== undefined) throw first;
  }

  /**
   * `flushAll` on this thread.
   *
   * @throws JvdbError the first failure; the others were flushed all the same
   */
  flushAllSync(): void {
    let first: JvdbError | undefined;
    for (const persistence of this.#open()) {
      try {
        persistence.flushSync();
      } catch (thrown) {
        first ??= this.#failure(persistence, thrown);
      }
    }
    if (first !== undefined) throw first;
  }

  #open(): Flushable[] {
    this.#forgetClosed();
    return [...this.#registered.values()];
  }

  #forgetClosed(): void {
    for (const [name, { closed }] of this.#registered) if (closed === true) this.#registered.delete(name);
  }

  // Closing flushes: what was closed meanwhile is no failure, and is forgotten.
  #failure(persistence: Flushable, thrown: unknown): JvdbError | undefined {
    const error = toJvdbError(thrown);
    if (error.code !== 'JVDB_CLOSED') return error;
    for (const [name, one] of this.#registered) if (one === persistence) this.#registered.delete(name);
    return undefined;
  }
}
