/** npz: a zip file of numpy's arrays: vectors, and ids and metadata where it has them. */
import { Buffer } from 'node:buffer';
import { invalid, shown } from '../../arguments.js';
import { describe } from '../../errors.js';
import { toJson } from '../../metadata.js';
import type { IdType } from '../../types.js';
import { batchOf, rowsPerBatch } from '../flat-rows.js';
import { readNpyHeader } from './npy-header.js';
import { areVectors, NpyVectors } from './npy-vectors.js';
import { fixedTextColumn, FlatTextColumn, integerColumn, MAX_TEXT, Wrong } from './npz-columns.js';
import type { Column, NpyArray } from './npz-columns.js';
import { writeNpz } from './npz-writer.js';
import { Pieces } from '../pieces.js';
import { randomAccess, type RandomAccess } from '../random-access.js';
import type { Format, InBatch, InTable, ReadOptions, Source } from '../types.js';
import { readZip, readZipEntry, type ZipEntry } from './zip-reader.js';

const VECTORS = ['vectors', 'data', 'embeddings', 'arr_0'];
const MAX_ID_BYTES = 1024;
const MAX_ID = 2n ** 63n - 1n;
const LOCAL_NAME = 30;

type Id = number | bigint | string;

/** The arrays of a file; all that are opened are closed with it. */
class Arrays {
  readonly #file: RandomAccess;
  readonly #entries: ReadonlyMap<string, ZipEntry>;
  readonly #opened: NpyArray[] = [];

  constructor(file: RandomAccess, entries: ReadonlyMap<string, ZipEntry>) {
    this.#file = file;
    this.#entries = entries;
  }

