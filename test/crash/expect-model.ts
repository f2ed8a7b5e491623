import type { MemoryMappedVectorStore } from '../../lib/index.js';
import type { Model } from './operations.cjs';

/** A store must hold what a model does, bit by bit, and nothing else. */
export function expectModel(store: MemoryMappedVectorStore, model: Model): void {
  expect(store.vectorCount).toBe(model.size);
  const found = new Map([...store.ids()].map((id) => [id, store.retrieveVector(id)!]));
  expect(found.size).toBe(model.size);
  for (const [id, { vector, metadata }] of model) {
    const record = found.get(id)!;
    expect(Buffer.from(record.vector.buffer).equals(Buffer.from(vector.buffer))).toBe(true);
    expect(record.metadata).toEqual(metadata);
  }
}
