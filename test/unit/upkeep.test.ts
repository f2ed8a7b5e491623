/** Verifying, compacting, backing up, restoring and salvaging through the public interface. */
import {
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore, type Progress } from '../../lib/index.js';
import { Directory, vectorOf } from '../support.js';

const directory = new Directory();
const DIMENSION = 16;
const named = (name: string): string => path.join(directory.path, name);

function filled(name: string, count = 200): MemoryMappedVectorStore {
  const store = new MemoryMappedVectorStore(named(name), DIMENSION, { autoCompact: false });
  for (let id = 0; id < count; id++) store.storeVector(id, vectorOf(DIMENSION, id), { id });
  for (let id = 0; id < count; id += 2) store.deleteVector(id);
  return store;
}

async function contents(store: MemoryMappedVectorStore): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const record of store.entries()) all.push(record);
  return all;
}

// Changes a byte of a file behind everybody's back.
function damage(file: string, offset: number): void {
  const byte = readFileSync(file)[offset]!;
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.from([byte ^ 0x55]), 0, 1, offset);
  closeSync(descriptor);
}

// Where a vector's values lie.
function placeOf(file: string, values: Float32Array): number {
  const at = readFileSync(file).indexOf(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  expect(at).toBeGreaterThan(0);
  return at;
}

describe('verify', () => {
  test('nothing is wrong with a store, and what is damaged is told', async () => {
    const store = filled('verify.jvdb');
    expect(await store.verify()).toMatchObject({
      ok: true,
      vectorCount: 100,
      recordCount: 300,
      lastLsn: 300,
      errorCount: 0,
      errors: [],
    });
    await store.flush();
    damage(store.filePath, placeOf(store.filePath, vectorOf(DIMENSION, 7)) + 3);
    expect(await store.verify({ deep: false })).toMatchObject({ ok: true });
    const report = await store.verify();
    expect(report).toMatchObject({ ok: false, errorCount: 1 });
    expect(report.errors[0]).toMatchObject({ lsn: 8, message: expect.stringContaining('vector') as string });
    store.close();
    expect(await MemoryMappedVectorStore.verifyFile(store.filePath)).toMatchObject({ ok: false, errorCount: 1 });
    writeFileSync(named('other'), 'x'.repeat(100_000));
    expect(await MemoryMappedVectorStore.verifyFile(named('other'))).toMatchObject({ ok: false });
    await expect(MemoryMappedVectorStore.verifyFile(named('none'))).rejects.toMatchObject({
      code: 'JVDB_NOT_FOUND',
    });
  });

  test('progress, and giving up', async () => {
    const store = filled('progress.jvdb');
    const seen: Progress[] = [];
    await store.verify({ onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)!.doneBytes).toBe(seen.at(-1)!.totalBytes);
    expect(seen.at(-1)!.doneBytes).toBeGreaterThan(300 * 96);
    const reason = new Error('enough');
    await expect(store.verify({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const failure = new Error('of the callback');
    await expect(
      store.verify({
        onProgress: () => {
          throw failure;
        },
      }),
    ).rejects.toBe(failure);
    for (const options of [{ deep: 1 }, { signal: 1 }, { onProgress: 1 }, { shallow: true }]) {
      await expect(store.verify(options as never)).rejects.toMatchObject({ code: 'JVDB_INVALID_ARGUMENT' });
    }
    store.close();
    await expect(store.verify()).rejects.toMatchObject({ code: 'JVDB_CLOSED' });
  });
});

describe('compact', () => {
  test('gives space back, and everything else stays', async () => {
    const store = filled('compact.jvdb', 5000);
    const before = await contents(store);
    const iterator = store.ids();
    const first = iterator.next().value as number;
    const view = store.viewVector(1)!;
    const copy = Float32Array.from(view);
    const report = await store.compact();
    expect(report).toMatchObject({ compacted: true, vectorCount: 2500, deadCount: 2500 });
    expect(report.bytesAfter).toBeLessThan(report.bytesBefore * 0.7);
    expect(await contents(store)).toEqual(before);
    expect([first, ...iterator]).toHaveLength(2500);
    expect(view).toEqual(copy);
    expect(store.stats()).toMatchObject({ vectorCount: 2500, deadCount: 0, lastLsn: 7500, durableLsn: 7500 });
    expect(store.storeVector(0, vectorOf(DIMENSION, 0))).toBe(7501);
    expect(await store.compact()).toMatchObject({ compacted: false });
    store.close();
    expect(readdirSync(directory.path).filter((name) => name.startsWith('compact'))).toEqual(['compact.jvdb']);
    const again = MemoryMappedVectorStore.open(store.filePath);
    expect(again.vectorCount).toBe(2501);
    expect((await again.verify()).ok).toBe(true);
    again.close();
  });

  test('goes on beside changes and searches', async () => {
    const store = filled('busy.jvdb', 20_000);
    const compacting = store.compact();
    const state = { done: false };
    void compacting.finally(() => (state.done = true));
    let id = 100_000;
    while (!state.done) {
      store.storeVector(++id, vectorOf(DIMENSION, id));
      const [hit] = await store.search(vectorOf(DIMENSION, id), { topK: 1 });
      expect(hit!.id).toBe(id);
    }
    expect((await compacting).compacted).toBe(true);
    expect(store.vectorCount).toBe(10_000 + id - 100_000);
    for (let stored = 100_001; stored <= id; stored++) expect(store.has(stored)).toBe(true);
    expect((await store.verify()).ok).toBe(true);
    store.close();
  });

  test('ends with an abort or with closing, and nothing has changed', async () => {
    const store = filled('aborted.jvdb', 20_000);
    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = store.compact({ signal: controller.signal });
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    const closed = store.compact();
    store.close();
    await expect(closed).rejects.toMatchObject({ code: 'JVDB_CLOSED' });
    expect(existsSync(`${store.filePath}.compacting`)).toBe(false);
    const again = MemoryMappedVectorStore.open(store.filePath);
    expect(again.stats()).toMatchObject({ vectorCount: 10_000, deadCount: 10_000 });
    again.close();
  });

  test('a link stays a link, and rights stay', async () => {
    const target = filled('target.jvdb');
    target.close();
    const link = named('link.jvdb');
    symlinkSync(target.filePath, link);
    const store = new MemoryMappedVectorStore(link, DIMENSION);
    expect(await store.compact()).toMatchObject({ compacted: true });
    store.close();
    const again = MemoryMappedVectorStore.open(target.filePath);
    expect(again.stats()).toMatchObject({ vectorCount: 100, deadCount: 0 });
    again.close();
  });

  test('what a crash has left is removed at the next opening', () => {
    const store = filled('left.jvdb');
    store.close();
    const left = `${store.filePath}.compacting`;
    writeFileSync(left, readFileSync(store.filePath).subarray(0, 100_000));
    MemoryMappedVectorStore.open(store.filePath).close();
    expect(existsSync(left)).toBe(false);
    writeFileSync(left, 'something else'.repeat(1000));
    MemoryMappedVectorStore.open(store.filePath).close();
    expect(existsSync(left)).toBe(true);
  });

  test('by itself, when enough is dead', async () => {
    const store = new MemoryMappedVectorStore(named('auto.jvdb'), DIMENSION, {
      autoCompact: { deadShare: 0.5, deadBytes: 10_000 },
    });
    for (let round = 0; round < 40; round++) {
      for (let id = 0; id < 50; id++) store.storeVector(id, vectorOf(DIMENSION, round + id));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    for (let waits = 0; store.stats().deadCount > 500 && waits < 1000; waits++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      store.storeVector(0, vectorOf(DIMENSION, 1));
    }
    expect(store.stats().deadCount).toBeLessThan(500);
    expect(store.vectorCount).toBe(50);
    store.close();
    expect(() => new MemoryMappedVectorStore(store.filePath, DIMENSION, { autoCompact: { deadShare: 2 } })).toThrow(
      expect.objectContaining({ code: 'JVDB_INVALID_ARGUMENT' }) as Error,
    );
  });

  test('is refused to readers', async () => {
    const store = filled('reader.jvdb');
    const reader = MemoryMappedVectorStore.open(store.filePath, { readOnly: true });
    await expect(reader.compact()).rejects.toMatchObject({ code: 'JVDB_READ_ONLY' });
    const before = await contents(reader);
    await store.compact();
    expect(await contents(reader)).toEqual(before);
    reader.close();
    store.close();
  });
});

describe('backup and restore', () => {
  test('a copy and its increments, to any LSN and time', async () => {
    const store = filled('original.jvdb');
    const states = new Map<number, unknown[]>([[store.lastLsn, await contents(store)]]);
    const full = await store.backup(named('full'));
    expect(full).toMatchObject({
      kind: 'full',
      sinceLsn: 0,
      lastLsn: 300,
      vectorCount: 100,
      path: named('full'),
    });
    expect(full.crc32c).toMatch(/^[0-9a-f]{8}$/);
    const parts = [full.path];
    let last = full;
    for (const part of ['first', 'second']) {
      store.batchStore(
        [1, 2, 3],
        [1, 2, 3].map((id) => vectorOf(DIMENSION, id * last.lastLsn)),
      );
      states.set(store.lastLsn, await contents(store));
      store.deleteVector(1);
      states.set(store.lastLsn, await contents(store));
      last = await store.backup(named(part), { sinceLsn: last.lastLsn });
      expect(last.kind).toBe('incremental');
      expect(last.bytes).toBeLessThan(full.bytes);
      parts.push(last.path);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const [lsn, state] of states) {
      const to = named(`restored-${String(lsn)}`);
      const report = await MemoryMappedVectorStore.restore(parts, to, { lsn });
      expect(report.lastLsn).toBe(lsn);
      const restored = MemoryMappedVectorStore.open(to);
      expect(await contents(restored)).toEqual(state);
      restored.close();
    }
    const until = await MemoryMappedVectorStore.restore(parts, named('until'), { time: full.lastTime });
    expect(until.lastLsn).toBe(300);
    await expect(MemoryMappedVectorStore.restore(parts, full.path)).rejects.toMatchObject({ code: 'JVDB_EXISTS' });
    await expect(MemoryMappedVectorStore.restore([parts[0]!, parts[2]!], named('no'))).rejects.toMatchObject({
      code: 'JVDB_CONFLICT',
    });
    await expect(MemoryMappedVectorStore.restore(parts, named('no'), { lsn: 9999 })).rejects.toMatchObject({
      code: 'JVDB_NOT_FOUND',
    });
    for (const [from, to, options] of [
      [[], 'no', {}],
      [1, 'no', {}],
      [parts, '', {}],
      [parts, 'no', { time: new Date(NaN) }],
      [parts, 'no', { lsn: -1 }],
    ] as const) {
      await expect(MemoryMappedVectorStore.restore(from as never, to, options as never)).rejects.toMatchObject({
        code: 'JVDB_INVALID_ARGUMENT',
      });
    }
    expect(() => MemoryMappedVectorStore.open(parts[1]!)).toThrow(/increment/);
    store.close();
  });
});

describe('salvage', () => {
  test('copies what is whole, and names what is not', async () => {
    const store = filled('damaged.jvdb');
    store.close();
    damage(store.filePath, placeOf(store.filePath, vectorOf(DIMENSION, 9)) + 5);
    damage(store.filePath, 4100); // a superblock
    const report = await MemoryMappedVectorStore.salvage(store.filePath, named('saved.jvdb'));
    expect(report).toMatchObject({ ok: false, vectorCount: 99, lostCount: 1, lostIds: ['9'], unreadableCount: 0 });
    const saved = MemoryMappedVectorStore.open(named('saved.jvdb'));
    expect(saved.vectorCount).toBe(99);
    expect(saved.retrieveVector(11)).toMatchObject({ id: 11, vector: vectorOf(DIMENSION, 11), metadata: { id: 11 } });
    saved.close();
    await expect(MemoryMappedVectorStore.salvage(store.filePath, named('saved.jvdb'))).rejects.toMatchObject({
      code: 'JVDB_EXISTS',
    });
  });
});
