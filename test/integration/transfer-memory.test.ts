/** Exports and imports of each format hold a few batches, whatever the file's size: measured in processes of their own. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { FORMATS } from '../../lib/formats/recognise.js';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { peakMemory } from '../memory.js';
import { Directory, ended, startNode } from '../support.js';

const HEAP_MB = 64;
const DIMENSION = 256;
const COUNT = 147_456;
const VECTOR_BYTES = 4 * DIMENSION * COUNT;
// Node alone takes 45 MB, three batches 12; the rest is what is not yet collected.
const MOST = 150e6;
// Groups of 16 MB, packed and not, and the packages that make them.
const MOST_IN_GROUPS = 240e6;

// AddressSanitizer keeps what is freed for a while.
const measurable = process.platform === 'linux' && process.env['ASAN_OPTIONS'] === undefined;

const directory = new Directory();
const source = directory.file();
const written = FORMATS.filter(({ write }) => write !== undefined).map(({ name }) => name);
const withIds = new Set(FORMATS.filter(({ keepsIds }) => keepsIds).map(({ name }) => name));

// All rows differ, in values that any format holds, and repeat enough for gzip to be fast.
function rowOf(record: number): Float32Array {
  const row = Float32Array.from({ length: DIMENSION }, (_, i) => (i * 7 + (record % 16) * 31) % 256);
  for (let i = 0; i < 3; i++) row[i] = (record >> (8 * i)) & 255;
  return row;
}

const idOf = (record: number): string => `record ${record}`;
const metadataOf = (record: number): { record: number } => ({ record });

function fill(): void {
  using store = new MemoryMappedVectorStore(source, DIMENSION, { idType: 'string' });
  const step = COUNT / 24;
  const vectors = new Float32Array(step * DIMENSION);
  for (let first = 0; first < COUNT; first += step) {
    for (let i = 0; i < step; i++) vectors.set(rowOf(first + i), i * DIMENSION);
    const records = Array.from({ length: step }, (_, i) => first + i);
    store.batchStore(records.map(idOf), vectors, records.map(metadataOf));
  }
}

const EXPORT = `
  const [, database, file, format] = process.argv;
  void jvdb.exportVectors(jvdb.MemoryMappedVectorStore.open(database, { readOnly: true }), file, { format });`;
const IMPORT = `
  const [, database, file, idType] = process.argv;
  void jvdb.importVectors(new jvdb.MemoryMappedVectorStore(database, ${DIMENSION}, { idType }), file);`;

/** Runs a script with little heap; the most anonymous memory it had. */
async function memoryOf(script: string, ...args: string[]): Promise<number> {
  const flags = [`--max-old-space-size=${HEAP_MB}`, '-e', `const jvdb = require('jvdb');${script}`];
  const child = startNode([...flags, ...args]);
  const [memory, { status, stderr }] = await Promise.all([peakMemory(child), ended(child)]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return memory;
}

(measurable ? describe : describe.skip)(`${VECTOR_BYTES / 1e6} MB of vectors, and a heap of ${HEAP_MB}`, () => {
  beforeAll(fill);

  test.each([...written, 'jsonl.gz', 'fvecs.gz'])('%s', async (end) => {
    const file = path.join(directory.path, `vectors.${end}`);
    const database = directory.file();
    const format = end.replace('.gz', '');
    const hasIds = withIds.has(format);
    const most = /^(parquet|arrow)/.test(format) ? MOST_IN_GROUPS : MOST;
    expect(await memoryOf(EXPORT, source, file, format)).toBeLessThan(most);
    expect(await memoryOf(IMPORT, database, file, hasIds ? 'string' : 'int64')).toBeLessThan(most);
    using store = MemoryMappedVectorStore.open(database, { readOnly: true });
    expect(store.vectorCount).toBe(COUNT);
    for (const record of [0, 1, COUNT / 2, COUNT - 1]) {
      const found = store.retrieveVector(hasIds ? idOf(record) : record);
      expect(found?.vector).toEqual(rowOf(record));
      expect(found?.metadata).toEqual(hasIds ? metadataOf(record) : undefined);
    }
    store.close();
    for (const one of [file, database]) rmSync(one);
  });
});
