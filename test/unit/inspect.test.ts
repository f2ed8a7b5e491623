/** Inspecting agrees with the engine, on whole and on damaged files, and never fails on any bytes. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crc32c } from '../../lib/inspect/crc32c.js';
import type { Bytes } from '../../lib/inspect/bytes.js';
import { inspectBytes, inspectFile } from '../../lib/inspect/inspect.js';
import type { Inspection } from '../../lib/inspect/types.js';
import { MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, ROOT, vectorOf } from '../support.js';

const directory = new Directory();

class Memory implements Bytes {
  constructor(readonly bytes: Uint8Array) {}
  size(): number {
    return this.bytes.length;
  }
  read(into: Uint8Array, offset: number): number {
    const piece = this.bytes.subarray(offset, offset + into.length);
    into.set(piece);
    return piece.length;
  }
}

/** What the engine and an inspection must say alike. */
async function expectAgreement(file: string): Promise<Inspection> {
  const report = await inspectFile(file);
  const verified = await MemoryMappedVectorStore.verifyFile(file);
  using store = MemoryMappedVectorStore.open(file, { readOnly: true });
  const stats = store.stats();
  expect(report).toMatchObject({
    ok: true,
    errors: [],
    fileBytes: stats.fileBytes,
    vectorCount: stats.vectorCount,
    deadCount: stats.deadCount,
    capacity: stats.capacity,
    extentCount: stats.extentCount,
    lastLsn: stats.lastLsn,
    durableLsn: stats.durableLsn,
    recordCount: verified.recordCount,
    bytes: verified.bytes,
    droppedRecords: 0,
  });
  expect(report.putCount + report.deleteCount).toBe(verified.recordCount);
  const sum = (key: 'recordsUsed' | 'slotsUsed'): number =>
    report.extents.reduce((all, one) => all + (one[key] ?? 0), 0);
  expect([sum('recordsUsed'), sum('slotsUsed')]).toEqual([report.recordCount, report.putCount]);
  return report;
}

test('CRC32C is that of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Buffer.from('456789'), crc32c(Buffer.from('123')))).toBe(0xe3069283);
});

test.each(['int64-v1.jvdb', 'string-v1.jvdb'])('%s is what the engine says', async (name) => {
  const file = directory.file();
  copyFileSync(path.join(ROOT, 'test/fixtures', name), file);
  await expectAgreement(file);
});

test('so are files that have grown, were emptied, compacted and written on', async () => {
  const file = directory.file();
  {
    using store = new MemoryMappedVectorStore(file, 20, { initialCapacity: 10, scanColumn: 'none' });
    for (let id = 0; id < 3000; id++) store.storeVector(id, vectorOf(20, id), id % 3 === 0 ? { id } : undefined);
    store.batchStore([1, 2, 99_999, 2n ** 60n], new Float32Array(80).fill(2));
    for (let id = 0; id < 3000; id += 2) store.deleteVector(id);
  }
  expect((await expectAgreement(file)).extentCount).toBeGreaterThan(2);
  {
    using store = MemoryMappedVectorStore.open(file);
    await store.compact();
    store.flushSync();
    await expectAgreement(file);
    for (let id = 0; id < 500; id++) store.storeVector(id, vectorOf(20, id), { again: id });
  }
  const report = await expectAgreement(file);
  expect(report.superblocks.some(({ floorRecords }) => floorRecords === 1502)).toBe(true);
  await inspectEmpty();
});

async function inspectEmpty(): Promise<void> {
  const file = directory.file();
  new MemoryMappedVectorStore(file, 3, { idType: 'string' }).close();
  await expectAgreement(file);
}

test('what was written since the last flush counts', async () => {
  const file = directory.file();
  using store = new MemoryMappedVectorStore<object, string>(file, 3, { idType: 'string' });
  store.storeVector('a', [1, 2, 3]);
  store.batchStore(['b', 'ü'], new Float32Array(6), [undefined, { m: 1 }]);
  const report = await inspectFile(file, { records: 2 });
  expect(report).toMatchObject({ ok: true, lastLsn: 3, durableLsn: 0, vectorCount: 0, putCount: 3 });
  expect(report.records.map(({ id, lsn, more }) => [id, lsn, more])).toEqual([
    ['a', 1, false],
    ['b', 2, true],
  ]);
  // An unfinished group doesn't.
  const bytes = readFileSync(file);
  bytes.fill(0, 0x11000 + 2 * 96, 0x11000 + 3 * 96);
  expect(await inspectBytes(new Memory(bytes))).toMatchObject({ ok: true, lastLsn: 1, droppedRecords: 1, putCount: 1 });
});

test('a group of more records than a call takes arguments is kept whole', async () => {
  const file = directory.file();
  const count = 200_000;
  {
    using store = new MemoryMappedVectorStore(file, 1, { scanColumn: 'none' });
    store.batchStore(
      Array.from({ length: count }, (_, id) => id),
      new Float32Array(count),
    );
  }
  const { ok, records } = await inspectFile(file, { records: count });
  expect([ok, records.length, records.at(-1)?.lsn]).toEqual([true, count, count]);
});

