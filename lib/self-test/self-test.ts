/** Measures a store on this machine in a limited time, and compares its answers with what they must be. Threads: one. */
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { JvdbError } from '../errors.js';
import { simd } from '../simd.js';
import { MemoryMappedVectorStore } from '../store.js';
import { blockFor, nearest, vectorFor } from './workload.js';

/** What a self-test takes. */
export interface SelfTestOptions {
  /** About how long; checks and closing come on top. */
  seconds: number;
  dimension: number;
  /** So many at most. */
  vectors: number;
  signal?: AbortSignal | undefined;
  /** Called at the beginning of each step. */
  onStep?: ((done: number, total: number) => void) | undefined;
}

/** What one step took. */
export interface StepFigures {
  step: string;
  /** How often, or how many vectors. */
  count: number;
  seconds: number;
  perSecond: number;
  /** Of each. */
  microseconds: number;
  /** Of vector data, written or compared; 0 where that says nothing. */
  gigabytesPerSecond: number;
}

/** What a self-test found. */
export interface SelfTestReport {
  simd: string;
  threads: number;
  dimension: number;
  vectors: number;
  fileBytes: number;
  steps: StepFigures[];
  /** Answers that were compared with what they must be, all of them right: else it throws. */
  checks: number;
}

type Store = MemoryMappedVectorStore<{ n: number }, number>;

const BATCH = 1000;
const SLICE_MS = 20;
const TOP_K = 10;
const STEPS = 8;
// Shares of the time.
const SHARE = { store: 0.15, batch: 0.3, retrieve: 0.1, one: 0.2, all: 0.2 };

class SelfTest {
  readonly #path: string;
  readonly #options: SelfTestOptions;
  readonly #steps: StepFigures[] = [];
  #checks = 0;
  #count = 0;
  #busyMs = 0;

  constructor(path: string, options: SelfTestOptions) {
    this.#path = path;
    this.#options = options;
  }

  async run(): Promise<SelfTestReport> {
    const { dimension } = this.#options;
    {
      using store: Store = new MemoryMappedVectorStore(this.#path, dimension, { flushOnExit: false });
      await this.#store(store);
      await this.#batch(store);
      await this.#timed('flush', async () => store.flush());
      await this.#retrieve(store);
      await this.#search(store, 'search, one thread', 1, SHARE.one);
      await this.#search(store, 'search, all threads', availableParallelism(), SHARE.all);
    }
    const fileBytes = await this.#reopen();
    const [vectors, threads] = [this.#count, availableParallelism()];
    return { simd: simd.level, threads, dimension, vectors, fileBytes, steps: this.#steps, checks: this.#checks };
  }

  async #store(store: Store): Promise<void> {
    const vector = new Float32Array(this.#options.dimension);
    const limit = Math.ceil(this.#options.vectors / 4);
    await this.#repeat('store', SHARE.store, vector.byteLength, limit, () => {
      const id = this.#count;
      vectorFor(id, vector);
      this.#measured(() => store.storeVector(id, vector, { n: id }));
      return this.#counted(1);
    });
  }

  async #batch(store: Store): Promise<void> {
    const { dimension, vectors } = this.#options;
    const left = vectors - this.#count;
    await this.#repeat('batch store', SHARE.batch, dimension * 4, left, () => {
      const block = blockFor(this.#count, Math.min(BATCH, vectors - this.#count), dimension);
      return this.#counted(this.#measured(() => store.batchStore(block.ids, block.vectors)));
    });
  }

