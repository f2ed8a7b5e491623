/**
 * Makes postMessage() and structuredClone() of an object fail with a text that helps: a property that can't
 * be cloned, whose text they say.
 *
 * @param object - that belongs to the thread that made it
 * @param advice - the text
 */
export function keepOnThread(object: object, advice: string): void {
  const value = Symbol(advice);
  Object.defineProperty(object, 'thread', { value, enumerable: true, configurable: true, writable: true });
}
