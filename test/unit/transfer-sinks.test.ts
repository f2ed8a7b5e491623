/** Exports whose stream or file is not what it should be: they fail at once, and what was there stays. */
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, get, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { exportVectors, MemoryMappedVectorStore, type ExportOptions } from '../../lib/index.js';
import { writeTo } from '../../lib/formats/sink.js';
import { Directory, expectRejection, ROOT } from '../support.js';

const directory = new Directory();
const D = 64;
const store = new MemoryMappedVectorStore(directory.file(), D);

beforeAll(() => {
  const count = 20_000;
  store.batchStore(
    Array.from({ length: count }, (_, id) => id),
    new Float32Array(count * D).fill(0.5),
  );
});

const FORMATS: [string, ExportOptions][] = [
  ['jsonl', { format: 'jsonl' }],
  ['npz', { format: 'npz' }],
  ['zipped', { format: 'csv', gzip: true }],
];

describe('an answer to a client', () => {
  /** Serves one request by an export that begins when `begin` says. */
  async function served(
    options: ExportOptions,
    begin: (response: ServerResponse) => Promise<unknown>,
    isPatient: boolean,
  ): Promise<unknown> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    client.on('error', () => undefined);
    client.on('response', (response) => {
      response.on('error', () => undefined);
      response.once('data', () => client.destroy());
    });
    const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
    if (!isPatient) client.destroy();
    await begin(response);
    try {
      return await exportVectors(store, response, options);
    } finally {
      client.destroy();
      server.close();
      server.closeAllConnections();
    }
  }

  test.each(FORMATS)('who leaves midway: %s', async (_, options) => {
    const serving = served(options, () => Promise.resolve(), true);
    await expectRejection(serving, 'JVDB_IO', /^cannot write the output: (it was closed|write E)/);
  });

  test('who left before', async () => {
    const serving = served({ format: 'npy' }, (response) => once(response, 'close'), false);
    await expectRejection(serving, 'JVDB_IO', /^cannot write the output: it was closed/);
  });
});

describe('a stream', () => {
  test('that was closed before', async () => {
    for (const format of ['jsonl', 'npy'] as const) {
      const sink = new PassThrough();
      sink.destroy();
      await once(sink, 'close');
      await expectRejection(exportVectors(store, sink, { format }), 'JVDB_IO', /the output: it was closed/);
    }
  });

  test('that was ended before', async () => {
    const sink = new PassThrough();
    sink.end();
    await expectRejection(exportVectors(store, sink, { format: 'jsonl' }), 'JVDB_IO', /the output: it was ended/);
    expect(sink.listenerCount('drain')).toBe(0);
  });

  test('that is closed while something is being written', async () => {
    const sink = new Writable({ write: () => undefined, highWaterMark: 1 });
    setTimeout(() => sink.destroy(), 50);
    await expectRejection(exportVectors(store, sink, { format: 'jsonl' }), 'JVDB_IO', /closed|destroyed/);
  });

  test('that is closed while the last piece is being written', async () => {
    using one = new MemoryMappedVectorStore(directory.file(), 2);
    one.storeVector(1, [1, 2]);
    for (const highWaterMark of [1, 1 << 20]) {
      const sink = new Writable({ write: () => undefined, highWaterMark });
      setTimeout(() => sink.destroy(), 50);
      await expectRejection(exportVectors(one, sink, { format: 'jsonl' }), 'JVDB_IO', /closed|destroyed/);
    }
  });

  test('whose last piece fails', async () => {
    let written = 0;
    const sink = new Writable({
      highWaterMark: 1 << 30,
      write(piece: Buffer, _, done) {
        written += piece.length;
        setImmediate(done, written > 4_000_000 ? new Error('the disk is gone') : undefined);
      },
    });
    await expectRejection(exportVectors(store, sink, { format: 'npy' }), 'JVDB_IO', /the disk is gone/);
  });

  test('that is no stream', async () => {
    const sink = { write: (): boolean => true } as never;
    await expectRejection(
      exportVectors(store, sink, { format: 'npy' }),
      'JVDB_INVALID_ARGUMENT',
      /a path, '-' or a st/,
    );
  });

  test('that is whole has no listeners left', async () => {
    const sink = new PassThrough().resume();
    await exportVectors(store, sink, { format: 'npy' });
    expect(['error', 'close', 'drain'].map((event) => sink.listenerCount(event))).toEqual([0, 0, 0]);
    expect(sink.writableEnded).toBe(false);
  });
});

