import { forget, lookAfter } from './exit.js';
import { guard, guardAsync, native, type Handle } from './native.js';
import { openArguments } from './arguments.js';
import type { DistanceMetric, IdType, StoreOptions, StoreStats } from './types.js';

/** A store that was opened already, in place of options. */
export class Opened {
  /**
   * Holds both.
   *
   * @param handle - the open store
   * @param options - what it was opened with
   */
  constructor(
    readonly handle: Handle,
    readonly options: StoreOptions,
  ) {}
}

/** An open store as such: what it is, its figures, flushing and closing. */
export abstract class StoreHandle implements Disposable, AsyncDisposable {
  /** @internal */
  protected readonly handle: Handle;

  /** Values of each vector. */
  readonly dimension: number;
  /** How `search` measures likeness. */
  readonly metric: DistanceMetric;
  /** The type of all ids. */
  readonly idType: IdType;
  /** The path the store was opened by. */
  readonly filePath: string;
  /** Whether this handle may only read. */
  readonly readOnly: boolean;

  /**
   * Opens or creates a file, or takes over what was opened.
   *
   * @param filePath - the file
   * @param dimension - values of each vector; without meaning where `options` is an Opened
   * @param options - see `StoreOptions`
   */
  protected constructor(filePath: string, dimension: number, options: StoreOptions | Opened) {
    const opened =
      options instanceof Opened
        ? options
        : new Opened(
            guard(() => native.open(...openArguments(filePath, dimension, options))),
            options,
          );
    this.handle = opened.handle;
    lookAfter(this, this.handle);
    const [hasDimension, metric, idType] = native.facts(this.handle);
    this.dimension = hasDimension;
    this.metric = metric as DistanceMetric;
    this.idType = idType as IdType;
    this.filePath = filePath;
    this.readOnly = opened.options.readOnly ?? false;
  }

  /**
   * Makes every change that was made before the call durable against power loss, off the event loop.
   *
   * @returns a promise that resolves when they are
   * @throws JvdbError `JVDB_IO` where the disk failed: then no more changes are taken, reads go on
   */
  async flush(): Promise<void> {
    await guardAsync(() => native.flushAsync(this.handle));
  }

  /** `flush` on this thread. */
  flushSync(): void {
    guard(() => {
      native.flush(this.handle);
    });
  }

  /**
   * Figures of the store.
   *
   * @returns them as of now
   */
  stats(): StoreStats {
    const { durableAt, ...figures } = guard(() => native.stats(this.handle));
    return { ...figures, durableAt: new Date(durableAt) };
  }

  /**
   * Flushes and closes. Searches under way are rejected with `JVDB_CLOSED`, other work under way is
   * waited for. Closing a closed store does nothing.
   *
   * @throws JvdbError where the flush failed; the store is closed all the same
   */
  close(): void {
    forget(this);
    guard(() => {
      native.close(this.handle);
    });
  }

  /**
   * `close` off the event loop. For every other call the store is closed at once.
   *
   * @returns a promise that resolves when the file is closed
   */
  async closeAsync(): Promise<void> {
    forget(this);
    await guardAsync(() => native.closeAsync(this.handle));
  }

  /** Closes, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAsync();
  }

  /** Vectors in the store. */
  get vectorCount(): number {
    return guard(() => native.vectorCount(this.handle));
  }

  /** Vectors the file has room for before it grows, replaced and deleted ones included. */
  get capacity(): number {
    return guard(() => native.capacity(this.handle));
  }

  /** LSN of the last change: it rises by one with each vector stored or deleted. */
  get lastLsn(): number {
    return guard(() => native.lastLsn(this.handle));
  }

  /** Changes up to this LSN survive power loss. */
  get durableLsn(): number {
    return guard(() => native.durableLsn(this.handle));
  }
}
