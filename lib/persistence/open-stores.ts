/**
 * The open stores of a persistence, least recently used first. Threads: the one that made it; an
 * operation off the event loop holds its store from its beginning to its end.
 */
import { LRUCache } from 'lru-cache';
import { toJvdbError, type JvdbError } from '../errors.js';
import type { MemoryMappedVectorStore } from '../store.js';
import type { VectorId } from '../types.js';
import { Closings } from './closings.js';
import type { Counters } from './counters.js';
import { OpenStore, type Opener } from './open-store.js';
import type { Report } from './report.js';

const PATIENCE_MS = 100;

interface Opening<M extends object, I extends VectorId> {
  opened: Promise<OpenStore<M, I>>;
  /** Whether the name may stand for another file by now. */
  forgotten: boolean;
}

/** As many open stores as the limit allows, and more only while all of them are in use. */
export class OpenStores<M extends object, I extends VectorId> {
  readonly #limit: number;
  readonly #opener: Opener<M, I>;
  readonly #report: Report;
  readonly #counters: Counters;
  // It keeps the order; who must go is decided here, since it knows nothing of use.
  readonly #cache = new LRUCache<string, OpenStore<M, I>>({ maxSize: Number.MAX_SAFE_INTEGER });
  readonly #opening = new Map<string, Opening<M, I>>();
  readonly #underWay = new Set<Opening<M, I>>(); // those, and the forgotten ones
  readonly #closings: Closings<M, I>;
  readonly #leaving = new Set<OpenStore<M, I>>(); // taken out, but in use
  readonly #waiting: (() => void)[] = []; // for a change
  #files = 0; // open, being opened or being closed
  #last: OpenStore<M, I> | undefined; // most recently used

