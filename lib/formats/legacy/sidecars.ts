/** The JSON files that the old server kept beside its vectors. Threads: no state. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { invalid, shown } from '../../arguments.js';
import { systemAsync, unlessMissing } from '../../directories.js';
import { describe } from '../../errors.js';
import { toJson } from '../../metadata.js';
import type { DistanceMetric } from '../../types.js';
import { hexOf, legacyHash, type Hash64 } from './hash.js';

const MAX_METADATA_BYTES = 1 << 20;
const MAX_ID_BYTES = 1024;

/** What lies beside a `vectors.jvdb`. */
export interface LegacySidecars {
  /** `metadata.json`: the database's name and more; undefined where it is not there. */
  readonly metadata: unknown;
  /** `vector_metadata.json`: an object for each id; undefined where it is not there. */
  readonly vectorMetadata: ReadonlyMap<string, unknown> | undefined;
}

/** Other names for the metrics. */
const METRICS: Record<string, DistanceMetric> = {
  cosine: 'cosine',
  cosinesimilarity: 'cosine',
  cosinedistance: 'cosine',
  angular: 'cosine',
  dot: 'dot',
  dotproduct: 'dot',
  innerproduct: 'dot',
  ip: 'dot',
  euclidean: 'euclidean',
  euclideandistance: 'euclidean',
  l2: 'euclidean',
  l2distance: 'euclidean',
};

/**
 * Reads the files beside an old server's vectors.
 *
 * @param filePath - of its `vectors.jvdb`
 * @returns what they say; those that are not there say nothing
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where one is damaged
 */
export async function readSidecars(filePath: string): Promise<LegacySidecars> {
  const folder = path.dirname(filePath);
  const metadata = await readObject(path.join(folder, 'metadata.json'));
  const vectorMetadata = await readObject(path.join(folder, 'vector_metadata.json'));
  return { metadata, vectorMetadata: vectorMetadata && new Map(Object.entries(vectorMetadata)) };
}

async function readObject(file: string): Promise<object | undefined> {
  const bytes = await systemAsync(`read ${file}`, () => unlessMissing(() => readFile(file)));
  if (bytes === undefined) return undefined;
  const wayOut = 'mend it, or move it away to import without it';
  let read: unknown;
  try {
    read = JSON.parse(bytes.toString());
  } catch (thrown) {
    throw invalid(`${file} is damaged: ${describe(thrown)}; ${wayOut}`);
  }
  if (!isObject(read)) throw invalid(`${file} must hold a JSON object, not ${shown(read)}; ${wayOut}`);
  return read;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function field(of: unknown, name: string): unknown {
  return isObject(of) && Object.hasOwn(of, name) ? (of as Record<string, unknown>)[name] : undefined;
}

/**
 * The name of a database.
 *
 * @param sidecars - what lies beside its vectors
 * @returns the name, undefined for none
 */
export function nameIn(sidecars: LegacySidecars): string | undefined {
  const name = field(sidecars.metadata, 'name');
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/**
 * How a database measured likeness: `distance_metric`, `metric` or `distance`, at the top or in `schema`, with
 * any letters small or capital, and any spaces or other signs between the words.
 *
 * @param sidecars - what lies beside its vectors
 * @returns the metric, undefined where none is named
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where one is named that isn't known
 */
export function metricIn(sidecars: LegacySidecars): DistanceMetric | undefined {
  const { metadata } = sidecars;
  let unknown: string | undefined;
  for (const place of [metadata, field(metadata, 'schema')]) {
    for (const name of ['distance_metric', 'distanceMetric', 'metric', 'distance']) {
      const value = field(place, name);
      if (typeof value !== 'string') continue;
      const known = value.toLowerCase().replace(/[^a-z0-9]/g, '');
      if (Object.hasOwn(METRICS, known)) return METRICS[known];
      unknown ??= value;
    }
  }
  if (unknown === undefined) return undefined;
  throw invalid(
    `metadata.json names the metric ${shown(unknown)}, which is none of cosine, dot and euclidean; say which one is ` +
      'meant by the option distanceMetric (--metric)',
  );
}

/**
 * Finds ids that the file cut or lost by their hashes.
 *
 * @param sidecars - what lies beside the vectors
 * @returns a function that gives the id of a hash; undefined where none has it, or two do
 */
export function idsByHash(sidecars: LegacySidecars): (hash: Hash64) => string | undefined {
  let ids: Map<string, string | undefined> | undefined;
  const index = (): Map<string, string | undefined> => {
    const made = new Map<string, string | undefined>();
    for (const id of sidecars.vectorMetadata?.keys() ?? []) {
      const bytes = Buffer.from(id);
      if (bytes.length === 0 || bytes.length > MAX_ID_BYTES || !id.isWellFormed()) continue;
      const hash = hexOf(legacyHash(bytes));
      made.set(hash, made.has(hash) ? undefined : id);
    }
    return made;
  };
  return (hash) => (ids ??= index()).get(hexOf(hash));
}

/**
 * The metadata of a vector: what the sidecar has for its id, with the fields of `_custom` beside the others. One
 * whose name is taken stays in `_custom`, and so does a `_custom` that is no object.
 *
 * @param sidecars - what lies beside the vectors
 * @param id - whose
 * @returns JSON text; undefined for none
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` where it is no object, too large or nested too deeply
 */
export function metadataOf(sidecars: LegacySidecars, id: string): string | undefined {
  const found = sidecars.vectorMetadata?.get(id);
  if (found === undefined || found === null) return undefined;
  if (!isObject(found)) throw invalid(`metadata must be an object, not ${shown(found)}`);
  const json = toJson(flattened(found));
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_METADATA_BYTES) throw invalid(`metadata of ${bytes} bytes is longer than ${MAX_METADATA_BYTES}`);
  return json;
}

function flattened(found: object): object {
  const custom = field(found, '_custom');
  if (!isObject(custom)) return found;
  // From entries, for one may be called __proto__.
  const fields = new Map<string, unknown>(Object.entries(found));
  fields.delete('_custom');
  const taken: [string, unknown][] = [];
  for (const [name, value] of Object.entries(custom)) {
    if (Object.hasOwn(found, name)) taken.push([name, value]);
    else fields.set(name, value);
  }
  if (taken.length > 0) fields.set('_custom', Object.fromEntries(taken));
  return Object.fromEntries(fields);
}
