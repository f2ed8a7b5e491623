/** What an AbortSignal does to searches, with one listener for each signal whatever their number. */

const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `call` when the signal is aborted.
 *
 * @param signal - not aborted yet
 * @param call - must not throw
 * @returns takes it back
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  let calls = waiting.get(signal);
  if (calls === undefined) {
    const all = new Set<() => void>();
    signal.addEventListener(
      'abort',
      () => {
        for (const one of all) one();
      },
      { once: true },
    );
    waiting.set(signal, (calls = all));
  }
  calls.add(call);
  return () => {
    calls.delete(call);
  };
}
