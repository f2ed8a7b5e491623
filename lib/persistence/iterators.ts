/** Iterators that hold a store: it is let go when they end, or were collected unfinished. */

const abandoned = new FinalizationRegistry<() => void>((release) => {
  release();
});

function once(release: () => void): () => void {
  let released = false;
  return () => {
    if (!released) release();
    released = true;
  };
}

/**
 * An iterator that holds what it reads.
 *
 * @param inner - reads
 * @param release - called once, when nobody will read on
 * @returns it
 */
export function heldIterator<T>(inner: IterableIterator<T>, release: () => void): IterableIterator<T> {
  const end = once(release);
  const iterator = held(inner, end);
  iterator.next(); // into the `try`, so that leaving the iterator unused ends the hold too
  abandoned.register(iterator, end);
  return iterator;
}

function* held<T>(inner: IterableIterator<T>, end: () => void): IterableIterator<T> {
  try {
    yield undefined as never;
    yield* inner;
  } finally {
    inner.return?.(); // it may not have begun
    end();
  }
}

/**
 * `heldIterator` for asynchronous iterators.
 *
 * @param inner - reads
 * @param release - called once, when nobody will read on
 * @returns it
 */
export function heldAsyncIterator<T>(inner: AsyncIterableIterator<T>, release: () => void): AsyncIterableIterator<T> {
  const end = once(release);
  const iterator = heldAsync(inner, end);
  void iterator.next(); // as above
  abandoned.register(iterator, end);
  return iterator;
}

async function* heldAsync<T>(inner: AsyncIterableIterator<T>, end: () => void): AsyncIterableIterator<T> {
  try {
    yield undefined as never;
    yield* inner;
  } finally {
    await inner.return?.();
    end();
  }
}
