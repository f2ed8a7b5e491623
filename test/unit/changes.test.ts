import { MemoryMappedVectorStore, type Change } from '../../lib/index.js';
import { Directory, expectError, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();

async function all<T>(from: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const one of from) out.push(one);
  return out;
}

describe('changes', () => {
  test('tell puts, updates and deletes in order, by group', async () => {
    using store = new MemoryMappedVectorStore<{ n: number }, string>(directory.file(), 2, { idType: 'string' });
    expect(await all(store.changes())).toEqual([]);
    store.storeVector('a', [1, 2], { n: 1 });
    store.batchStore(['b', 'ü'], Float32Array.of(3, 4, 5, 6));
    store.updateMetadata('a', { n: 2 });
    store.batchDelete(['b', 'absent']);
    const put = (lsn: number, id: string, vector: number[], n?: number, endsGroup = true): object => {
      const metadata = n === undefined ? undefined : { n };
      return expect.objectContaining({
        type: 'put',
        lsn,
        endsGroup,
        id,
        vector: Float32Array.from(vector),
        metadata,
      }) as object;
    };
    const expected = [
      put(1, 'a', [1, 2], 1),
      put(2, 'b', [3, 4], undefined, false),
      put(3, 'ü', [5, 6]),
      put(4, 'a', [1, 2], 2),
      { type: 'delete', lsn: 5, endsGroup: true, id: 'b', deletedAt: expect.any(Number) as number },
    ];
    for (let sinceLsn = 0; sinceLsn <= 5; sinceLsn++) {
      expect(await all(store.changes({ sinceLsn }))).toEqual(expected.slice(sinceLsn));
    }
    const [first, , , fourth] = await all(store.changes());
    expect(first).toMatchObject({ createdAt: (fourth as { createdAt: number }).createdAt });
  });

  test('are those of the moment of the call', async () => {
    using store = new MemoryMappedVectorStore(directory.file(), 2);
    store.storeVector(1, [1, 2]);
    const changes = store.changes();
    store.storeVector(2, [1, 2]);
    expect((await all(changes)).map(({ id }) => id)).toEqual([1]);
  });

  test('come in any number', async () => {
    using store = new MemoryMappedVectorStore<Record<string, unknown>, number>(directory.file(), 64);
    for (let i = 0; i < 12000; i++) store.storeVector(i % 5000, vectorOf(64, i));
    let lsn = 0;
    for await (const change of store.changes() as AsyncIterable<Change>) {
      expect(change.lsn).toBe(++lsn);
      if (lsn % 500 === 0) expect(change).toMatchObject({ id: (lsn - 1) % 5000, vector: vectorOf(64, lsn - 1) });
    }
    expect(lsn).toBe(12000);
  });

  test('end early, by the loop, the signal or closing', async () => {
    const store = new MemoryMappedVectorStore(directory.file(), 2);
    for (let i = 0; i < 100; i++) store.storeVector(i, [1, 2]);
    for await (const { lsn } of store.changes()) if (lsn === 3) break;
    expect(() => store.changes({ signal: AbortSignal.abort('no more') })).toThrow('no more');
    const controller = new AbortController();
    let seen = 0;
    const stopped = (async () => {
      for await (const change of store.changes({ signal: controller.signal })) {
        seen = change.lsn;
        if (seen === 5) controller.abort('enough');
      }
    })();
    await expect(stopped).rejects.toBe('enough');
    expect(seen).toBe(5);
    const late = store.changes();
    store.close();
    await expectRejection(all(late), 'JVDB_CLOSED');
    expectError(() => store.changes(), 'JVDB_CLOSED');
  });

  test('refuse what is no LSN of theirs', () => {
    using store = new MemoryMappedVectorStore(directory.file(), 2);
    store.storeVector(1, [1, 2]);
    expectError(() => store.changes({ sinceLsn: 2 }), 'JVDB_CONFLICT', /LSN 2 .*last is 1.*sinceLsn: 0/);
    expectError(() => store.changes({ sinceLsn: Number.MAX_SAFE_INTEGER }), 'JVDB_CONFLICT');
    for (const sinceLsn of [-1, 0.5, NaN, Infinity, '1' as never, 1n as never]) {
      expectError(() => store.changes({ sinceLsn }), 'JVDB_INVALID_ARGUMENT', /sinceLsn/);
    }
    expectError(() => store.changes({ since: 1 } as never), 'JVDB_INVALID_ARGUMENT', /unknown option "since"/);
    expectError(() => store.changes({ signal: {} as never }), 'JVDB_INVALID_ARGUMENT', /AbortSignal/);
    expectError(() => store.changes(null as never), 'JVDB_INVALID_ARGUMENT');
  });
});

test('a store that writes, and one beside it in the same process, are up to date always', () => {
  using store = new MemoryMappedVectorStore(directory.file(), 2);
  using reader = MemoryMappedVectorStore.open(store.filePath, { readOnly: true });
  expect(store.refresh()).toBe(false);
  store.storeVector(1, [1, 2]);
  expect(reader.has(1)).toBe(true);
  expect(reader.refresh()).toBe(true); // it is new since the last time
  expect(reader.refresh()).toBe(false);
});
