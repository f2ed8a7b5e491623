import { checkKeys, invalid, position, shown } from '../arguments.js';
import { METRICS } from '../open-arguments.js';
import type { StoreOptions } from '../types.js';
import type { DatabaseSchema } from './types.js';

const SCHEMA = [
  'dimension',
  'distanceMetric',
  'indexType',
  'idType',
  'scanColumn',
  'allowNonFinite',
  'initialCapacity',
] as const satisfies readonly (keyof DatabaseSchema)[];

/**
 * A schema as options of its store, whose values are checked there.
 *
 * @param schema - as given by the caller
 * @param initialCapacity - where the schema has none
 * @returns dimension and options
 */
export function storeOptions(
  schema: DatabaseSchema,
  initialCapacity: number,
): { dimension: number; options: StoreOptions } {
  checkKeys(schema, SCHEMA, 'a schema');
  const { dimension, distanceMetric, indexType, idType, scanColumn, allowNonFinite } = schema;
  if ((dimension as unknown) === undefined) throw invalid('a schema has a dimension: { dimension: 768 }, for example');
  if (indexType === 'HNSW') {
    throw invalid("indexType 'HNSW' is not in this release; leave it out, or give 'FLAT': search is exact then");
  }
  if (indexType !== undefined && (indexType as unknown) !== 'FLAT') {
    throw invalid(`indexType must be "FLAT", not ${shown(indexType)}`);
  }
  position(METRICS, distanceMetric, 'distanceMetric'); // by the name it has here
  const capacity = schema.initialCapacity ?? initialCapacity;
  return {
    dimension,
    options: { metric: distanceMetric, idType, scanColumn, allowNonFinite, initialCapacity: capacity },
  };
}