  async open(name: string): Promise<NpyArray | undefined> {
    const entry = this.#entries.get(`${name}.npy`);
    if (entry === undefined) return undefined;
    const pieces = new Pieces(readZipEntry(this.#file, entry));
    const inFile = `${this.#file.name}: ${name}`;
    try {
      const array = { name: inFile, header: await readNpyHeader(pieces, inFile), pieces };
      this.#opened.push(array);
      return array;
    } catch (error) {
      await pieces.close();
      throw error;
    }
  }

  async vectors(): Promise<NpyArray> {
    for (const name of VECTORS) {
      const array = await this.open(name);
      if (array !== undefined) return array;
    }
    const names = [...this.#entries.keys()].filter((name) => name.endsWith('.npy')).map((name) => name.slice(0, -4));
    const found: string[] = [];
    for (const name of names) {
      const array = await this.open(name);
      if (array !== undefined && areVectors(array.header)) found.push(name);
      await this.#closeLast();
    }
    const [one] = found;
    const array = one === undefined || found.length > 1 ? undefined : await this.open(one);
    if (array !== undefined) return array;
    const shownNames = names.slice(0, 10).map(shown).join(', ');
    const has = `its arrays are ${shownNames || 'none'}${names.length > 10 ? ' and more' : ''}`;
    throw invalid(
      `${this.#file.name} has no array 'vectors', nor just one of rows of floats: ${has}; name it 'vectors'`,
    );
  }

  async #closeLast(): Promise<void> {
    await this.#opened.pop()?.pieces.close();
  }

  // What nothing was said against is whole.
  async finish(): Promise<void> {
    for (const { name, pieces } of this.#opened) {
      if (await pieces.atEnd()) continue;
      throw invalid(`${name} is longer than its header says, at byte ${pieces.position}: make the file again`);
    }
  }

  async close(): Promise<void> {
    for (const { pieces } of this.#opened) await pieces.close();
  }
}

async function textColumn(arrays: Arrays, name: string): Promise<Column<string> | undefined> {
  const [text, offsets] = [await arrays.open(`${name}_utf8`), await arrays.open(`${name}_offsets`)];
  if (text !== undefined && offsets !== undefined) return new FlatTextColumn(text, offsets);
  const lone = text ?? offsets;
  if (lone === undefined) return undefined;
  throw invalid(`${lone.name} is there alone: ${name}_utf8 and ${name}_offsets belong together`);
}

async function idColumn(arrays: Arrays): Promise<Column<Id> | undefined> {
  const array = await arrays.open('ids');
  if (array === undefined) return textColumn(arrays, 'ids');
  const column = integerColumn(array) ?? fixedTextColumn(array);
  if (column !== undefined) return column;
  const types = "integers ('<i8', '<i4', '<u8', '<u4') and texts ('<U', '|S') are read";
  throw invalid(`${array.name} has values of type ${shown(array.header.descr)}; ${types}: save ids.astype(str)`);
}

async function metadataColumn(arrays: Arrays): Promise<Column<string> | undefined> {
  const array = await arrays.open('metadata');
  if (array === undefined) return textColumn(arrays, 'metadata');
  const column = fixedTextColumn(array);
  if (column !== undefined) return column;
  const types = "JSON texts ('<U', '|S') are read";
  throw invalid(`${array.name} has values of type ${shown(array.header.descr)}; ${types}: save metadata.astype(str)`);
}

function toId(id: Id, idType: IdType | undefined): Id | Wrong {
  if (typeof id !== 'string') return idType === 'string' ? String(id) : id;
  if (idType === 'int64') {
    if (!/^\d+$/.test(id) || id.length > MAX_ID_BYTES) return new Wrong(`id ${shown(id)} is no integer`);
    const number = BigInt(id);
    if (number > MAX_ID) return new Wrong(`id ${shown(id)} is above 2^63-1`);
    return number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : number;
  }
  if (id === '') return new Wrong('its id is empty');
  const bytes = id.length * 3 <= MAX_ID_BYTES ? 0 : Buffer.byteLength(id);
  return bytes <= MAX_ID_BYTES ? id : new Wrong(`id ${shown(id)} has ${bytes} bytes; ${MAX_ID_BYTES} are possible`);
}

function toMetadata(text: string): string | undefined | Wrong {
  if (text === '') return undefined;
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_TEXT) return new Wrong(`its metadata has ${bytes} bytes; ${MAX_TEXT} are possible`);
  try {
    return toJson(text);
  } catch (error) {
    return new Wrong(describe(error));
  }
}

/** What is read side by side. */
interface Columns {
  vectors: NpyVectors;
  ids: Column<Id> | undefined;
  metadata: Column<string> | undefined;
}

// Values of a column; those that are wrong leave a reason and anything in their place.
async function taken<T, U>(
  column: Column<T> | undefined,
  rows: number,
  convert: (value: T) => U | Wrong,
  reasons: Map<number, string>,
): Promise<(U | undefined)[] | undefined> {
  const values = await column?.read(rows);
  return values?.map((value, i) => {
    const converted = value instanceof Wrong ? value : convert(value);
    if (!(converted instanceof Wrong)) return converted;
    if (!reasons.has(i)) reasons.set(i, converted.reason);
    return undefined;
  });
}

async function* rowsOf(columns: Columns, arrays: Arrays, name: string, options: ReadOptions): AsyncGenerator<InBatch> {
  const { count, dimension } = columns.vectors;
  if (count === 0) {
    for (const column of [columns.ids, columns.metadata]) await column?.limit(0);
    await arrays.finish();
  }
  for (let first = 1; first <= count;) {
    let rows = Math.min(rowsPerBatch(options, dimension), count - first + 1);
    for (const column of [columns.ids, columns.metadata]) rows = (await column?.limit(rows)) ?? rows;
    const { whole, reasons, vectors } = await columns.vectors.read(rows);
    if (whole < rows) throw invalid(`the vectors of ${name} end in record ${first + whole} of ${count}`);
    const ids = await taken(columns.ids, rows, (id) => toId(id, options.idType), reasons);
    const metadata = await taken(columns.metadata, rows, toMetadata, reasons);
    // What fails its checksum is not given as far as it is held back.
    if (first + rows > count) await arrays.finish();
    yield batchOf(first, rows, reasons, { ids: ids?.map((id) => id ?? 0), vectors, metadata });
    first += rows;
  }
}

async function openColumns(arrays: Arrays, name: string, options: ReadOptions): Promise<Columns> {
  const array = await arrays.vectors();
  const { shape } = array.header;
  if (shape.length === 1) throw invalid(`${array.name} has one axis: save a.reshape(-1, d) for vectors of d values`);
  const vectors = new NpyVectors(array.pieces, array.header, array.name, options);
  const [ids, metadata] = [await idColumn(arrays), await metadataColumn(arrays)];
  for (const [what, column] of [
    ['ids', ids],
    ['metadata', metadata],
  ] as const) {
    if (column === undefined || column.count === vectors.count) continue;
    throw invalid(`${name} has ${column.count} ${what} for ${vectors.count} vectors: save one for each`);
  }
  return { vectors, ids, metadata };
}

async function* read(source: Source, options: ReadOptions): AsyncGenerator<InTable> {
  await using file = await randomAccess(source);
  const arrays = new Arrays(file, await readZip(file));
  try {
    const columns = await openColumns(arrays, source.name, options);
    const { vectors, ids } = columns;
    const own = ids && (ids.areIntegers ? 'int64' : 'string');
    yield {
      ...{ name: undefined, distanceMetric: undefined, count: vectors.count },
      dimension: vectors.dimension === 0 ? undefined : vectors.dimension,
      idType: own && (options.idType ?? own),
      rows: () => rowsOf(columns, arrays, source.name, options),
    };
  } finally {
    await arrays.close();
  }
}

function recognises(head: Buffer): boolean | undefined {
  if (head.length < 4 || head.readUInt32LE(0) !== 0x04034b50) return false;
  if (head.length < LOCAL_NAME) return undefined;
  const name = head.subarray(LOCAL_NAME, LOCAL_NAME + head.readUInt16LE(26));
  return name.toString('latin1').endsWith('.npy');
}

/** Arrays of vectors, ids and metadata. */
export const npz: Format = { name: 'npz', extensions: ['.npz'], keepsIds: true, recognises, read, write: writeNpz };
