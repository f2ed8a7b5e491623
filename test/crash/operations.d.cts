import type { MemoryMappedVectorStore, VectorId } from '../../lib/index.js';

/** What an operation does to one id. */
export interface Item {
  id: VectorId;
  vector: Float32Array;
  metadata: Record<string, unknown> | undefined;
}
/** One operation of the history. */
export interface Operation {
  kind: 'store' | 'delete' | 'batch' | 'batchDelete';
  items: Item[];
}
/** What a store should hold. */
export type Model = Map<VectorId, Pick<Item, 'vector' | 'metadata'>>;

export function operation(seed: number, n: number, dimension: number): Operation;
export function apply(store: MemoryMappedVectorStore, operation: Operation): void;
export function applyToModel(model: Model, operation: Operation): number;
