'use strict';
// The history that a writer writes and its reader knows: operation n is a function of the seed and n
// alone. Shared by the child process and the test.

/** Pseudo-random numbers below `sides`, from (seed, n). */
function dice(seed, n) {
  let state = (Math.imul(seed, 2654435761) ^ Math.imul(n + 1, 2246822519)) >>> 0;
  return (sides) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822507) + 0x9e3779b9) >>> 0;
    return (state >>> 4) % sides;
  };
}

/** A vector by number. */
function vectorOf(dimension, number) {
  const roll = dice(number, 77);
  return Float32Array.from({ length: dimension }, () => roll(1 << 24) / (1 << 23) - 1);
}

/** Operation n: what to do with which ids, vectors and metadata. */
function operation(seed, n, dimension) {
  const roll = dice(seed, n);
  const id = () => (seed % 2 === 0 ? roll(60) : `id-${roll(60)}`);
  const item = () => ({
    id: id(),
    vector: vectorOf(dimension, roll(1e6)),
    metadata: roll(2) === 0 ? { n, more: 'x'.repeat(roll(200)) } : undefined,
  });
  const kind = roll(10);
  if (kind < 5) return { kind: 'store', items: [item()] };
  if (kind < 7) return { kind: 'delete', items: [{ id: id() }] };
  const items = Array.from({ length: 1 + roll(40) }, item);
  return { kind: kind < 9 ? 'batch' : 'batchDelete', items };
}

/** Does it to a store. */
function apply(store, { kind, items }) {
  const ids = items.map((one) => one.id);
  if (kind === 'store') store.storeVector(ids[0], items[0].vector, items[0].metadata);
  else if (kind === 'delete') store.deleteVector(ids[0]);
  else if (kind === 'batchDelete') store.batchDelete(ids);
  else {
    store.batchStore(
      ids,
      items.map((one) => one.vector),
      items.map((one) => one.metadata),
    );
  }
}

/** Does it to a Map of id to {vector, metadata}; returns by how much it raises the LSN. */
function applyToModel(model, { kind, items }) {
  let lsns = 0;
  for (const { id, vector, metadata } of items) {
    if (kind === 'store' || kind === 'batch') {
      model.set(id, { vector, metadata });
      lsns++;
    } else if (model.delete(id)) lsns++;
  }
  return lsns;
}

module.exports = { operation, apply, applyToModel };
