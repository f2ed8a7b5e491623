/** The old server's files: what is read from whole ones, and what from those that it left in disorder. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { legacyHash, hexOf } from '../../../lib/formats/legacy/hash.js';
import { legacyFormat, legacyJvdb, type LegacyTable } from '../../../lib/formats/legacy/legacy-jvdb.js';
import type { LegacySidecars } from '../../../lib/formats/legacy/sidecars.js';
import { found, sourceOf, type Found } from '../../formats.js';
import { ROOT } from '../../support.js';
import { bitsOf, fixture, hashOf, hex, oldFile, sha256Of, type OldEntry, type OldHeader } from './legacy-files.js';

const NONE: LegacySidecars = { metadata: undefined, vectorMetadata: undefined };
const keys = (...ids: string[]): LegacySidecars => ({ ...NONE, vectorMetadata: new Map(ids.map((id) => [id, {}])) });

async function read(file: Buffer, format = legacyJvdb, options = {}): Promise<Found> {
  const [table] = await found(format, sourceOf(file), options);
  return table!;
}

/** Ids with their vectors, in the order of ids. */
const rowsOf = (table: Found): [string, number[]][] =>
  table.ids!.map((id, i) => [String(id), [...table.vectors[i]!]] as [string, number[]]).sort();

const reasonsOf = (table: Found): string => table.invalid.map(({ reason }) => reason).join('\n');

const two = (more: Partial<OldEntry> = {}, header: OldHeader = {}): Buffer =>
  oldFile(
    [
      { id: 'a', vector: [1, 2] },
      { id: 'b', vector: [3, 4], ...more },
    ],
    header,
  );

describe('hash', () => {
  test.each([
    ['', '553e93901e462a6e'],
    ['a', '454ddee488c1ed6b'],
    ['vec1', '22819f762bd488c6'],
    ['vector-12345', 'b033c670d5279729'],
  ])('of %j', (id, expected) => {
    expect(hexOf(legacyHash(Buffer.from(id)))).toBe(expected);
    expect(hex(hashOf(id))).toBe(expected);
  });

  test('of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(hexOf(legacyHash(bytes))).toBe(hex(hashOf(Buffer.from(bytes))));
      }),
    );
  });
});

describe('files of the old server', () => {
  test('of special values, bit by bit', async () => {
    const { file, bits, activeCount } = fixture('tiny-4x10');
    const table = await read(file);
    expect(new Map(table.ids!.map((id, i) => [id, bitsOf(table.vectors[i]!)]))).toEqual(bits);
    expect(table).toMatchObject({ invalid: [], count: activeCount, dimension: 4, idType: 'string', name: undefined });
    expect(table.records.every((record, i) => i === 0 || record > table.records[i - 1]!)).toBe(true);
  });

  test.each([1, 5000, 1 << 20])('of 1000 vectors, bit by bit, in batches of %d bytes', async (batchBytes) => {
    const { file, bits } = fixture('plain-128x1000');
    const table = await read(file, legacyJvdb, { batchBytes });
    expect(new Map(table.ids!.map((id, i) => [id, sha256Of(table.vectors[i]!)]))).toEqual(bits);
    expect(table.batches).toBe(Math.ceil(1000 / Math.max(1, Math.floor(batchBytes / 512))));
  });

  test('ids that it cut are found among those of the sidecar', async () => {
    const { file, bits } = fixture('longid-4x4');
    const ids = [...bits.keys()];
    const without = await read(file);
    expect(without.ids!.map(String).sort()).toEqual(
      [...ids.slice(0, 2), ...ids.slice(2).map((id) => `hash:${hex(hashOf(id))}`)].sort(),
    );
    const table = await read(file, legacyFormat(keys(...ids, 'another', '\ud800', '')));
    expect(new Map(table.ids!.map((id, i) => [id, bitsOf(table.vectors[i]!)]))).toEqual(bits);
  });

  test('any values under any ids come back', async () => {
    const id = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter((text) => /^[^\0]{1,60}$/.test(text) && Buffer.byteLength(text) < 64);
    const vector = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 });
    const entries = fc.uniqueArray(fc.record({ id, vector }), { selector: (entry) => entry.id, minLength: 1 });
    const run = async (all: OldEntry[]): Promise<void> => {
      const table = await read(oldFile(all, { capacity: all.length }));
      const expected = new Map(all.map((one) => [one.id, bitsOf(Float32Array.from(one.vector))]));
      expect(new Map(table.ids!.map((text, i) => [text, bitsOf(table.vectors[i]!)]))).toEqual(expected);
    };
    await fc.assert(fc.asyncProperty(entries, run));
  });

  test('are told from those of this package', async () => {
    const [old, ours] = [
      ['tiny-4x10', 'longid-4x4', 'plain-128x1000'],
      ['int64-v1', 'string-v1'],
    ];
    for (const name of old) expect(legacyJvdb.recognises(fixture(name).file)).toBe(true);
    expect(legacyJvdb.recognises(fixture('tiny-4x10').file.subarray(0, 127))).toBe(false);
    for (const at of [0, 4, 12, 32, 39, 72, 127]) {
      const { file } = fixture('tiny-4x10');
      file[at]! ^= 1;
      expect(legacyJvdb.recognises(file)).toBe(false);
    }
    for (const name of ours) {
      const file = readFileSync(path.join(ROOT, `test/fixtures/${name}.jvdb`)).subarray(0, 65_536);
      await expect(read(file)).rejects.toThrow('a database of this package is opened, not imported');
      for (let bit = -1; bit < 128 * 8; bit++) {
        const head = Buffer.from(file);
        if (bit >= 0) head[bit >> 3]! ^= 1 << (bit & 7);
        expect(legacyJvdb.recognises(head)).toBe(false);
      }
    }
  });

  test('cannot be read from a pipe', async () => {
    const pipe = sourceOf(two(), { seekable: false });
    await expect(found(legacyJvdb, pipe)).rejects.toThrow(
      'must be a file on disk, not a pipe and not zipped: unzip it, and give its path',
    );
  });

  test('that become shorter while they are read are an error', async () => {
    const file = two();
    const source = {
      ...sourceOf(file),
      readAt: (at: number, n: number) => Promise.resolve(file.subarray(at, Math.min(at + n, 500))),
    };
    await expect(found(legacyJvdb, source)).rejects.toThrow('became shorter while it was read');
  });
});

