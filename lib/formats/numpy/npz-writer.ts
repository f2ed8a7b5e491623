/**
 * Writes an npz: `vectors`, then `ids` (`<i8`) or `ids_utf8` and `ids_offsets`, then `metadata_utf8` and
 * `metadata_offsets` where any row has some. One array comes after the other: what belongs to later ones is kept aside.
 */
import { invalid, shown } from '../../arguments.js';
import { countedRows, oneTable } from '../flat-rows.js';
import { npyHeader } from './npy-header.js';
import { bytesOf } from './npy-vectors.js';
import { Spill } from '../spill.js';
import type { Batch, OutTable } from '../types.js';
import { ZipWriter } from './zip-writer.js';

const JOINED_LENGTH = 4 * 1024 * 1024;

/** Integer ids. */
class Integers {
  readonly #values = new Spill();

  async add(ids: readonly unknown[]): Promise<void> {
    const values = new BigInt64Array(ids.length);
    const words = new Uint32Array(values.buffer);
    for (let i = 0; i < values.length; i++) {
      const id = ids[i] as number | bigint;
      if (typeof id === 'bigint') values[i] = id;
      else {
        words[2 * i] = id; // modulo 2^32
        words[2 * i + 1] = id / 2 ** 32;
      }
    }
    await this.#values.add(new Uint8Array(values.buffer));
  }

  async *entries(zip: ZipWriter, name: string, count: number): AsyncGenerator<Uint8Array> {
    yield* arrayEntry(zip, name, '<i8', count, this.#values);
  }

  async close(): Promise<void> {
    await this.#values.close();
  }
}

/** Texts: their bytes and where each begins. */
class Texts {
  isEmpty = true;
  readonly #bytes = new Spill();
  readonly #offsets = new Spill();

  async add(texts: readonly (string | undefined)[]): Promise<void> {
    if (this.#offsets.size === 0) await this.#offsets.add(new Uint8Array(8));
    for (let from = 0; from < texts.length;) {
      let to = from;
      for (let length = 0; to < texts.length && length < JOINED_LENGTH; to++) length += texts[to]?.length ?? 0;
      await this.#addSome(texts.slice(from, to));
      from = to;
    }
  }

  async #addSome(texts: readonly (string | undefined)[]): Promise<void> {
    const joined = texts.join('');
    const bytes = Buffer.from(joined);
    const areAscii = bytes.length === joined.length;
    const offsets = new BigInt64Array(texts.length);
    let end = this.#bytes.size;
    texts.forEach((text = '', i) => {
      if (!areAscii && !text.isWellFormed()) throw invalid(`${shown(text)} cannot be written: it has half a character`);
      end += areAscii ? text.length : Buffer.byteLength(text);
      offsets[i] = BigInt(end);
    });
    this.isEmpty &&= bytes.length === 0;
    await this.#offsets.add(new Uint8Array(offsets.buffer));
    await this.#bytes.add(bytes);
  }

  async *entries(zip: ZipWriter, name: string, count: number): AsyncGenerator<Uint8Array> {
    if (this.#offsets.size === 0) await this.#offsets.add(new Uint8Array(8));
    yield* arrayEntry(zip, `${name}_utf8`, '|u1', this.#bytes.size, this.#bytes);
    yield* arrayEntry(zip, `${name}_offsets`, '<i8', count + 1, this.#offsets);
  }

  async close(): Promise<void> {
    await this.#bytes.close();
    await this.#offsets.close();
  }
}

async function* arrayEntry(
  zip: ZipWriter,
  name: string,
  descr: string,
  length: number,
  values: Spill,
): AsyncGenerator<Uint8Array> {
  const header = npyHeader(descr, [length]);
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield header;
    yield* values.bytes();
  };
  yield* zip.entry(`${name}.npy`, header.length + values.size, pieces());
}

async function* tableEntries(zip: ZipWriter, table: OutTable): AsyncGenerator<Uint8Array> {
  const { count, dimension, idType } = table;
  const ids = idType === 'string' ? new Texts() : new Integers();
  const metadata = new Texts();
  const keep = async (batch: Batch): Promise<void> => {
    await ids.add((batch.ids ?? []) as string[]);
    await metadata.add(batch.metadata ?? new Array<undefined>(batch.count).fill(undefined));
  };
  const header = npyHeader('<f4', [count, dimension]);
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield header;
    for await (const batch of countedRows(table)) {
      await keep(batch);
      yield* bytesOf(batch.vectors);
    }
  };
  try {
    yield* zip.entry('vectors.npy', header.length + 4 * count * dimension, pieces());
    yield* ids.entries(zip, 'ids', count);
    if (!metadata.isEmpty) yield* metadata.entries(zip, 'metadata', count);
  } finally {
    await ids.close();
    await metadata.close();
  }
}

/**
 * Writes a table.
 *
 * @param tables - one
 * @param bigFrom - sizes and places in the zip file from this one on are written as zip64; by default where they must
 * @yields {Uint8Array} the file
 * @throws JvdbError `JVDB_INVALID_ARGUMENT` for more than one table, or none
 */
export async function* writeNpz(tables: AsyncIterable<OutTable>, bigFrom?: number): AsyncGenerator<Uint8Array> {
  const zip = new ZipWriter(bigFrom);
  let found = false;
  for await (const table of oneTable(tables, 'npz')) {
    found = true;
    yield* tableEntries(zip, table);
  }
  if (!found) throw invalid('npz holds one table: there is none to write');
  yield zip.end();
}
