/** How the old server's files are read: in few reads, none too long, and never all at once. */
import { legacyJvdb } from '../../../lib/formats/legacy/legacy-jvdb.js';
import { readPieces } from '../../../lib/formats/legacy/reads.js';
import { sourceOf } from '../../formats.js';
import { oldFile } from './legacy-files.js';

test('pieces near each other are read together, in any order', async () => {
  const file = Buffer.from(Uint8Array.from({ length: 4 << 20 }, (_, i) => (i * 31) >> 4));
  const lengths: number[] = [];
  let underWay = 0;
  let most = 0;
  const readAt = async (position: number, length: number): Promise<Buffer> => {
    lengths.push(length);
    most = Math.max(most, ++underWay);
    await new Promise(setImmediate);
    underWay--;
    return file.subarray(position, position + length);
  };
  const read = async (offsets: number[], length: number): Promise<number[]> => {
    lengths.length = 0;
    const pieces = await readPieces(readAt, Float64Array.from(offsets), length, file.length);
    const expected = offsets.map((offset) => Buffer.concat([file.subarray(offset, offset + length)], length));
    expect(pieces.equals(Buffer.concat(expected))).toBe(true);
    return lengths;
  };
  expect(await read([], 10)).toEqual([]);
  expect(await read([300, 100, 100, 200], 50)).toEqual([250]);
  expect(await read([100_000, 0], 50)).toEqual([50, 50]);
  expect(await read([file.length - 20], 50)).toEqual([20]);
  const all = Array.from({ length: 4096 }, (_, i) => ((i * 1001) % 4096) * 1024);
  expect(await read(all, 1024)).toEqual([1 << 20, 1 << 20, 1 << 20, 1 << 20]);
  await read(
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => n * 100_000),
    10,
  );
  expect(most).toBe(4);
});

test('a failed read is an error once all others have ended', async () => {
  const readAt = (position: number): Promise<Buffer> =>
    position === 0 ? Promise.reject(new Error('no disk')) : Promise.resolve(Buffer.alloc(8));
  await expect(readPieces(readAt, Float64Array.of(0, 1e6, 2e6), 8, 1e7)).rejects.toThrow('no disk');
});

test('rows come before all vectors were read', async () => {
  const vector = new Array<number>(65_536); // of holes: zeros, quickly written
  const entries = Array.from({ length: 200 }, (_, i) => ({ id: `${i}`, vector }));
  const source = sourceOf(oldFile(entries, { capacity: 200 }));
  let read = 0;
  const readAt = (position: number, length: number): Promise<Buffer> => {
    read += length;
    return source.readAt!(position, length);
  };
  const how = { dimension: undefined, idType: undefined, allowNonFinite: false, batchBytes: 1 << 20 };
  const atBatches: number[] = [];
  for await (const table of legacyJvdb.read({ ...source, readAt }, how)) {
    for await (const batch of table.rows()) {
      expect(batch.count).toBe(4);
      atBatches.push(read);
    }
  }
  expect(atBatches).toHaveLength(50);
  expect(atBatches[0]).toBeLessThan(40 << 20);
});
