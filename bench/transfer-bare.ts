/** What imports and exports are measured beside: plain programs in Node that read and write the same files. */
import { closeSync, createReadStream, openSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { FormatName } from '../dist/index.js';

const PIECE = 1 << 20;

/** Vectors in columns. */
export interface Words {
  dimension: number;
  count: number;
  /** None where the format has none. */
  ids: string[];
  vectors: Float32Array;
  /** JSON; likewise. */
  metadata: string[];
}

/** What a program without a library would do with the same data. */
export interface Bare {
  /** Reads a file to its end; returns how many vectors it found. */
  read(file: string, words: Words): number | Promise<number>;
  /** Writes one, without syncing. `made` is what jvdb wrote. */
  write(file: number, words: Words, made: Buffer): void | Promise<void>;
}

const vectorOf = ({ vectors, dimension }: Words, i: number): Float32Array =>
  vectors.subarray(i * dimension, (i + 1) * dimension);

function writeLines(file: number, count: number, line: (i: number) => string): void {
  let text = '';
  for (let i = 0; i < count; i++) {
    text += line(i);
    if (text.length < PIECE) continue;
    writeSync(file, text);
    text = '';
  }
  writeSync(file, text);
}

async function readLines(file: string, take: (line: string) => unknown): Promise<number> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    take(line);
    count++;
  }
  return count;
}

/** Pieces into arrays of their own, and the same bytes out of memory: for what needs no parsing. */
const BYTES: Bare = {
  read(file, { count }) {
    const handle = openSync(file, 'r');
    const room = new Float32Array(PIECE);
    let bytes = 0;
    for (let got = 1; got > 0; bytes += got) {
      got = readSync(handle, room, 0, room.byteLength, null);
      room.slice(0, got >> 2);
    }
    closeSync(handle);
    return bytes === statSync(file).size ? count : 0;
  },
  write(file, _, made) {
    for (let at = 0; at < made.length;) at += writeSync(file, made, at, Math.min(4 * PIECE, made.length - at));
  },
};

const record = (words: Words, i: number): string =>
  `{"id":${JSON.stringify(words.ids[i])},"data":${JSON.stringify(Array.from(vectorOf(words, i)))},` +
  `"metadata":${words.metadata[i] ?? '{}'}}`;

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const JSONL: Bare = {
  read: (file) => readLines(file, (line) => Float32Array.from((JSON.parse(line) as { data: number[] }).data)),
  write: (file, words) => {
    writeLines(file, words.count, (i) => `${record(words, i)}\n`);
  },
};

const CSV: Bare = {
  // Counted from the end: words have commas, quoted ones, the metadata here has none. The first line is the header.
  read: async (file, { dimension }) =>
    (await readLines(file, (line) => Float32Array.from(line.split(',').slice(-1 - dimension, -1), Number))) - 1,
  write: (file, words) => {
    writeLines(file, words.count, (i) => {
      const [id = '', metadata = ''] = [words.ids[i], words.metadata[i]];
      return `${quoted(id)},${vectorOf(words, i).join(',')},${quoted(metadata)}\n`;
    });
  },
};

const JSON_WHOLE: Bare = {
  read(file) {
    const { databases } = JSON.parse(readFileSync(file, 'utf8')) as { databases: { vectors: { data: number[] }[] }[] };
    return databases[0]?.vectors.map(({ data }) => Float32Array.from(data)).length ?? 0;
  },
  write: (file, words) => {
    writeLines(file, words.count, (i) => `${i === 0 ? '{"vectors":[' : ','}${record(words, i)}`);
    writeSync(file, ']}');
  },
};

/** By the packages that jvdb uses, as they are. */
const PARQUET: Bare = {
  async read(file) {
    const { asyncBufferFromFile, parquetReadObjects } = await import('hyparquet');
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file) });
    return rows.map(({ vector }) => Float32Array.from(vector as number[])).length;
  },
  async write(file, words) {
    const { parquetWriteBuffer } = await import('hyparquet-writer');
    const data = words.ids.map((_, i) => Array.from(vectorOf(words, i)));
    const columns = { id: words.ids, metadata: words.metadata, vector: data };
    const columnData = Object.entries(columns).map(([name, values]) => ({ name, data: values }));
    writeSync(file, new Uint8Array(parquetWriteBuffer({ columnData })));
  },
};

const ARROW: Bare = {
  async read(file) {
    const { tableFromIPC } = await import('apache-arrow');
    const vectors = tableFromIPC(readFileSync(file)).getChild('vector');
    let count = 0;
    for (const vector of vectors ?? []) {
      (vector as { toArray(): Float32Array }).toArray().slice();
      count++;
    }
    return count;
  },
  async write(file, words) {
    const arrow = await import('apache-arrow');
    const type = new arrow.FixedSizeList(words.dimension, new arrow.Field('item', new arrow.Float32()));
    const values = arrow.makeData({ type: new arrow.Float32(), data: words.vectors });
    const data = new arrow.Vector([arrow.makeData({ type, length: words.count, nullCount: 0, child: values })]);
    const texts = (all: string[]): unknown => arrow.vectorFromArray(all, new arrow.Utf8());
    const columns = { id: texts(words.ids), metadata: texts(words.metadata), vector: data };
    writeSync(file, arrow.tableToIPC(new arrow.Table(columns as never), 'file'));
  },
};

/** A format and what is beside it. Rows of one without ids are numbered, and have no metadata. */
export interface BenchFormat {
  name: FormatName;
  keepsIds: boolean;
  bare: Bare;
  rounds: number;
}

/** Those that are measured. */
export const FORMATS: readonly BenchFormat[] = [
  { name: 'npy', keepsIds: false, bare: BYTES, rounds: 5 },
  { name: 'fvecs', keepsIds: false, bare: BYTES, rounds: 5 },
  { name: 'npz', keepsIds: true, bare: BYTES, rounds: 5 },
  { name: 'parquet', keepsIds: true, bare: PARQUET, rounds: 3 },
  { name: 'arrow', keepsIds: true, bare: ARROW, rounds: 3 },
  { name: 'jsonl', keepsIds: true, bare: JSONL, rounds: 3 },
  { name: 'csv', keepsIds: true, bare: CSV, rounds: 3 },
  { name: 'json', keepsIds: true, bare: JSON_WHOLE, rounds: 3 },
];