  /**
   * Starts with none.
   *
   * @param limit - stores that may be open
   * @param opener - opens them
   * @param report - counts and tells
   */
  constructor(limit: number, opener: Opener<M, I>, report: Report) {
    this.#limit = limit;
    this.#opener = opener;
    this.#report = report;
    this.#counters = report.counters;
    this.#closings = new Closings(report, () => {
      this.#files--;
      this.#changed();
    });
  }

  /** Files that are open now. */
  get files(): number {
    return this.#files;
  }

  /**
   * A store that is open, without making it the last used.
   *
   * @param name - of its database
   * @returns it, undefined where it isn't open
   */
  peek(name: string): OpenStore<M, I> | undefined {
    return this.#cache.peek(name);
  }

  /**
   * All that are open.
   *
   * @returns them, most recently used first
   */
  all(): OpenStore<M, I>[] {
    return [...this.#cache.values()];
  }

  /** Those that were taken out, but are in use. */
  get leaving(): OpenStore<M, I>[] {
    return [...this.#leaving];
  }

  /**
   * The store of a database, opened where it isn't.
   *
   * @param name - of the database
   * @returns it; to be used before anything else is done, or held by `uses`
   */
  take(name: string): OpenStore<M, I> {
    return this.#hit(name) ?? this.#open(name);
  }

  /**
   * `take` that opens off the event loop.
   *
   * @param name - of the database
   * @returns the store, or a promise of it where it must be opened; by then it may be `gone` again
   */
  takeAsync(name: string): OpenStore<M, I> | Promise<OpenStore<M, I>> {
    const hit = this.#hit(name);
    if (hit !== undefined) return hit;
    const there = this.#opening.get(name);
    if (there !== undefined) {
      this.#counters.lruHits++;
      return there.opened;
    }
    const filePath = this.#opener.find(name);
    const opening = { forgotten: false } as Opening<M, I>;
    opening.opened = this.#openAsync(name, filePath, opening).finally(() => {
      if (this.#opening.get(name) === opening) this.#opening.delete(name);
      this.#underWay.delete(opening);
    });
    opening.opened.catch(() => undefined); // whoever asked may fail before waiting for it
    this.#opening.set(name, opening);
    this.#underWay.add(opening);
    return opening.opened;
  }

  /**
   * The name may stand for another file from here on.
   *
   * @param name - of a database that was deleted or made
   */
  forget(name: string): void {
    const open = this.#cache.peek(name);
    if (open !== undefined) this.drop(open);
    const opening = this.#opening.get(name);
    if (opening !== undefined) opening.forgotten = true;
    this.#opening.delete(name);
  }

  #hit(name: string): OpenStore<M, I> | undefined {
    const last = this.#last;
    if (last?.name === name) {
      this.#counters.lruHits++;
      return last;
    }
    const found = this.#cache.get(name);
    if (found === undefined) return undefined;
    this.#counters.lruHits++;
    this.#last = found;
    return found;
  }

  #open(name: string): OpenStore<M, I> {
    const filePath = this.#opener.find(name); // nothing is closed for one that isn't there
    this.#counters.lruMisses++;
    for (let victim; this.#files >= this.#limit && (victim = this.#victim()) !== undefined;) this.#evict(victim);
    this.#countFile();
    const began = performance.now();
    try {
      const store = this.withDescriptors(() => this.#opener.open(name, filePath));
      return this.#add(name, store, began);
    } catch (thrown) {
      this.#files--;
      throw thrown;
    }
  }

  /**
   * Makes a call that needs a file descriptor. The process may have fewer than our limit: then half of what is
   * idle is closed, and the call made once more.
   *
   * @param call - opens, creates or removes a file
   * @returns what the call returns
   */
  withDescriptors<T>(call: () => T): T {
    try {
      return call();
    } catch (thrown) {
      if (!lacksDescriptors(thrown)) throw thrown;
      const some = this.#someToClose();
      for (const victim of some) this.#evict(victim);
      if (some.length === 0 && this.#closings.size === 0) throw thrown;
      this.finishClosings();
      return call();
    }
  }

  async #openAsync(name: string, filePath: string, opening: Opening<M, I>): Promise<OpenStore<M, I>> {
    this.#counters.lruMisses++;
    await this.#makeRoom();
    const began = performance.now();
    let store: MemoryMappedVectorStore<M, I>;
    try {
      store = await this.#openWithDescriptors(name, filePath);
    } catch (thrown) {
      this.#files--;
      this.#changed();
      throw thrown;
    }
    const there = this.#cache.peek(name); // a call that did not wait was faster
    if (there !== undefined || opening.forgotten || this.#report.closed) {
      await this.#closings.close(new OpenStore(name, store));
      this.#report.checkOpen();
      return there ?? (await this.takeAsync(name));
    }
    const opened = this.#add(name, store, began);
    opened.uses++; // held until those who wait for it have it
    setImmediate(() => {
      if (--opened.uses === 0) this.unused(opened);
    });
    return opened;
  }

  async #openWithDescriptors(name: string, filePath: string): Promise<MemoryMappedVectorStore<M, I>> {
    try {
      return await this.#opener.openAsync(name, filePath);
    } catch (thrown) {
      if (!lacksDescriptors(thrown)) throw thrown;
      const some = this.#someToClose();
      if (some.length === 0 && this.#closings.size === 0) throw thrown;
      await Promise.all([this.#closings.all(), ...some.map(async (victim) => this.#evictAsync(victim))]);
      return await this.#opener.openAsync(name, filePath);
    }
  }

  // Returns once a file may be opened, and has counted it. While all are in use it waits a moment for one of
  // them, no longer: whoever uses them may wait for this call.
  async #makeRoom(): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (this.#files >= this.#limit) {
      const victim = this.#victim();
      if (victim !== undefined) await this.#evictAsync(victim);
      else if (!(await this.#change(end))) break;
    }
    this.#countFile();
  }

  // Waits for a store that is closed, opened or used no more; false when it is too late.
  async #change(end: number): Promise<boolean> {
    const left = end - performance.now();
    if (left <= 0) return false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, left);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return true;
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #countFile(): void {
    this.#files++;
    if (this.#isAboveLimit()) this.#counters.limitExceeded++;
  }

  #add(name: string, store: MemoryMappedVectorStore<M, I>, began: number): OpenStore<M, I> {
    const opened = new OpenStore(name, store);
    this.#cache.set(name, opened, { size: 1 });
    this.#last = opened;
    this.#report.tell('open', { name, durationMs: performance.now() - began });
    return opened;
  }

  #victim(): OpenStore<M, I> | undefined {
    for (const candidate of this.#leastUsedFirst()) if (candidate.uses === 0) return candidate;
    return undefined;
  }

  #leastUsedFirst(): IterableIterator<OpenStore<M, I>> {
    return this.#cache.rvalues() as IterableIterator<OpenStore<M, I>>;
  }

  #someToClose(): OpenStore<M, I>[] {
    const idle = [...this.#leastUsedFirst()].filter(({ uses }) => uses === 0);
    return idle.slice(0, Math.ceil(idle.length / 2));
  }

  /**
   * Takes a store out, so that the next call asks for the name anew; it is closed when nobody uses it.
   *
   * @param open - the store
   */
  drop(open: OpenStore<M, I>): void {
    if (this.#leaves(open)) this.#closings.closeNow(open);
  }

  /**
   * `drop` that closes off the event loop: see `closings`.
   *
   * @param open - the store
   */
  dropAsync(open: OpenStore<M, I>): void {
    if (this.#leaves(open)) void this.#closings.close(open);
  }

  // Whether it can be closed at once.
  #leaves(open: OpenStore<M, I>): boolean {
    if (open.gone) return false;
    this.#takeOut(open);
    if (open.uses > 0) this.#leaving.add(open);
    return open.uses === 0;
  }

  /**
   * To be called when `uses` came down to 0.
   *
   * @param open - the store
   */
  unused(open: OpenStore<M, I>): void {
    if (!open.gone) this.#keepLimit();
    else if (this.#leaving.delete(open)) void this.#closings.close(open);
    if (this.#waiting.length > 0) this.#changed();
  }

  // It may have been passed while all were in use.
  #keepLimit(): void {
    if (this.#report.closed) return;
    for (let victim; this.#isAboveLimit() && (victim = this.#victim()) !== undefined;) void this.#evictAsync(victim);
  }

  #isAboveLimit(): boolean {
    return this.#files - this.#closings.size > this.#limit;
  }

  #takeOut(open: OpenStore<M, I>): void {
    open.gone = true;
    this.#cache.delete(open.name);
    if (this.#last === open) this.#last = undefined;
  }

  #evict(victim: OpenStore<M, I>): void {
    const began = performance.now();
    this.#takeOut(victim);
    this.#closings.closeNow(victim);
    this.#evicted(victim, began);
  }

  async #evictAsync(victim: OpenStore<M, I>): Promise<void> {
    const began = performance.now();
    this.#takeOut(victim);
    await this.#closings.close(victim);
    this.#evicted(victim, began);
  }

  #evicted({ name }: OpenStore<M, I>, began: number): void {
    this.#report.evicted(name, performance.now() - began);
  }

  /**
   * Waits for the stores that are being closed on other threads.
   *
   * @returns a promise that resolves when they are; what failed was told
   */
  async closings(): Promise<void> {
    // Once all is closed, what was being opened is closed next.
    const opening = this.#report.closed ? Array.from(this.#underWay, ({ opened }) => opened) : [];
    await Promise.allSettled([...opening, this.#closings.all()]);
  }

  /**
   * Waits for them on this thread.
   *
   * @returns what failed
   */
  finishClosings(): JvdbError[] {
    return this.#closings.finish();
  }

  /**
   * Takes all out, used or not; nothing is opened from here on.
   *
   * @returns them, for the caller to close
   */
  end(): OpenStore<M, I>[] {
    const all = this.#takeAllOut();
    this.#files -= all.length;
    return all;
  }

  /** Closes all, used or not, off the event loop; nothing is opened from here on. */
  endAsync(): void {
    for (const open of this.#takeAllOut()) void this.#closings.close(open);
  }

  #takeAllOut(): OpenStore<M, I>[] {
    const all = [...this.all(), ...this.#leaving];
    this.#leaving.clear();
    for (const open of all) if (!open.gone) this.#takeOut(open);
    return all;
  }
}

function lacksDescriptors(thrown: unknown): boolean {
  return toJvdbError(thrown).code === 'JVDB_TOO_MANY_OPEN_FILES';
}