describe('entries', () => {
  test('that were deleted are left out', async () => {
    expect(rowsOf(await read(two({ flags: 2 })))).toEqual([['a', [1, 2]]]);
    expect((await read(two({ flags: 2 }))).invalid).toEqual([]);
  });

  test.each([0, 3, 5, 0x80000001])('with flags %d are invalid', async (flags) => {
    const table = await read(two({ flags }));
    expect(rowsOf(table)).toEqual([['a', [1, 2]]]);
    expect(table.invalid).toMatchObject([{ reason: expect.stringContaining(`flags are ${flags}, neither`) as string }]);
    expect(two({ flags }).readBigUInt64LE(128 + 64 * (table.invalid[0]!.record - 1))).toBe(hashOf('b'));
  });

  test.each([1n, 2n ** 32n, 2n ** 63n])('of hash %d without flags are not taken for empty', async (hash) => {
    expect((await read(two({ hash, flags: 0 }))).invalid).toHaveLength(1);
  });

  test('whose hash is 0 are found', async () => {
    const id = 'U"      t{R\u000fU8`\u0014';
    expect(hashOf(id)).toBe(0n);
    expect(new Map(rowsOf(await read(two({ id }))))).toEqual(
      new Map([
        ['a', [1, 2]],
        [id, [3, 4]],
      ]),
    );
    expect((await read(two({ hash: 0n }))).ids).toContain('hash:0000000000000000');
  });

  test('whose text has another hash are not believed', async () => {
    const ids = async (more: Partial<OldEntry>): Promise<unknown> => (await read(two(more))).ids!.sort();
    const other = `hash:${hex(hashOf('b'))}`;
    expect(await ids({ text: 'c' })).toEqual(['a', other]);
    expect(await ids({ text: 'b\0rest' })).toEqual(['a', 'b']);
    for (const textOffset of [0, 127, 128, 1e6, 2 ** 60]) expect(await ids({ textOffset })).toEqual(['a', other]);
    expect(await ids({ id: '' })).toEqual(['a', 'hash:553e93901e462a6e']);
    expect(await ids({ id: Buffer.from([0xff]) })).toEqual(['a', `hash:${hex(hashOf(Buffer.from([0xff])))}`]);
    expect(await ids({ id: '\ufffd' })).toEqual(['a', '\ufffd']);
  });

  test.each([
    ['\ufffd', '\ud800'],
    ['', ''],
    ['x'.repeat(1025), 'x'.repeat(1025)],
  ])('with the hash of what cannot be an id (%#) have none', async (id, key) => {
    const file = oldFile([{ id, text: '?', vector: [1] }]);
    expect((await read(file, legacyFormat(keys(key)))).ids).toEqual([`hash:${hex(hashOf(id))}`]);
    const longest = 'x'.repeat(1024);
    expect((await read(oldFile([{ id: longest, vector: [1] }]), legacyFormat(keys(longest)))).ids).toEqual([longest]);
  });

  test('of a file that grew are found by the sidecar, or wherever their text is', async () => {
    const entries = ['a', 'b', 'c'].map((id, i) => ({ id, vector: [i], text: Buffer.alloc(63, 0x80 + i) }));
    const file = oldFile(entries, { capacity: 8, textOffset: 0 });
    expect(rowsOf(await read(file))).toEqual(
      entries.map(({ id, vector }) => [`hash:${hex(hashOf(id))}`, vector]).sort(),
    );
    expect(rowsOf(await read(file, legacyFormat(keys('c', 'b', 'a'))))).toEqual([
      ['a', [0]],
      ['b', [1]],
      ['c', [2]],
    ]);
    const texts = file.length - 8 * 64;
    const [slot] = (await read(file, legacyFormat(keys('b')))).records;
    file.write('b\0', texts + 100);
    for (let at = 128; at < 128 + 8 * 64; at += 64) file.writeBigUInt64LE(BigInt(texts + 100), at + 16);
    expect((await read(file)).ids).toContain('b');
    expect(slot).toBeGreaterThan(0);
  });

  test('of different ids with one hash are different rows', async () => {
    const [a, b] = ['aaaaaaaabbbbbbbb', 'R2zjKoc40fE7sqsZ'];
    expect(hashOf(a)).toBe(hashOf(b));
    const entries = [
      { id: a, vector: [1] },
      { id: b, vector: [2] },
    ];
    expect(rowsOf(await read(oldFile(entries)))).toEqual([
      [b, [2]],
      [a, [1]],
    ]);
    // Which of both it was nobody can tell.
    const cut = oldFile([{ id: a, text: '?', vector: [1] }]);
    expect((await read(cut, legacyFormat(keys(a, b)))).ids).toEqual([`hash:${hex(hashOf(a))}`]);
  });

  test.each([
    [[1n, 2n, 3n], 2],
    [[3n, 2n, 1n], 0],
    [[2n, 3n, 1n], 1],
    [[1n, 1n, 1n], 0],
  ])('of one id: of %p the newest is given', async (timestamps, newest) => {
    const entries = timestamps.map((timestamp, i) => ({ id: 'a', vector: [i], timestamp }));
    const table = await read(oldFile([...entries, { id: 'b', vector: [9] }]));
    expect(rowsOf(table)).toEqual([
      ['a', [newest]],
      ['b', [9]],
    ]);
    expect(table.invalid).toHaveLength(2);
    expect(reasonsOf(table)).toMatch(
      /hash 454ddee488c1ed6b: another entry has its id and is not older than it, of \d ns/,
    );
    // Also where it took over the bytes of the older ones.
    const inPlace = await read(oldFile(entries.map((entry) => ({ ...entry, vector: [5], at: 0 }))));
    expect(rowsOf(inPlace)).toEqual([['a', [5]]]);
  });

  test.each([
    ['of another size', { size: 4 }, {}, 'its vector has 4 bytes, not the 8 of 2 values'],
    ['before the vectors', { at: -8 }, {}, 'at byte 376, not within 384 … 416'],
    ['behind them', { at: 32 }, {}, 'at byte 416, not within 384 … 416'],
    ['half behind them', { at: 28 }, {}, 'at byte 412, not within 384 … 416'],
    ['far away', { at: 2 ** 53 - 384 }, {}, 'not within 384 … 416'],
    ['among the ids', {}, { textOffset: 396 }, 'at byte 392, among the texts of ids at 396'],
    ['where none was ever stored', { at: 24 }, {}, 'at byte 408, behind all 2 that were ever stored'],
    ['between two places', { at: 4, vector: [2, 5] }, {}, 'at byte 388, no multiple of 8 bytes from the first at 384'],
  ])('whose vector is %s are invalid', async (_, more, header, reason) => {
    const table = await read(two(more, { capacity: 4, ...header }));
    expect(reasonsOf(table)).toContain(reason);
    expect(rowsOf(table)).toEqual([['a', [1, 2]]]);
  });

  test('that share bytes are invalid, whichever is right', async () => {
    const entries = [
      { id: 'a', vector: [1, 2] },
      { id: 'b', vector: [3, 4] },
      { id: 'c', vector: [3, 4], at: 8 },
    ];
    const table = await read(oldFile(entries));
    expect(rowsOf(table)).toEqual([['a', [1, 2]]]);
    expect(reasonsOf(table)).toContain('at byte 520 shares bytes with another');
    expect(table.invalid).toHaveLength(2);
  });

  test('may lie anywhere in a file that grew', async () => {
    const entries = [
      { id: 'a', vector: [1, 2], at: 25 },
      { id: 'b', vector: [3, 4], at: 4 },
      { id: 'c', vector: [5, 6], at: 33 },
    ];
    const odd = oldFile(entries, { vectorCount: 9 });
    expect(rowsOf(await read(odd))).toEqual([
      ['a', [1, 2]],
      ['b', [3, 4]],
      ['c', [5, 6]],
    ]);
    // Nor does a wrong count of vectors hide any.
    expect(rowsOf(await read(oldFile(entries, { vectorCount: 1, activeCount: 1 })))).toHaveLength(3);
    // But one that overlaps by a single byte is not whole.
    entries[2]!.at = 32;
    expect(rowsOf(await read(oldFile(entries, { vectorCount: 9 })))).toEqual([['b', [3, 4]]]);
  });

  test('with values that are no numbers are invalid unless they are allowed', async () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      const file = two({ vector: [0, value] });
      const table = await read(file);
      expect(reasonsOf(table)).toBe(`value 2 of the vector of "b" is ${value}, not a finite number`);
      expect(rowsOf(table)).toEqual([['a', [1, 2]]]);
      expect(rowsOf(await read(file, legacyJvdb, { allowNonFinite: true }))).toEqual([
        ['a', [1, 2]],
        ['b', [0, value]],
      ]);
    }
  });

  test('of many, with invalid ones between them, keep to their vectors', async () => {
    const entries = Array.from({ length: 300 }, (_, i) => ({ id: `id${i}`, vector: [i % 7 === 3 ? NaN : i, i] }));
    for (const batchBytes of [8, 100, 1e6]) {
      const table = await read(oldFile(entries), legacyJvdb, { batchBytes });
      const whole = entries.filter(({ vector }) => !Number.isNaN(vector[0]));
      expect(rowsOf(table)).toEqual(whole.map(({ id, vector }) => [id, vector]).sort());
      expect(table.invalid).toHaveLength(entries.length - whole.length);
    }
  });

  test('ids become numbers where that is asked for', async () => {
    const ids = ['0', '7', '9007199254740993', '9223372036854775807', '9223372036854775808', '07', '-1', 'x', '1.0'];
    const file = oldFile(ids.map((id, i) => ({ id, vector: [i] })));
    const table = await read(file, legacyJvdb, { idType: 'int64' });
    expect(new Set(table.ids)).toEqual(new Set([0, 7, 9007199254740993n, 9223372036854775807n]));
    expect(reasonsOf(table)).toContain('its id "07" is no integer from 0 to 2^63-1; ids may stay strings');
    expect(table.invalid).toHaveLength(5);
  });

  test('of another dimension than asked for are invalid', async () => {
    const table = await read(two(), legacyJvdb, { dimension: 3 });
    expect(table.ids).toEqual([]);
    expect(reasonsOf(table)).toMatch(/its vector has 2 values, not 3\n.*its vector has 2 values, not 3/);
    expect(rowsOf(await read(two(), legacyJvdb, { dimension: 2 }))).toHaveLength(2);
  });
});

