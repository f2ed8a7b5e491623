import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { between, checkKeys, invalid, shown } from './arguments.js';
import { toJvdbError } from './errors.js';
import { guard, native } from './native.js';

/** The name of a signal, such as 'SIGTERM'. */
export type SignalName = `SIG${string}`;

/** Called at the end of the program; the next one waits for its promise. */
export type ShutdownCallback = (signal: SignalName) => unknown;

/** Options of `SignalHandler.initialize`. */
export interface SignalHandlerOptions {
  /** Signals that end the program. Default: SIGTERM, SIGINT. */
  signals?: readonly SignalName[] | undefined;
  /** Seconds that all callbacks together may take, 0 to 3600. Default 10. */
  deadlineSeconds?: number | undefined;
}

type Listener = (signal: NodeJS.Signals) => void;

// Marks the listeners of this package, of another copy of it too.
const OURS = Symbol.for('jvdb signal listener');

const countOurs = (signal: SignalName): number =>
  process.listeners(signal as NodeJS.Signals).filter((listener) => OURS in listener).length;

// signal-exit, which many packages use, listens too, but ends the process itself once it is alone. It
// says how many listeners are its own, version 3 and version 4.
function countSignalExit(): number {
  const emitters = [
    (globalThis as Record<symbol, unknown>)[Symbol.for('signal-exit emitter')],
    (process as unknown as Record<string, unknown>)['__signal_exit_emitter__'],
  ] as ({ count?: unknown } | undefined)[];
  return emitters.reduce((sum, emitter) => sum + (typeof emitter?.count === 'number' ? emitter.count : 0), 0);
}

const hasListenerOfApplication = (signal: SignalName): boolean =>
  process.listenerCount(signal) > countOurs(signal) + countSignalExit();

function warn(thrown: unknown): void {
  process.emitWarning(thrown instanceof Error ? thrown : toJvdbError(thrown));
}

const ONE_REQUEST_MS = 500;

class Handler {
  readonly callbacks = new Set<ShutdownCallback>();
  #signals: readonly SignalName[] = [];
  #deadlineMs = 0;
  #endingBy: { signal: SignalName; since: number } | undefined; // while it shuts down

  start(signals: readonly SignalName[], deadlineMs: number): void {
    this.stop();
    this.#signals = signals;
    this.#deadlineMs = deadlineMs;
    // First, to see the application's own listeners before one that listens once was called.
    for (const signal of signals) process.prependListener(signal as NodeJS.Signals, this.#onSignal);
  }

  stop(): void {
    for (const signal of this.#signals) process.removeListener(signal, this.#onSignal);
    this.#signals = [];
  }

  readonly #onSignal = Object.assign(
    (signal: SignalName): void => {
      const isApplications = hasListenerOfApplication(signal);
      const first = this.#endingBy;
      if (first === undefined) void this.#shutDown(signal, isApplications);
      // npm passes on the Ctrl-C that the terminal has sent to the whole group already: one request, not two.
      else if (signal !== first.signal || performance.now() - first.since > ONE_REQUEST_MS) {
        this.#end(signal, isApplications); // somebody does not want to wait
      }
    },
    { [OURS]: true },
  ) as Listener;

  async #shutDown(signal: SignalName, isApplications: boolean): Promise<void> {
    const own = { signal, since: performance.now() };
    this.#endingBy = own;
    await this.#callBack(signal);
    try {
      // Off the event loop first: another signal must be heard. Then what was written meanwhile.
      await native.flushProcessAsync();
      guard(() => {
        native.flushProcess();
      });
    } catch (thrown) {
      warn(toJvdbError(thrown));
    }
    await new Promise(setImmediate); // warnings are written
    if (this.#endingBy === own) this.#end(signal, isApplications);
  }

  async #callBack(signal: SignalName): Promise<void> {
    let late = false;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        late = true;
        resolve();
      }, this.#deadlineMs);
    });
    const isLate = (): boolean => late;
    for (const callback of this.callbacks) {
      if (isLate()) break;
      try {
        await Promise.race([Promise.resolve(callback(signal)), deadline]);
      } catch (thrown) {
        warn(thrown);
      }
    }
    clearTimeout(timer);
    if (isLate()) warn(new Error(`callbacks of the shutdown took more than ${this.#deadlineMs / 1000} s`));
  }

  // With a listener of its own, the application ends itself, as without this handler. Where another copy
  // of this package is at work, that one ends it.
  #end(signal: SignalName, isApplications: boolean): void {
    this.stop();
    this.#endingBy = undefined;
    if (isApplications || countOurs(signal) > 0) return;
    let raised = true;
    try {
      process.kill(process.pid, signal);
    } catch {
      raised = false; // Windows raises only a few
    }
    // The kernel does not end process 1 of a container by a signal that it raised itself.
    if (raised && process.pid !== 1) return;
    setTimeout(() => process.exit(128 + constants.signals[signal as NodeJS.Signals]), 100);
  }
}

