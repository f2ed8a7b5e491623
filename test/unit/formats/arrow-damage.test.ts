/** Arrow that is compressed, and what damage does to it. */
import zlib from 'node:zlib';
import {
  compressionRegistry,
  Dictionary,
  Field,
  Float64,
  Int16,
  Int32,
  RecordBatchFileWriter,
  Struct,
  Table,
  Utf8,
  Utf8View,
} from 'apache-arrow';
import fc from 'fast-check';
import { arrow, arrowStream } from '../../../lib/formats/arrow/arrow.js';
import { codecNamed } from '../../../lib/formats/columns/codecs.js';
import { damageEachByte, found, sourceOf, tableOf, written, type Found } from '../../formats.js';
import { column, fileOf, floats, list, type Kind } from './arrow-files.js';

type CompressionType = Parameters<(typeof compressionRegistry)['set']>[0];
// By their numbers: the package does not export their names.
const [LZ4, ZSTD] = [0, 1] as unknown as [CompressionType, CompressionType];
const code = 'JVDB_INVALID_ARGUMENT';
const read = async (bytes: Uint8Array, options = {}): Promise<Found> =>
  (await found(arrow, sourceOf(bytes), options))[0]!;

const outcome = async (bytes: Uint8Array): Promise<Found | undefined> => {
  try {
    return await read(bytes, { batchBytes: 1000 });
  } catch (error) {
    expect(error).toMatchObject({ code });
    return undefined;
  }
};

function flipped(bytes: Buffer, at: number, bits: number): Buffer {
  const bad = Buffer.from(bytes);
  bad[at]! ^= bits;
  return bad;
}

describe('compressed', () => {
  const texts = Array.from({ length: 100 }, (_, i) => `t${i % 4}`);

  // The sizes that apache-arrow writes in front are those of packed bytes: they are mended.
  async function packed(
    table: Table,
    codec: CompressionType,
    pack: (bytes: Uint8Array) => Uint8Array,
    mark: string,
  ): Promise<Buffer> {
    const sizes: number[] = [];
    const encode = (bytes: Uint8Array): Uint8Array => {
      const out = pack(bytes);
      if (out.length < bytes.length) sizes.push(bytes.length);
      return out;
    };
    compressionRegistry.set(codec, { encode, decode: (bytes: Uint8Array) => bytes });
    const writer = new RecordBatchFileWriter({ autoDestroy: false, compressionType: codec });
    writer.write(table);
    writer.finish();
    const bytes = Buffer.from(await (writer.close(), writer.toUint8Array()));
    let at = 0;
    for (const size of sizes) {
      at = bytes.indexOf(Buffer.from(mark, 'hex'), at) + 1;
      bytes.writeBigInt64LE(BigInt(size), at - 9);
    }
    return bytes;
  }

  // As LZ4 has it: each run of a byte as one literal and its repetition, the last bytes as they are.
  function lz4(bytes: Uint8Array): Buffer {
    const blocks: Buffer[] = [];
    const block = (parts: number[], isPacked: boolean): void => {
      const size = Buffer.alloc(4);
      size.writeUInt32LE(parts.length + (isPacked ? 0 : 2 ** 31));
      blocks.push(size, Buffer.from(parts));
    };
    for (let at = 0; at < bytes.length;) {
      let run = 1;
      while (at + run < bytes.length && bytes[at + run] === bytes[at]) run++;
      const more = run - 1 - 4 - 15;
      if (more < 0) block([...bytes.subarray(at, at + run)], false);
      else {
        const length = [...Array.from({ length: Math.floor(more / 255) }, () => 255), more % 255];
        block([0x1f, bytes[at]!, 1, 0, ...length, 0], true);
      }
      at += run;
    }
    return Buffer.concat([Buffer.from('04224d18604000', 'hex'), ...blocks, Buffer.alloc(4)]);
  }

  test('lz4, as pandas compresses', async () => {
    const ids = texts.map((_, i) => 'x'.repeat(10 * (i + 1)));
    const given = ids.map((_, i) => [i % 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const table = new Table({ id: column(ids, new Utf8()), v: column(given, floats(12)), n: column(ids.map(() => 7), new Int32()) }); // prettier-ignore
    const bytes = await packed(table, LZ4, lz4, '04224d18');
    expect(bytes.length).toBeLessThan(20_000);
    const back = await read(bytes);
    expect(back).toMatchObject({ ids, invalid: [], metadata: ids.map(() => ({ n: 7 })) });
    expect(back.vectors.map((one) => [...one])).toEqual(given);
    for (let at = 0; at < bytes.length; at += 5) await outcome(flipped(bytes, at, 1 << (at % 8)));
  });

  test('zstd, where Node has it', async () => {
    const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Uint8Array) => Uint8Array };
    if (zstdCompressSync === undefined) {
      expect(() => codecNamed('ZSTD')).toThrow('compressed by zstd, which takes Node 22.15 or later');
      return;
    }
    const table = new Table({ id: column(texts, new Utf8()), v: column(texts.map(() => [1, 1, 1, 1]), floats(4)) }); // prettier-ignore
    expect((await read(await packed(table, ZSTD, zstdCompressSync, '28b52ffd'))).ids).toEqual(texts);
  });
});

describe('hostile bytes', () => {
  const files = async (): Promise<[Buffer, Kind][]> => [
    [await written(arrow, tableOf(['a', 'bé'], [[1, 2], [3, 4]], [{ a: 1 }])), 'file'], // prettier-ignore
    [await written(arrowStream, tableOf([1, 2], [[1, 2], [3, 4]], [{ a: 1 }])), 'stream'], // prettier-ignore
    [
      fileOf({
        id: column(['a', 'b', 'a'], new Dictionary(new Utf8(), new Int16())),
        v: column([[1], null, [2]], list(new Float64())),
        tag: column([['x', null], [], ['a longer text']], list(new Utf8View())),
        in: column([{ x: 1 }, null, { x: 2 }], new Struct([new Field('x', new Int32(), true)])),
      }),
      'file',
    ],
  ];

  test('every cut is an error, or in a stream between two messages the rows before', async () => {
    for (const [bytes, kind] of await files()) {
      for (let length = 0; length < bytes.length; length++) {
        const table = await outcome(bytes.subarray(0, length));
        if (kind === 'file') expect(table).toBeUndefined();
        else if (table !== undefined) expect([0, 2]).toContain(table.position);
      }
    }
  });

  test('every damaged byte is an error, or rows', async () => {
    const all = (await files()).map(([bytes]) => bytes);
    await damageEachByte(all, [1, 0x10, 0x80, 0xff], outcome);
  });

  test('several damaged bytes', async () => {
    const all = (await files()).map(([bytes]) => bytes);
    const damage = fc.array(fc.tuple(fc.nat(5000), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...all), damage, async (bytes, places) => {
        const bad = Buffer.from(bytes);
        for (const [at, byte] of places) bad[at % bad.length] = byte;
        await outcome(bad);
      }),
      { numRuns: 3000 },
    );
  });

  test('random headers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 8, maxLength: 300 }), async (bytes) => {
        const head = Buffer.from('ffffffff00000000', 'hex');
        head.writeInt32LE(bytes.length, 4);
        await outcome(Buffer.concat([head, bytes]));
      }),
      { numRuns: 500 },
    );
  });
});
