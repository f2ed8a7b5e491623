/**
 * Damaged files of the old server: an error, or what is whole. They have no checksums, so a value that changed is a
 * value; nothing else may give a vector that an id did not have.
 */
import type { JvdbError } from '../../../lib/errors.js';
import { legacyFormat, legacyJvdb } from '../../../lib/formats/legacy/legacy-jvdb.js';
import { found, sourceOf, type Found } from '../../formats.js';
import { bitsOf, fixture, hashOf, hex, oldFile } from './legacy-files.js';

const FLIPS = [0x01, 0x10, 0x80, 0xff];

async function readOrRefused(file: Buffer, format = legacyJvdb): Promise<Found | string> {
  try {
    const [table] = await found(format, sourceOf(file), { allowNonFinite: true });
    return table!;
  } catch (thrown) {
    if ((thrown as JvdbError).code !== 'JVDB_INVALID_ARGUMENT') throw thrown;
    return (thrown as Error).message;
  }
}

const pairsOf = (table: Found): Map<string, string> =>
  new Map(table.ids!.map((id, i) => [String(id), bitsOf(table.vectors[i]!)]));

/** The slots in use of a whole file: what is given for each, and where its parts are. */
interface Entry {
  id: string;
  bits: string;
  slot: number;
  dataAt: number;
  textAt: number;
}

async function entriesOf(file: Buffer): Promise<Entry[]> {
  const table = (await readOrRefused(file)) as Found;
  expect(table.ids!.length).toBeGreaterThan(3);
  return table.records.map((record, i) => ({
    id: String(table.ids![i]!),
    bits: bitsOf(table.vectors[i]!),
    slot: record - 1,
    dataAt: Number(file.readBigUInt64LE(72 + 64 * record)),
    textAt: Number(file.readBigUInt64LE(80 + 64 * record)),
  }));
}

describe.each(['tiny-4x10', 'longid-4x4'])('%s', (name) => {
  const { file } = fixture(name);

  test('cut anywhere is refused', async () => {
    for (let length = 0; length < file.length; length++) {
      const message = await readOrRefused(file.subarray(0, length));
      if (typeof message === 'string' && /^test (has \d+ bytes, a file|is cut short or dam)/.test(message)) continue;
      throw new Error(`${length} bytes are read: ${JSON.stringify(message)}`);
    }
  });

  test('with any byte damaged gives no wrong vector', async () => {
    const entries = await entriesOf(file);
    for (let at = 0; at < file.length; at++) {
      // What is in use, and once what isn't, of which both files have the same.
      const isUsed = at < 128 || file[at] !== 0 || file[at - 1] !== 0;
      const unused = name.startsWith('tiny') ? [FLIPS[at % 4]!] : [];
      for (const flip of isUsed ? FLIPS : unused) {
        const damaged = Buffer.from(file);
        damaged[at]! ^= flip;
        const table = await readOrRefused(damaged);
        if (typeof table === 'string') {
          if (at >= 128) throw new Error(`byte ${at}, damaged by ${flip}, makes all unreadable: ${table}`);
          continue;
        }
        const wrong = wrongIn(pairsOf(table), entries, damaged, at);
        if (wrong !== undefined) throw new Error(`byte ${at}, damaged by ${flip}: ${wrong}`);
      }
    }
  });
});

/** What is given of a file with one damaged byte and must not be, or is not given and must be. */
function wrongIn(pairs: Map<string, string>, entries: Entry[], damaged: Buffer, at: number): string | undefined {
  let lost = 0;
  for (const { id, bits, slot, dataAt, textAt } of entries) {
    const isIn = (from: number, length: number): boolean => at >= from && at < from + length;
    const isOwn = isIn(128 + 64 * slot, 64);
    // A value that changed is a value.
    const expected = isIn(dataAt, 16) ? damaged.toString('hex', dataAt, dataAt + 16) : bits;
    const asHash = `hash:${hex(damaged.readBigUInt64LE(128 + 64 * slot))}`;
    const given = pairs.has(id) ? id : asHash;
    if (!pairs.has(given)) lost++;
    else if (pairs.get(given) !== expected) return `${given} has a wrong vector`;
    else if (given !== id && !isOwn && !isIn(textAt, 64)) return `${id} has lost its id`;
    pairs.delete(given);
  }
  if (pairs.size > 0) return `there is ${[...pairs.keys()].join()}`;
  // One whose place is damaged may seem to lie upon another's vector: then neither is believed.
  const most = at < 128 ? entries.length : entries.some(({ slot }) => Math.floor((at - 128) / 64) === slot) ? 2 : 0;
  return lost > most ? `${lost} are lost` : undefined;
}

