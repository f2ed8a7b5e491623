/** What the tests of formats share: rows and bytes, tables to write, all that was read, damage. */
import fc from 'fast-check';
import type { Batch, Format, InTable, InvalidRecord, OutTable, ReadOptions, Source } from '../lib/formats/types.js';

/**
 * Bytes as a source, in pieces of a size; `seekable` as a file is, else as a pipe is.
 */
export function sourceOf(bytes: Uint8Array | string, { piece = 1000, seekable = true, name = 'test' } = {}): Source {
  const all = Buffer.from(bytes);
  return {
    name,
    size: seekable ? all.length : undefined,
    peek: (length) => Promise.resolve(all.subarray(0, length)),
    async *bytes() {
      for (let at = 0; at < all.length; at += piece) yield await Promise.resolve(all.subarray(at, at + piece));
    },
    readAt: seekable ? (position, length) => Promise.resolve(all.subarray(position, position + length)) : undefined,
  };
}

/** A table of one batch after the other. */
export function tableOf(
  ids: (number | bigint | string)[],
  vectors: number[][],
  metadata: (object | undefined)[] = [],
  { name = 'test', batch = 3, ...more }: Partial<OutTable> & { batch?: number } = {},
): OutTable {
  const dimension = vectors[0]?.length ?? 1;
  const one = (from: number): Batch => {
    const rows = vectors.slice(from, from + batch);
    return {
      count: rows.length,
      ids: ids.slice(from, from + batch),
      vectors: Float32Array.from(rows.flat()),
      metadata: rows.map((_, i) => (metadata[from + i] === undefined ? undefined : JSON.stringify(metadata[from + i]))),
    };
  };
  return {
    name,
    dimension,
    distanceMetric: 'cosine',
    idType: typeof ids[0] === 'string' ? 'string' : 'int64',
    count: ids.length,
    async *rows() {
      for (let from = 0; from < ids.length; from += batch) yield await Promise.resolve(one(from));
    },
    ...more,
  };
}

/** All bytes that a format writes. */
export async function written(format: Format, ...tables: OutTable[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const given = (async function* () {
    for (const table of tables) yield await Promise.resolve(table);
  })();
  for await (const piece of format.write!(given)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A table, whole. */
export interface Found extends Pick<InTable, 'name' | 'dimension' | 'distanceMetric' | 'idType' | 'count'> {
  ids: (number | bigint | string)[] | undefined;
  vectors: Float32Array[];
  metadata: (object | undefined)[];
  /** The same as it is written. */
  texts: (string | undefined)[];
  records: number[];
  position: number;
  invalid: InvalidRecord[];
  batches: number;
}

/** All tables that a format reads. */
export async function found(format: Format, source: Source, options: Partial<ReadOptions> = {}): Promise<Found[]> {
  const how = { dimension: undefined, idType: undefined, allowNonFinite: false, batchBytes: 100, ...options };
  const tables: Found[] = [];
  for await (const read of format.read(source, how)) {
    const { name, dimension, distanceMetric, idType, count } = read;
    const table: Found = {
      ...{ name, dimension, distanceMetric, idType, count },
      ...{ ids: [], vectors: [], metadata: [], texts: [], records: [], position: 0, invalid: [], batches: 0 },
    };
    for await (const batch of read.rows()) {
      const width = batch.count === 0 ? 0 : batch.vectors.length / batch.count;
      for (let i = 0; i < batch.count; i++) {
        table.vectors.push(batch.vectors.slice(i * width, (i + 1) * width));
        const json = batch.metadata?.[i];
        table.texts.push(json);
        table.metadata.push(json === undefined ? undefined : (JSON.parse(json) as object));
        table.records.push(batch.records?.[i] ?? batch.position - batch.count + i + 1);
      }
      if (batch.ids === undefined) table.ids = undefined;
      else table.ids?.push(...batch.ids);
      table.invalid.push(...batch.invalid);
      table.position = batch.position;
      table.batches++;
    }
    tables.push(table);
  }
  return tables;
}

/** Rows of up to so many values, their ids all of one kind, with metadata or without. */
export function anyRows(dimension: number): fc.Arbitrary<[number | bigint | string, number[], object | undefined][]> {
  const float = fc.oneof(
    fc.constantFrom(-0, 2 ** -149, -(2 ** -126), 3.4028234663852886e38),
    fc.float({ noDefaultInfinity: true, noNaN: true }),
  );
  const large = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map((id) => (id < 2n ** 53n ? Number(id) : id));
  const size = { minLength: 1, maxLength: 20 };
  const text = fc.oneof(fc.string(size), fc.string({ ...size, unit: 'binary' }));
  const metadata = fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: undefined });
  const rowsOf = <T>(id: fc.Arbitrary<T>): fc.Arbitrary<[T, number[], object | undefined][]> =>
    fc
      .integer({ min: 1, max: dimension })
      .chain((d) =>
        fc.array(fc.tuple(id, fc.array(float, { minLength: d, maxLength: d }), metadata), { maxLength: 9 }),
      );
  return fc.oneof(rowsOf(large), rowsOf(text), rowsOf(fc.nat()));
}

/**
 * Damages each byte of files by each of `masks`: what is read must be an error, which is undefined, or rows; many
 * must be errors.
 */
export async function damageEachByte(
  files: readonly Buffer[],
  masks: readonly number[],
  read: (bytes: Buffer) => Promise<Found | undefined>,
): Promise<void> {
  const stray: unknown[] = [];
  const note = (reason: unknown): void => void stray.push(reason);
  process.on('unhandledRejection', note);
  let errors = 0;
  for (const bytes of files) {
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of masks) {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= mask;
        const table = await read(damaged);
        if (table === undefined) errors++;
        else expect(table.vectors.length + table.invalid.length).toBe(table.position);
      }
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', note);
  expect(stray).toEqual([]);
  expect(errors).toBeGreaterThan(1000);
}