describe('a file', () => {
  const place = new Directory();

  test('that is a database is not replaced', async () => {
    const [own, backup, old] = [place.file(), place.file(), place.file()];
    new MemoryMappedVectorStore(own, 2).close();
    await store.backup(backup);
    copyFileSync(path.join(ROOT, 'test/fixtures/legacy-jvdb/tiny-4x10.jvdb'), old);
    for (const [file, what] of [
      [own, 'it is a database, or a backup of one; give another name'],
      [backup, 'it is a database, or a backup of one; give another name'],
      [old, 'it is a database of the old server; give another name'],
    ] as const) {
      const before = readFileSync(file);
      const exporting = exportVectors(store, file, { format: 'jsonl', overwrite: true });
      await expectRejection(exporting, 'JVDB_INVALID_ARGUMENT', new RegExp(`^cannot write .*: ${what}$`));
      expect(readFileSync(file).equals(before)).toBe(true);
    }
  });

  test('that has become a database meanwhile is not replaced', async () => {
    const folder = path.dirname(place.file());
    for (const isThere of [false, true]) {
      const file = place.file();
      if (isThere) writeFileSync(file, 'old');
      const pieces = async function* (): AsyncGenerator<Buffer> {
        yield Buffer.from('new');
        await rm(file, { force: true });
        new MemoryMappedVectorStore(file, 2).close();
      };
      const writing = writeTo(file, pieces(), { gzip: false, overwrite: true, onBytes: () => undefined });
      await expectRejection(writing, 'JVDB_INVALID_ARGUMENT', /: it is a database, or a backup of one/);
      new MemoryMappedVectorStore(file, 2).close();
    }
    expect(readdirSync(folder).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  test('that appears meanwhile is replaced where that is asked for', async () => {
    for (const overwrite of [false, true]) {
      const file = place.file();
      const pieces = async function* (): AsyncGenerator<Buffer> {
        yield Buffer.from('new');
        await writeFile(file, 'other');
      };
      const writing = writeTo(file, pieces(), { gzip: false, overwrite, onBytes: () => undefined });
      if (overwrite) await writing;
      else await expectRejection(writing, 'JVDB_EXISTS', /it exists/);
      expect(readFileSync(file, 'utf8')).toBe(overwrite ? 'new' : 'other');
    }
  });

  (process.platform === 'win32' ? test.skip : test)('that is a link to nothing exists', async () => {
    const file = `${place.file()}.npy`;
    symlinkSync('nothing', file);
    const pieces = jest.fn();
    const nothing = { [Symbol.asyncIterator]: pieces };
    const writing = writeTo(file, nothing, { gzip: false, overwrite: false, onBytes: () => undefined });
    await expectRejection(writing, 'JVDB_EXISTS', /it exists/);
    expect(pieces).not.toHaveBeenCalled();
    await exportVectors(store, file, { overwrite: true });
    expect(lstatSync(file).isFile()).toBe(true);
  });

  (process.platform === 'win32' ? test.skip : test)('keeps its rights when it is replaced', async () => {
    const file = `${place.file()}.fvecs`;
    await exportVectors(store, file);
    for (const mode of [0o600, 0o640, 0o666, 0o444]) {
      chmodSync(file, mode);
      await exportVectors(store, file, { overwrite: true });
      expect(statSync(file).mode & 0o7777).toBe(mode);
    }
  });

  test('is replaced by several exports at once, each of them whole', async () => {
    const folder = path.dirname(place.file());
    const file = path.join(folder, 'words.npy');
    const reports = await Promise.all(Array.from({ length: 6 }, () => exportVectors(store, file, { overwrite: true })));
    expect(reports.map(({ bytes }) => bytes)).toEqual(reports.map(() => readFileSync(file).length));
    expect(readdirSync(folder).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });
});
