/// <reference lib="esnext.disposable" preserve="true" />
import { policyOf, type Policy } from './auto-compaction.js';
import { forget, lookAfter } from './exit.js';
import { toJvdbError } from './errors.js';
import { guard, guardAsync, native, type Handle } from './native.js';
import { openArguments } from './open-arguments.js';
import { keepOnThread } from './own-thread.js';
import type { DistanceMetric, IdType, StoreOptions, StoreStats } from './types.js';

/** A store that was opened already, in place of options. */
export class Opened {
  /**
   * Holds what is known of it.
   *
   * @param handle - the open store
   * @param readOnly - whether it was opened so
   * @param autoCompact - when it compacts itself
   */
  constructor(
    readonly handle: Handle,
    readonly readOnly: boolean,
    readonly autoCompact: Policy,
  ) {}
}

/** Names the handle in a store: no name that a class made of ours could use for its own. */
export const HANDLE: unique symbol = Symbol('handle');

/** Names the policy by which a store compacts itself. */
export const POLICY: unique symbol = Symbol('policy');

const OWN_THREAD = 'a store belongs to the thread that opened it; open its filePath in the other one too';

/**
 * Opens, or creates where a dimension is given, on this thread.
 *
 * @param filePath - the file
 * @param dimension - undefined: the file must exist
 * @param options - as given by the caller
 * @param followLinks - whether the file may be a symbolic link
 * @returns the open store
 */
export function openSync(
  filePath: string,
  dimension: number | undefined,
  options: StoreOptions,
  followLinks = true,
): Opened {
  return guard(() => {
    const args = openArguments(filePath, dimension, options, followLinks);
    const policy = policyOf(options.autoCompact);
    return new Opened(native.open(...args), args[2], policy);
  });
}

/**
 * Opens a file that must exist off the event loop.
 *
 * @param filePath - the file
 * @param options - as given by the caller
 * @param followLinks - whether the file may be a symbolic link
 * @returns a promise of the open store
 */
export async function openOffLoop(filePath: string, options: StoreOptions, followLinks = true): Promise<Opened> {
  return guardAsync(async () => {
    const args = openArguments(filePath, undefined, options, followLinks);
    const policy = policyOf(options.autoCompact);
    return new Opened(await native.openAsync(...args), args[2], policy);
  });
}

// Its file may have been deleted already: nobody else would close it then.
function factsOf(handle: Handle): ReturnType<typeof native.facts> {
  try {
    return native.facts(handle);
  } catch (thrown) {
    native.close(handle);
    throw toJvdbError(thrown);
  }
}

/** An open store as such: what it is, its figures, flushing and closing. */
export abstract class StoreHandle implements Disposable, AsyncDisposable {
  /** @internal */
  declare readonly [HANDLE]: Handle;
  /** @internal */
  declare readonly [POLICY]: Policy;

  /** Values of each vector. */
  readonly dimension: number;
  /** How `search` measures likeness. */
  readonly metric: DistanceMetric;
  /** The type of all ids. */
  readonly idType: IdType;
  /** Whether NaN and infinities are accepted. */
  readonly allowNonFinite: boolean;
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
    const opened = options instanceof Opened ? options : openSync(filePath, dimension, options);
    const { handle } = opened;
    Object.defineProperty(this, HANDLE, { value: handle });
    Object.defineProperty(this, POLICY, { value: opened.readOnly ? undefined : opened.autoCompact });
    keepOnThread(this, OWN_THREAD);
    const [hasDimension, metric, idType, allowNonFinite] = factsOf(handle);
    lookAfter(this, handle);
    this.dimension = hasDimension;
    this.metric = metric as DistanceMetric;
    this.idType = idType as IdType;
    this.allowNonFinite = allowNonFinite;
    this.filePath = filePath;
    this.readOnly = opened.readOnly;
  }

  /**
   * Takes in what the writer of the file, in another process, has added since it was opened or
   * refreshed: whole batches only. Where another file took its place at the path, or the writer lost
   * changes that this store had shown, it opens what is there now. For stores opened with `readOnly`;
   * any other is up to date always, and false is returned.
   *
   * Until the writer has flushed, its disk may lose what is shown here. Reading a vector that was lost
   * so, and written over, throws `JVDB_CONFLICT` until the next refresh.
   *
   * @returns whether anything is new since this store was opened or refreshed last
   * @throws JvdbError `JVDB_NOT_FOUND` where the file was removed, `JVDB_DIMENSION_MISMATCH` or
   *   `JVDB_INVALID_ARGUMENT` where one of another kind took its place, `JVDB_CORRUPT` where it is
   *   damaged, `JVDB_CONFLICT` where it is rewritten again and again; the store goes on showing what it
   *   showed
   */
  refresh(): boolean {
    return guard(() => native.refresh(this[HANDLE]));
  }

  /**
   * Makes every change that was made before the call durable against power loss, off the event loop.
   *
   * @returns a promise that resolves when they are
   * @throws JvdbError `JVDB_IO` where the disk failed: then no more changes are taken, reads go on
   */
  async flush(): Promise<void> {
    await guardAsync(() => native.flushAsync(this[HANDLE]));
  }

  /** `flush` on this thread. */
  flushSync(): void {
    guard(() => {
      native.flush(this[HANDLE]);
    });
  }

  /**
   * Figures of the store.
   *
   * @returns them as of now
   */
  stats(): StoreStats {
    const { durableAt, ...figures } = guard(() => native.stats(this[HANDLE]));
    return { ...figures, durableAt: new Date(durableAt) };
  }

  /**
   * Flushes and closes. Searches under way are rejected with `JVDB_CLOSED`, other work under way is
   * waited for, `closeAsync` too. Closing a closed store does nothing.
   *
   * @throws JvdbError where the flush failed; the store is closed all the same
   */
  close(): void {
    forget(this);
    guard(() => {
      native.close(this[HANDLE]);
    });
  }

  /**
   * `close` off the event loop. For every other call the store is closed at once.
   *
   * @returns a promise that resolves when the file is closed
   */
  async closeAsync(): Promise<void> {
    forget(this);
    await guardAsync(() => native.closeAsync(this[HANDLE]));
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
    return guard(() => native.vectorCount(this[HANDLE]));
  }

  /** Vectors the file has room for before it grows, replaced and deleted ones included. */
  get capacity(): number {
    return guard(() => native.capacity(this[HANDLE]));
  }

  /** LSN of the last change: it rises by one with each vector stored or deleted. */
  get lastLsn(): number {
    return guard(() => native.lastLsn(this[HANDLE]));
  }

  /** Changes up to this LSN survive power loss. */
  get durableLsn(): number {
    return guard(() => native.durableLsn(this[HANDLE]));
  }
}
