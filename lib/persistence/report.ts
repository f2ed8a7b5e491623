import { EventEmitter } from 'node:events';
import { JvdbError } from '../errors.js';
import { Counters } from './counters.js';
import { guard } from '../native.js';
import { checkName } from './names.js';
import type { CompactReport } from '../upkeep-types.js';
import type { PersistenceEvents } from './types.js';

/** Called at an event. */
export type Listener<K extends keyof PersistenceEvents> = (...args: PersistenceEvents[K]) => void;

/** A database whose changes could not be made durable. */
export interface Failure {
  name: string;
  error: JvdbError;
}

/** What the parts of a persistence share: whether it is closed, what is counted, and whom to tell. */
export class Report {
  /** Counts what happens. */
  readonly counters = new Counters();
  /** Set once it is closed. */
  closed = false;
  readonly #emitter = new EventEmitter();
  readonly #failures = new Map<string, { error: JvdbError; told: boolean; mended: boolean }>();

  /**
   * Starts open.
   *
   * @param place - how the place of the databases is called in messages
   */
  constructor(readonly place: string) {}

  /**
   * Adds a listener, takes one off, or adds one for the next event only.
   *
   * @param how - which of these
   * @param event - its name
   * @param listener - gets what the event tells
   */
  listen<K extends keyof PersistenceEvents>(how: 'on' | 'once' | 'off', event: K, listener: Listener<K>): void {
    guard(() => this.#emitter[how](event, listener));
  }

  /** Throws once it was closed. */
  checkOpen(): void {
    if (this.closed) throw new JvdbError('JVDB_CLOSED', `the databases in ${this.place} were closed; open them anew`);
  }

  /**
   * Throws once it was closed, and for what can't be a name.
   *
   * @param name - as given by the caller
   */
  check(name: string): void {
    this.checkOpen();
    checkName(name);
  }

  /**
   * Tells listeners, when what is under way has ended.
   *
   * @param event - its name
   * @param args - what listeners get
   */
  tell<K extends keyof PersistenceEvents>(event: K, ...args: PersistenceEvents[K]): void {
    queueMicrotask(() => {
      // An 'error' that nobody hears would end the process.
      if (this.#emitter.listenerCount(event) > 0) this.#emitter.emit(event, ...args);
      else if (event === 'error') process.emitWarning(args[0] as JvdbError);
    });
  }

  /**
   * Counts a flush that had something to do, and tells of it.
   *
   * @param name - of the database
   * @param durationMs - how long it took
   * @param lsn - up to which changes are durable
   */
  flushed(name: string, durationMs: number, lsn: number): void {
    this.counters.flushed(durationMs);
    this.mended(name);
    this.tell('flush', { name, durationMs, lsn });
  }

  /**
   * Counts a database closed to make room, and tells of it.
   *
   * @param name - of the database
   * @param durationMs - how long it took
   */
  evicted(name: string, durationMs: number): void {
    this.counters.evicted();
    this.tell('evict', { name, durationMs });
  }

  /**
   * Counts a database that was compacted by itself, and tells of it.
   *
   * @param name - of the database
   * @param report - what was done
   */
  compacted(name: string, report: CompactReport): void {
    const { compacted, durationMs, bytesBefore, bytesAfter } = report;
    if (!compacted) return;
    this.counters.compactions++;
    this.tell('compact', { name, durationMs, bytesBefore, bytesAfter });
  }

  /**
   * Counts a compaction that failed, and tells of it: nothing is lost by that.
   *
   * @param name - of the database
   * @param error - why
   */
  notCompacted(name: string, error: JvdbError): void {
    this.tell('error', this.counters.failed(error), { name });
  }

  /**
   * Counts a closing that failed, and tells of it: nobody waits for it, but a flush must not conceal it.
   *
   * @param name - of the database
   * @param thrown - what was thrown
   */
  failed(name: string, thrown: unknown): void {
    const error = this.counters.failed(thrown);
    this.#failures.set(name, { error, told: false, mended: false });
    this.tell('error', error, { name });
  }

  /** Databases whose closing failed, and that were not flushed since. */
  get unflushed(): string[] {
    return [...this.#failures].filter(([, { mended }]) => !mended).map(([name]) => name);
  }

  /**
   * A database whose closing failed was flushed: what the system still had of it is durable.
   *
   * @param name - of the database
   */
  mended(name: string): void {
    const failure = this.#failures.get(name);
    if (failure !== undefined) failure.mended = true;
  }

  /**
   * Forgets a failure.
   *
   * @param name - of a database that is gone
   */
  forget(name: string): void {
    this.#failures.delete(name);
  }

  /** Forgets what a flush has told and mended: what is asked from here on is about what came after. */
  forgetTold(): void {
    for (const [name, { told, mended }] of this.#failures) if (told && mended) this.#failures.delete(name);
  }

  /**
   * Closings that failed, and were not told and mended before the flush that asks began.
   *
   * @param only - of this database; without it, of all
   * @returns them; they are told now
   */
  tellFailures(only?: string): JvdbError[] {
    const asked = [...this.#failures].filter(([name]) => only === undefined || name === only);
    for (const [, failure] of asked) failure.told = true;
    return asked.map(([, { error }]) => error);
  }

  /** The first of them that nobody was told. */
  get untold(): JvdbError | undefined {
    return [...this.#failures.values()].find(({ told }) => !told)?.error;
  }
}