test('a damaged id is found among those of the sidecar', async () => {
  const file = oldFile([{ id: 'vector', vector: [1] }]);
  const at = file.indexOf('vector');
  const sidecars = { metadata: undefined, vectorMetadata: new Map([['vector', { source: 's' }]]) };
  for (let i = at; i < at + 64; i++) {
    const damaged = Buffer.from(file);
    damaged[i]! ^= 0x55;
    expect(await readOrRefused(damaged, legacyFormat(sidecars))).toMatchObject({
      ids: ['vector'],
      metadata: [{ source: 's' }],
    });
    expect(await readOrRefused(damaged)).toMatchObject({
      ids: [i < at + 7 ? `hash:${hex(hashOf('vector'))}` : 'vector'],
    });
  }
});

test('a damaged capacity hides no entry', async () => {
  const file = oldFile(
    [1, 2, 3, 4].map((n) => ({ id: `${n}`, vector: [n] })),
    { capacity: 4 },
  );
  for (const capacity of [1, 2, 3]) {
    file.writeUInt32LE(capacity, 56);
    expect(await readOrRefused(file)).toMatchObject({ ids: { length: 4 }, invalid: [] });
  }
});

const LARGE = 2n ** 60n;
test.each([
  ['capacity', 56, LARGE, /an index of 1152921504606846976 slots does not fit before the vectors at byte 384/],
  ['capacity', 56, 2n ** 64n - 1n, /slots does not fit before/],
  ['capacity', 56, 0n, /its index has a capacity of 0; copy it anew, or take a backup of it/],
  ['capacity', 56, 5n, /an index of 5 slots does not fit before the vectors at byte 384/],
  ['place of vectors', 40, LARGE, /vectors take 32 bytes from byte 1152921504606846976 on, and the file has 672/],
  ['place of vectors', 40, 0n, /does not fit before the vectors at byte 0/],
  ['bytes of vectors', 64, LARGE, /vectors take 1152921504606846976 bytes from byte 384 on/],
  ['bytes of vectors', 64, 289n, /vectors take 289 bytes from byte 384 on, and the file has 672/],
  ['place of ids', 48, LARGE, /texts of 4 ids from byte 1152921504606846976 on end at .*, and the file has 672/],
  ['place of ids', 48, 417n, /texts of 4 ids from byte 417 on end at 673, and the file has 672/],
  ['place of the index', 32, 64n, /byte 32 gives 64 for the place of the index, not 128/],
  ['dimension', 8, 0n, /the dimension is 0, not 1 to 65536/],
  ['dimension', 8, 65_537n, /the dimension is 65537, not 1 to 65536/],
  ['dimension', 8, 2n ** 32n - 1n, /the dimension is 4294967295, not/],
  ['magic and version', 0, 0x200000000n, /begins with 0x0, not 0x4a564442/],
  ['magic and version', 0, 0x24a564442n, /has version 2, files of the old server have 1/],
])('a hostile %s is refused before anything is read', async (_, at, value, message) => {
  const file = oldFile([{ id: 'a', vector: [1, 2] }]);
  file.writeBigUInt64LE(value, at);
  let read = 0;
  const source = sourceOf(file);
  const readAt = (from: number, length: number): Promise<Buffer> => {
    read += length;
    return source.readAt!(from, length);
  };
  await expect(found(legacyJvdb, { ...source, readAt })).rejects.toThrow(message);
  expect(read).toBe(128);
});

test('random bytes in place of the index end no reading', async () => {
  const file = oldFile([{ id: 'a', vector: [1, 2] }], { capacity: 3000 });
  const [data] = [128 + 64 * 3000];
  for (let at = 128, seed = 1; at < data; at += 4) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    // Half of them seem to be in use.
    file.writeUInt32LE((at - 128) % 64 === 28 && seed & 0x10000 ? 1 : seed, at);
  }
  const table = (await readOrRefused(file)) as Found;
  expect(table.ids).toEqual([]);
  expect(table.invalid).toHaveLength(3000);
  expect(table.batches).toBeGreaterThan(1);
});