  #counted(stored: number): number {
    this.#count += stored;
    return stored;
  }

  async #retrieve(store: Store): Promise<void> {
    const expected = new Float32Array(this.#options.dimension);
    let id = 0;
    await this.#repeat('retrieve', SHARE.retrieve, 0, Infinity, () => {
      id = (id + 7919) % this.#count;
      const wanted = id;
      const found = this.#measured(() => store.retrieveVector(wanted));
      if (id % 16 === 0) this.#check(isEqual(found?.vector, vectorFor(id, expected)), `vector ${id}`);
      return 1;
    });
    this.#check(store.vectorCount === this.#count && !store.has(this.#count), 'the number of vectors');
  }

  async #search(store: Store, step: string, threads: number, share: number): Promise<void> {
    const query = vectorFor(-threads - 1, new Float32Array(this.#options.dimension));
    const found = await store.search(query, { topK: TOP_K, threads });
    const right = nearest(query, this.#count, TOP_K);
    this.#check(
      found.length === right.length &&
        found.every(({ id, score }, i) => id === right[i]?.id && Math.abs(score - right[i].score) < 1e-12),
      `the hits of ${step}`,
    );
    await this.#repeatAsync(step, share, this.#count * query.byteLength, async (n) => {
      vectorFor(-n - 2, query);
      await store.searchRaw(query, { topK: TOP_K, threads, signal: this.#options.signal });
    });
  }

  async #reopen(): Promise<number> {
    let fileBytes = 0;
    await this.#timed('reopen', async () => {
      using store: Store = await MemoryMappedVectorStore.openAsync(this.#path);
      fileBytes = store.stats().allocatedBytes;
      this.#check(store.vectorCount === this.#count, 'the number of vectors after opening again');
    });
    await this.#timed('verify', async () => {
      const { ok, vectorCount } = await MemoryMappedVectorStore.verifyFile(this.#path, {
        signal: this.#options.signal,
      });
      this.#check(ok && vectorCount === this.#count, 'the checksums of the file');
    });
    return fileBytes;
  }

  // Runs calls of what returns how many it did, for a share of the time.
  async #repeat(step: string, share: number, bytesEach: number, limit: number, call: () => number): Promise<void> {
    await this.#begin();
    const [end, began] = [this.#endOf(share), performance.now()];
    let count = 0;
    this.#busyMs = 0;
    do {
      const slice = performance.now();
      do count += call();
      while (count < limit && performance.now() - slice < SLICE_MS);
      await this.#breathe();
    } while (count < limit && performance.now() - began < end);
    this.#add(step, count, this.#busyMs, bytesEach);
  }

  // Making and comparing vectors isn't what is measured.
  #measured<T>(call: () => T): T {
    const began = performance.now();
    const result = call();
    this.#busyMs += performance.now() - began;
    return result;
  }

  async #repeatAsync(
    step: string,
    share: number,
    bytesEach: number,
    call: (n: number) => Promise<void>,
  ): Promise<void> {
    await this.#begin();
    const [end, began] = [this.#endOf(share), performance.now()];
    let count = 0;
    do await call(count++);
    while (performance.now() - began < end);
    this.#add(step, count, performance.now() - began, bytesEach);
  }

  async #timed(step: string, call: () => Promise<void>): Promise<void> {
    await this.#begin();
    const began = performance.now();
    await call();
    this.#add(step, 1, performance.now() - began, 0);
  }

  #endOf(share: number): number {
    return this.#options.seconds * 1000 * share;
  }

  async #begin(): Promise<void> {
    this.#options.onStep?.(this.#steps.length, STEPS);
    await this.#breathe();
  }

  // Lets signals come through.
  async #breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#options.signal?.throwIfAborted();
  }

  #add(step: string, count: number, milliseconds: number, bytesEach: number): void {
    const seconds = milliseconds / 1000;
    const gigabytesPerSecond = round((count * bytesEach) / seconds / 1e9);
    const microseconds = round((milliseconds * 1000) / count);
    this.#steps.push({
      ...{ step, count, seconds: round(seconds), perSecond: round(count / seconds), microseconds, gigabytesPerSecond },
    });
  }

  #check(isRight: boolean, what: string): void {
    this.#checks++;
    if (isRight) return;
    throw new JvdbError('JVDB_CORRUPT', `the self-test failed: ${what} in ${this.#path} is not what it must be`);
  }
}

function isEqual(found: Float32Array | undefined, expected: Float32Array): boolean {
  return found?.length === expected.length && found.every((value, i) => value === expected[i]);
}

const round = (value: number): number => Number(value.toPrecision(4));

/**
 * Runs a self-test.
 *
 * @param path - of a new file; whoever calls removes it
 * @param options - see `SelfTestOptions`
 * @returns a promise of what it found
 * @throws JvdbError `JVDB_CORRUPT` where an answer is wrong
 */
export async function selfTest(path: string, options: SelfTestOptions): Promise<SelfTestReport> {
  return new SelfTest(path, options).run();
}
