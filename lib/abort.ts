/** What an AbortSignal does to searches, with one listener for each signal whatever their number. */

interface Waiting {
  calls: Set<() => void>;
  listener: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

function listen(signal: AbortSignal): Waiting {
  const calls = new Set<() => void>();
  const listener = (): void => {
    for (const call of calls) call();
  };
  signal.addEventListener('abort', listener, { once: true });
  const entry = { calls, listener };
  waiting.set(signal, entry);
  return entry;
}

/**
 * Calls `call` when the signal is aborted.
 *
 * @param signal - not aborted yet
 * @param call - must not throw
 * @returns takes it back; the last one takes the listener off, for a signal may live for as long as it
 *   has one
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  const { calls, listener } = waiting.get(signal) ?? listen(signal);
  calls.add(call);
  return () => {
    calls.delete(call);
    if (calls.size > 0) return;
    signal.removeEventListener('abort', listener);
    waiting.delete(signal);
  };
}

/**
 * Waits for a promise, but no longer than until a signal is aborted.
 *
 * @param signal - undefined: for as long as it takes
 * @param promise - goes on by itself
 * @returns what it resolves to; rejects with the signal's reason
 */
export async function unlessAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  let forget = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    forget = onAbort(signal, () => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's choice
      reject(signal.reason);
    });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    forget();
  }
}
