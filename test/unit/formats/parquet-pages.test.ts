/** Pages of lists: any number of them in a group of rows; what one row may have is limited. */
import * as hyparquet from 'hyparquet';
import type { ColumnMetaData, SchemaElement } from 'hyparquet';
import { Malformed } from '../../../lib/formats/malformed.js';
import { LeafReader } from '../../../lib/formats/parquet/pages.js';
import { pageHeader } from '../../../lib/formats/parquet/thrift.js';
import { ValueReader } from '../../../lib/formats/parquet/values.js';
import { fileOf, list, read, text, vectorsOnly } from './parquet-files.js';

// Of each value but the first one of a page the same is said: 1, that it goes on in its list.
function page(first: 0 | 1, count: number): Buffer {
  const run = (value: number, length: number): number[] => {
    const bytes: number[] = [];
    for (let rest = length * 2; length > 0; rest >>= 7) {
      bytes.push((rest & 127) | (rest > 127 ? 128 : 0));
      if (rest <= 127) return [...bytes, value];
    }
    return bytes;
  };
  const levels = Buffer.from([...run(first, Math.min(count, 1)), ...run(1, count - 1)]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(levels.length);
  const body = Buffer.concat([size, levels, Buffer.alloc(4 * count)]);
  return Buffer.concat([pageHeader(body.length, 0, count), body]);
}

// Reads rows of repeated floats: how many values each has.
async function lengths(pages: readonly Buffer[], held: number[] = []): Promise<number[]> {
  const file = Buffer.concat([Buffer.from('PAR1'), ...pages]);
  const element: SchemaElement = { name: 'v', type: 'FLOAT', repetition_type: 'REPEATED' };
  const node = { name: 'v', element, children: [], definition: 0, repetition: 1, leaf: 0, kind: 'none' } as const;
  const access = {
    ...{ name: 'test', size: file.length, [Symbol.asyncDispose]: () => Promise.resolve() },
    readAt: (position: number, length: number) => Promise.resolve(file.subarray(position, position + length)),
  };
  const chunk = { codec: 'UNCOMPRESSED', data_page_offset: 4n, total_compressed_size: BigInt(file.length - 4) };
  const values = new ValueReader(hyparquet, { ...element, repetition_type: 'REQUIRED' });
  const leaf = new LeafReader(access, node, chunk as ColumnMetaData, values);
  const found: number[] = [];
  for (;;) {
    while (!leaf.isReady()) {
      if (!(await leaf.more())) return found;
      held.push(leaf.entries.count);
    }
    found.push(leaf.end - leaf.at);
    leaf.pass(leaf.present());
  }
}

test('a group of rows has more pages than one row may', async () => {
  const data = Array.from({ length: 3000 }, (_, i) => [i, i + 0.5, -i]);
  for (const perPage of [1, 2]) {
    const table = await read(vectorsOnly(data, { rowGroupSize: 3000, pageSize: 12 * perPage }));
    expect(table.vectors.map((one) => [...one])).toEqual(data);
  }
  const tags = data.map((_, i) => Array.from({ length: i % 4 }, (_, k) => `tag ${k}`));
  const columns = [{ name: 'vector', data }, { name: 'tags', data: tags }]; // prettier-ignore
  const schema: SchemaElement[] = [...list('vector'), ...list('tags').slice(0, 2), text('element')];
  const table = await read(fileOf(schema, columns, { rowGroupSize: 3000, pageSize: 1 }));
  expect(table.metadata).toEqual(tags.map((one) => ({ tags: one })));
});

test('rows that begin in one page and end in the next, in thousands of them', async () => {
  const pages = [page(0, 3), ...Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? page(1, 2) : page(0, 3)))];
  expect(await lengths(pages)).toEqual([...Array<number>(1000).fill(5), 3]);
});

describe('one row', () => {
  const repeated = (one: Buffer, count: number): Buffer[] => [page(0, 1), ...Array<Buffer>(count).fill(one)];

  test('in so many pages is whole, in one more is refused', async () => {
    expect(await lengths(repeated(page(1, 1), 256))).toEqual([257]);
    expect(await lengths([...repeated(page(1, 1), 256), page(0, 7)])).toEqual([257, 7]);
    await expect(lengths(repeated(page(1, 1), 257))).rejects.toThrow(/more than 256 pages/);
    await expect(lengths(repeated(page(1, 0), 257))).rejects.toThrow(Malformed);
  });

  test('is refused before it takes much memory', async () => {
    const held: number[] = [];
    await expect(lengths(repeated(page(1, 100_000), 200), held)).rejects.toThrow(/more than 262144 values/);
    expect(held).toEqual([1, 100_001, 200_001, 300_001]);
  });

  test('of any length is whole where it does not go on', async () => {
    expect(await lengths([page(0, 300_000), page(0, 2)])).toEqual([300_000, 2]);
  });
});