/** Offsets of a file that say anything: the others are zeros that nothing leads to. */
function telling(bytes: Uint8Array): number[] {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const inHeader = at < 520 || [4096, 8192, 12_288, 65_536].some((part) => at >= part && at < part + 520);
    if (inHeader || bytes[at] !== 0 || bytes[at - 1] !== 0) out.push(at);
  }
  return out;
}

test.each(['int64-v1.jvdb', 'string-v1.jvdb'])('any byte of %s changed is what verifying says', async (name) => {
  const original = readFileSync(path.join(ROOT, 'test/fixtures', name));
  const file = directory.file();
  let differences = 0;
  for (const [i, at] of telling(original).entries()) {
    if (i % 3 !== 0) continue;
    const bytes = new Uint8Array(original);
    bytes[at]! ^= 1 << (at % 8);
    const report = await inspectBytes(new Memory(bytes), { records: 5 });
    if (i % 24 !== 0) continue; // the engine takes its time
    writeFileSync(file, bytes);
    const found = await MemoryMappedVectorStore.verifyFile(file).catch((error: unknown) => error as Error);
    const isWhole = 'ok' in found && found.ok;
    if (report.ok !== isWhole) throw new Error(`byte ${at}: ${JSON.stringify([report.errors, found])}`);
    // Where the engine can't open it, it has but one reason.
    if (!('errors' in found) || found.recordCount === 0) continue;
    // The engine also tells that its table doesn't find a damaged id.
    const errors = found.errors.filter(({ message }) => !message.includes('leads elsewhere'));
    const places = errors.map(({ offset, lsn }) => ({ offset, lsn }));
    expect({ at, places: report.errors.map(({ offset, lsn }) => ({ offset, lsn })) }).toEqual({ at, places });
    differences += places.length;
  }
  expect(differences).toBeGreaterThan(40);
});

test('any bytes are no reason to fail', async () => {
  const original = readFileSync(path.join(ROOT, 'test/fixtures/string-v1.jvdb'));
  const cuts = [...telling(original).filter((_, i) => i % 2 === 0), original.length - 1];
  for (const length of cuts) {
    const report = await inspectBytes(new Memory(original.subarray(0, length)), { records: 5 });
    if (report.ok) throw new Error(`cut at ${length}`);
  }
  // Damage that fits its checksum: what an attacker would write, or a later release.
  const parts = [
    [4096, 124],
    [8192, 124],
    [65_536, 204],
    [0x11000, 92],
    [0x11000 + 96, 92],
  ] as const;
  for (const [offset, length] of parts) {
    for (let at = 0; at < length; at++) {
      for (const value of [0, 255]) {
        const bytes = Buffer.from(original);
        bytes[offset + at] = value;
        bytes.writeUInt32LE(crc32c(bytes.subarray(offset, offset + length)), offset + length);
        const report = await inspectBytes(new Memory(bytes), { records: 5 });
        expect(report.fileBytes).toBe(original.length);
      }
    }
  }
  for (const bytes of [new Uint8Array(0), new Uint8Array(200_000), new Uint8Array(200_000).fill(255)]) {
    const report = await inspectBytes(new Memory(bytes));
    expect(report).toMatchObject({ ok: false, extentCount: 0, recordCount: 0 });
  }
});

test('behind damage it goes on', async () => {
  const file = directory.file();
  {
    using store = new MemoryMappedVectorStore(file, 16, { initialCapacity: 100 });
    for (let id = 0; id < 2000; id++) store.storeVector(id, vectorOf(16, id));
  }
  const whole = await inspectFile(file);
  const [, second] = whole.extents;
  const bytes = readFileSync(file);
  bytes[0] = 0; // the header: the copy is used
  bytes[second!.offset + 8] = 255; // the second extent's header
  bytes.fill(9, 0x11000 + 96, 0x11000 + 3 * 96); // two records
  const report = await inspectBytes(new Memory(bytes), { records: 3 });
  expect(report.errors.map(({ offset }) => offset)).toEqual([
    0,
    second!.offset,
    0x11000 + 96,
    0x11000 + 2 * 96,
    whole.extents[2]!.offset,
  ]);
  expect(report.records.map(({ status }) => status)).toEqual(['whole', 'damaged', 'damaged']);
  expect(report).toMatchObject({ lastLsn: 2000, extentCount: whole.extentCount - 1 });
  expect(report.recordCount).toBe(whole.recordCount - second!.recordsUsed!);

  // Without header and copy the extents speak for themselves.
  bytes.fill(0, 0, 512);
  bytes.fill(0, 12_288, 12_800);
  expect(await inspectBytes(new Memory(bytes))).toMatchObject({
    headers: [{ status: 'foreign' }, { status: 'foreign' }],
    lastLsn: 2000,
    recordCount: report.recordCount,
  });
});

test('without a superblock it shows what it finds', async () => {
  const original = readFileSync(path.join(ROOT, 'test/fixtures/int64-v1.jvdb'));
  original.fill(1, 4096, 4096 + 128);
  original.fill(1, 8192, 8192 + 128);
  const report = await inspectBytes(new Memory(original));
  expect(report).toMatchObject({ ok: false, recordCount: 11, lastLsn: 11, durableLsn: undefined });
  expect(report.errors.map(({ offset }) => offset)).toEqual([4096, 8192]);
});
