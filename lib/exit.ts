/**
 * What must happen to open stores when nobody closes them: a flush when the process ends, closing
 * when the object was collected. No store keeps the process alive.
 */
import { native, type Handle } from './native.js';

const collected = new FinalizationRegistry<Handle>((handle) => {
  try {
    native.close(handle);
  } catch {
    // Nobody is left who could be told.
  }
});

let listening = false;

/**
 * Looks after an open store until `forget`.
 *
 * @param store - the object whose collection closes it
 * @param handle - the open store
 */
export function lookAfter(store: object, handle: Handle): void {
  collected.register(store, handle, store);
  if (listening) return;
  listening = true;
  // process.exit() and an uncaught error run this event but not the addon's own cleanup. Twice: the
  // first is there even if another listener throws, the second for what listeners before it change.
  const flushAll = (): void => {
    native.flushAll();
  };
  process.prependListener('exit', flushAll);
  process.on('exit', flushAll);
}

/**
 * Ends `lookAfter`: the store was closed.
 *
 * @param store - the object that was given
 */
export function forget(store: object): void {
  collected.unregister(store);
}
