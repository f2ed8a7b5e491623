/** Long work of the addon: progress and giving it up. */
import { checkedSignal, invalid, shown } from './arguments.js';
import { onAbort } from './abort.js';
import { describe, toJvdbError } from './errors.js';
import { guard, native, type Job } from './native.js';
import type { JobOptions, Progress } from './upkeep-types.js';

const REPORT_MS = 100;

type OnProgress = ((progress: Progress) => void) | undefined;

/**
 * Options of long work, checked.
 *
 * @param options - as given by the caller
 * @returns them
 */
export function jobOptions(options: JobOptions): Required<{ [K in keyof JobOptions]: JobOptions[K] }> {
  const { signal, onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalid(`onProgress must be a function, not ${shown(onProgress)}`);
  }
  return { signal: checkedSignal(signal), onProgress };
}

/**
 * Runs long work off the event loop.
 *
 * @param options - as given by the caller
 * @param call - begins the work
 * @returns what the work comes to; rejects with the signal's reason, or what onProgress threw, once the
 *   work has stopped
 */
export async function runJob<T>(options: JobOptions, call: (job: Job) => Promise<T>): Promise<T> {
  const { signal, onProgress } = guard(() => jobOptions(options));
  signal?.throwIfAborted();
  const job = native.job();
  const reports = new Reports(job, onProgress);
  let forget: (() => void) | undefined;
  try {
    forget = signal && onAbort(signal, () => (native.cancelJob(job), undefined));
    const result = await call(job);
    reports.last();
    return result;
  } catch (thrown) {
    if ((thrown as { code?: unknown } | undefined)?.code !== 'JVDB_ABORTED') throw toJvdbError(thrown);
    throw reports.failed ? reports.failure : signal?.reason;
  } finally {
    reports.end();
    forget?.();
  }
}

/** Tells how far a job has come. */
class Reports {
  readonly #job: Job;
  readonly #onProgress: OnProgress;
  readonly #timer: NodeJS.Timeout | undefined;
  failed = false;
  failure: unknown;

  constructor(job: Job, onProgress: OnProgress) {
    this.#job = job;
    this.#onProgress = onProgress;
    if (onProgress === undefined) return;
    this.#timer = setInterval(() => {
      this.#tell();
    }, REPORT_MS);
    this.#tell(); // what it throws at once keeps the work from beginning
  }

  #tell(): void {
    const [doneBytes, totalBytes] = native.jobProgress(this.#job);
    try {
      this.#onProgress?.({ doneBytes, totalBytes });
    } catch (thrown) {
      this.failed = true;
      this.failure = thrown;
      this.end();
      native.cancelJob(this.#job);
    }
  }

  /** The work is done: there is nothing to give up any more, and its result is not lost. */
  last(): void {
    this.end();
    if (!this.failed) this.#tell();
    if (this.failed) process.emitWarning(`onProgress threw when the work was done: ${describe(this.failure)}`);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
