/** Named pipes as sources and sinks, and whatever else may never answer: a signal ends waiting for them. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, createReadStream, openSync, readSync, writeFile, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  exportVectors,
  importVectors,
  MemoryMappedVectorStore,
  PersistentDatabasePersistence,
} from '../../lib/index.js';
import { startJvdb } from '../cli.js';
import { Directory, ended, expectRejection, vectorOf } from '../support.js';

const directory = new Directory();
const D = 64;
const COUNT = 5000;
const store = new MemoryMappedVectorStore(directory.file(), D);
const [R, W, NOW] = [constants.O_RDONLY, constants.O_WRONLY, constants.O_NONBLOCK];

beforeAll(() => {
  for (let id = 0; id < COUNT; id++) store.storeVector(id, vectorOf(D, id));
});

function pipe(): string {
  const name = `${directory.file()}.fvecs`;
  expect(spawnSync('mkfifo', [name]).status).toBe(0);
  return name;
}

// What is being waited for is given up in good time.
async function stops(begin: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const stop = new AbortController();
  const running = begin(stop.signal).catch((error: unknown) => error);
  await sleep(100);
  stop.abort('enough');
  expect(await Promise.race([running, sleep(5000, 'still waiting', { ref: false })])).toBe('enough');
}

test('a signal ends waiting for bytes that never come', async () => {
  using copy = new MemoryMappedVectorStore(directory.file(), D);
  const never = {
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('{');
      await new Promise(() => undefined);
    },
  };
  await stops((signal) => importVectors(copy, never, { format: 'jsonl', signal }));
});

(process.platform === 'win32' ? describe.skip : describe)('a named pipe', () => {
  test('is read and written to the end', async () => {
    const name = pipe();
    using copy = new MemoryMappedVectorStore(directory.file(), D);
    const importing = importVectors(copy, name, { batchSize: 100 });
    const { bytes } = await exportVectors(store, name, { signal: new AbortController().signal });
    expect(await importing).toMatchObject({ stored: COUNT, bytes });
    expect(copy.retrieveVector(COUNT - 1)?.vector).toEqual(vectorOf(D, COUNT - 1));
  });

  test('is no file to be read from its end', async () => {
    const name = pipe();
    using copy = new MemoryMappedVectorStore(directory.file(), D);
    const importing = importVectors(copy, name, { format: 'npz' });
    await exportVectors(store, name, { format: 'npz', gzip: true });
    expect(await importing).toMatchObject({ stored: COUNT });
  });

  test('whose reader leaves is an error that names it', async () => {
    const name = pipe();
    const reader = createReadStream(name, { highWaterMark: 1000 });
    reader.once('data', () => reader.destroy());
    await expectRejection(exportVectors(store, name), 'JVDB_IO', new RegExp(`^cannot write ${name}: .*EPIPE`));
  });

  test('that nobody writes to, or reads from, is waited for until a signal', async () => {
    using copy = new MemoryMappedVectorStore(directory.file(), D);
    const [source, sink] = [pipe(), pipe()];
    await stops((signal) => importVectors(copy, source, { signal }));
    await stops((signal) => exportVectors(store, sink, { signal }));
    await expect(importVectors(copy, source, { signal: AbortSignal.timeout(1) })).rejects.toThrow('timeout');
    // They are as they were: another one may use them.
    const importing = importVectors(copy, source);
    writeFile(source, Buffer.from(Int32Array.of(D).buffer), () => undefined);
    await expectRejection(importing, 'JVDB_INVALID_ARGUMENT', /ends in record 1/);
  });

  test('whose writer or reader stalls, likewise', async () => {
    using copy = new MemoryMappedVectorStore(directory.file(), D);
    for (const head of ['', '{"id": 1, ']) {
      const source = pipe();
      const both = openSync(source, constants.O_RDWR);
      writeSync(both, head);
      await stops((signal) => importVectors(copy, source, { format: 'jsonl', signal }));
      closeSync(both);
    }
    const sink = pipe();
    const reader = openSync(sink, R | NOW);
    await stops((signal) => exportVectors(store, sink, { signal }));
    expect(readSync(reader, Buffer.alloc(4))).toBe(4);
    closeSync(reader);
    expect(() => openSync(sink, W | NOW)).toThrow('ENXIO'); // nobody of us reads it any more
  });

  test('does not keep a program that was stopped', async () => {
    const storage = directory.file();
    {
      using all = new PersistentDatabasePersistence(storage);
      all.createDatabase('words', { dimension: D });
    }
    for (const command of ['import', 'export']) {
      const child = startJvdb([command, pipe(), '--database', 'words'], { storage });
      const end = ended(child);
      await sleep(1000);
      child.kill('SIGINT');
      const late = setTimeout(() => child.kill('SIGKILL'), 5000);
      expect(await end).toMatchObject({ signal: null, stderr: expect.stringContaining('stopped by SIGINT') as string });
      clearTimeout(late);
    }
  });
});
