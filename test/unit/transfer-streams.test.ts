/** Streams that exports and imports are given: what gives or takes nothing, what gives the same memory again. */
import { readFileSync } from 'node:fs';
import { PassThrough, Writable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { exportVectors, importVectors, MemoryMappedVectorStore } from '../../lib/index.js';
import { Directory, vectorOf } from '../support.js';

const directory = new Directory();
const D = 8;

function store(count = 0): MemoryMappedVectorStore {
  const made = new MemoryMappedVectorStore(directory.file(), D);
  for (let i = 0; i < count; i++) made.storeVector(i, vectorOf(D, i));
  return made;
}

const lines = (count: number): string =>
  Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, data: [...vectorOf(D, id)] })}\n`).join('');

test.each(['jsonl', 'jsonl.gz', 'npy'] as const)(
  'a stream that gives the same memory again and again: %s',
  async (kind) => {
    using original = store(500);
    const file = `${directory.file()}.${kind}`;
    await exportVectors(original, file);
    const memory = Buffer.alloc(700);
    const reusing = async function* (): AsyncGenerator<Buffer> {
      const bytes = readFileSync(file);
      for (let at = 0; at < bytes.length; at += memory.length) {
        yield await Promise.resolve(memory.subarray(0, bytes.copy(memory, 0, at)));
      }
    };
    using copy = store();
    await importVectors(copy, reusing());
    expect([...copy.ids()]).toEqual([...original.ids()]);
    for (const id of copy.ids()) expect(copy.retrieveVector(id)!.vector).toEqual(original.retrieveVector(id)!.vector);
  },
);

describe('a signal ends waiting', () => {
  test.each([
    ['for a stream', (): string => lines(2000)],
    ['for a zipped one', (): Buffer => gzipSync(lines(2000)).subarray(0, -100)],
    ['for its first bytes', (): string => ''],
  ])('%s', async (_, head) => {
    using copy = store();
    const stream = new PassThrough();
    stream.write(head());
    const stop = new AbortController();
    const importing = importVectors(copy, stream, { format: 'jsonl', batchSize: 100, signal: stop.signal });
    setImmediate(() => {
      stop.abort('enough');
    });
    await expect(importing).rejects.toBe('enough');
    expect(stream.destroyed).toBe(true);
    expect(copy.vectorCount % 100).toBe(0);
  });

  test('for a sink that takes nothing', async () => {
    using original = store(2000);
    const sink = new Writable({ write: () => undefined, highWaterMark: 1 });
    const stop = new AbortController();
    const exporting = exportVectors(original, sink, { format: 'jsonl', signal: stop.signal });
    setTimeout(() => {
      stop.abort('enough');
    }, 50);
    await expect(exporting).rejects.toBe('enough');
    expect(sink.destroyed).toBe(false); // the caller's
  });
});