const handler = new Handler();

function checkedSignals(signals: unknown): SignalName[] {
  const known = (one: unknown): boolean => typeof one === 'string' && one in constants.signals;
  if (!Array.isArray(signals) || !signals.every(known)) {
    throw invalid(`signals must be names such as "SIGTERM", not ${shown(signals)}`);
  }
  for (const one of ['SIGKILL', 'SIGSTOP']) {
    if (signals.includes(one)) throw invalid(`${one} can't be listened to; leave it out`);
  }
  return [...new Set(signals as SignalName[])];
}

/**
 * Ends a program in order when a signal asks for it: runs callbacks, flushes, and lets the signal do the
 * rest, so that whoever sent it sees it in the exit status (143 for SIGTERM, 130 for SIGINT in a shell). It
 * does nothing unless it was initialized.
 *
 * On the first signal callbacks run one after the other, up to the deadline; then every store of the
 * process, those of workers too, is flushed, the handler takes itself off and raises the signal again (as
 * process 1 of a container, which the kernel spares, it exits with that status). A second signal ends the
 * process at once: what was acknowledged survives that too, but for power loss. The same signal within half a
 * second is no second one: npm passes on the Ctrl-C that a terminal has sent to both.
 *
 * Listeners of the application are left alone. If it has one for the signal, the signal is not raised again:
 * as without this handler, the application decides when to end.
 *
 * What a callback throws, and a flush that fails, are process warnings.
 */
export const SignalHandler = Object.freeze({
  /**
   * Begins to listen; called again, with other options.
   *
   * @param options - see `SignalHandlerOptions`
   * @throws JvdbError `JVDB_INVALID_ARGUMENT` in a worker: signals come to the main thread only
   */
  initialize(options: SignalHandlerOptions = {}): void {
    guard(() => {
      checkKeys(options, ['signals', 'deadlineSeconds'], 'options of SignalHandler');
      if (!isMainThread) throw invalid('signals come to the main thread: call SignalHandler.initialize() there');
      const { signals = ['SIGTERM', 'SIGINT'] } = options;
      const seconds = between(options.deadlineSeconds ?? 10, 0, 3600, 'deadlineSeconds');
      handler.start(checkedSignals(signals), seconds * 1000);
    });
  },

  /**
   * Adds a callback, to be called after those that were added before.
   *
   * @param callback - gets the name of the signal; its promise is waited for
   * @returns takes it back
   */
  registerShutdownCallback(callback: ShutdownCallback): () => void {
    if (typeof callback !== 'function') throw invalid(`a callback must be a function, not ${shown(callback)}`);
    const own: ShutdownCallback = (signal) => callback(signal);
    handler.callbacks.add(own);
    return () => {
      handler.callbacks.delete(own);
    };
  },

  /** Ends listening and forgets the callbacks. */
  dispose(): void {
    handler.stop();
    handler.callbacks.clear();
  },
});