describe('passes that follow each other', () => {
  async function pass(file: Buffer, newerThan?: bigint): Promise<{ ids: unknown[]; table: LegacyTable }> {
    const how = { dimension: undefined, idType: undefined, allowNonFinite: false, batchBytes: 16 };
    const ids: unknown[] = [];
    for await (const table of legacyFormat(NONE, { newerThan }).read(sourceOf(file), how)) {
      for await (const batch of table.rows()) ids.push(...batch.ids!);
      return { ids: ids.sort(), table };
    }
    throw new Error('no table');
  }
  const at = (timestamp: bigint, more: Partial<OldEntry> = {}): Buffer => two({ timestamp, ...more });

  test('take what is newer', async () => {
    const first = await pass(at(50n));
    expect(first).toMatchObject({ ids: ['a', 'b'], table: { newest: 50n } });
    expect(first.table.report).toEqual({ taken: 2, deleted: 0, skipped: 0, withoutId: 0 });
    const again = await pass(at(50n), 50n);
    expect(again).toMatchObject({ ids: [], table: { newest: 50n, report: { taken: 0, skipped: 2 } } });
    expect(await pass(at(51n, { text: '?' }), 50n)).toMatchObject({
      ids: [`hash:${hex(hashOf('b'))}`],
      table: { newest: 51n, report: { taken: 1, skipped: 1, withoutId: 1 } },
    });
    expect(await pass(at(60n, { flags: 2 }))).toMatchObject({ table: { newest: 1n, report: { deleted: 1 } } });
    expect(await pass(at(60n, { size: 4 }))).toMatchObject({ table: { newest: 1n, report: { taken: 1 } } });
    expect(await pass(at(60n, { vector: [NaN, 1] }))).toMatchObject({ table: { newest: 1n } });
  });

  test('take again what is from now or later', async () => {
    const now = BigInt(Date.now()) * 1_000_000n;
    for (const later of [now, now + 10n ** 18n, 2n ** 64n - 1n]) {
      const { table, ids } = await pass(at(later));
      expect(table.newest).toBe(1n);
      expect(ids).toEqual(['a', 'b']);
    }
    expect((await pass(at(now - 5_000_000_000n))).table.newest).toBe(now - 5_000_000_000n);
  });
});
