/** npy: one array of numpy's as rows of vectors. float64 is rounded to the nearest float32. */
import { invalid } from '../../arguments.js';
import { batchOf, countedRows, oneTable, rowsPerBatch } from '../flat-rows.js';
import { NPY_MAGIC, npyHeader, readNpyHeader } from './npy-header.js';
import { bytesOf, NpyVectors } from './npy-vectors.js';
import { Pieces } from '../pieces.js';
import type { Format, InBatch, InTable, OutTable, ReadOptions, Source } from '../types.js';

async function* rowsOf(
  vectors: NpyVectors,
  pieces: Pieces,
  name: string,
  options: ReadOptions,
): AsyncGenerator<InBatch> {
  const atOnce = rowsPerBatch(options, vectors.dimension);
  const { count, dimension, rowBytes } = vectors;
  for (let first = 1; first <= count; first += atOnce) {
    const wanted = Math.min(atOnce, count - first + 1);
    const { whole, reasons, ...rows } = await vectors.read(wanted);
    const columns = { ids: undefined, vectors: rows.vectors, metadata: undefined };
    if (whole > 0) yield batchOf(first, whole, reasons, columns);
    if (whole === wanted) continue;
    const where = `at byte ${pieces.position}, in record ${first + whole} of ${count}`;
    throw invalid(`${name} ends ${where}, each ${dimension} values in ${rowBytes} bytes: get the whole file`);
  }
  if (!(await pieces.atEnd())) {
    const end = `its ${count} records of ${dimension} values end at byte ${pieces.position}`;
    throw invalid(`${name} is longer than its header says: ${end}; save it again, or one array to a file`);
  }
}

async function* read(source: Source, options: ReadOptions): AsyncGenerator<InTable> {
  const pieces = new Pieces(source.bytes());
  try {
    const header = await readNpyHeader(pieces, source.name);
    const vectors = new NpyVectors(pieces, header, source.name, options);
    yield {
      ...{ name: undefined, distanceMetric: undefined, idType: undefined },
      dimension: vectors.dimension === 0 ? undefined : vectors.dimension,
      count: vectors.count,
      rows: () => rowsOf(vectors, pieces, source.name, options),
    };
  } finally {
    await pieces.close();
  }
}

async function* write(tables: AsyncIterable<OutTable>): AsyncGenerator<Uint8Array> {
  let found = false;
  for await (const table of oneTable(tables, 'npy')) {
    found = true;
    yield npyHeader('<f4', [table.count, table.dimension]);
    for await (const { vectors } of countedRows(table)) yield* bytesOf(vectors);
  }
  if (!found) throw invalid('npy holds one table: there is none to write');
}

/** One array, of no ids. */
export const npy: Format = {
  name: 'npy',
  extensions: ['.npy'],
  keepsIds: false,
  recognises: (head) => head.subarray(0, NPY_MAGIC.length).equals(NPY_MAGIC),
  read,
  write,
};
