/** Rules of the architecture that a machine can check: who may know whom, file sizes, the public API. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as jvdb from '../../lib/index.js';
import { ROOT } from '../support.js';

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.(ts|mts|js|cjs|mjs|h|cpp)$/.test(file));
const text = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

/** The rooms of native/, and the rooms below each that it may know. */
const ROOMS: Record<string, readonly string[]> = {
  base: [],
  os: ['base'],
  simd: ['base'],
  format: ['base', 'os'],
  search: ['base', 'os', 'format', 'simd'],
  engine: ['base', 'os', 'format', 'simd', 'search'],
  binding: ['base', 'os', 'format', 'simd', 'engine'],
};

describe('native', () => {
  const sources = files.filter((file) => file.startsWith('native/') && !file.endsWith('.json'));

  test('a room knows only rooms below its own', () => {
    const upwards = sources.flatMap((file) => {
      const room = file.split('/')[1]!;
      const known = [room, ...ROOMS[room]!];
      return [...text(file).matchAll(/#include "([^"]+)"/g)]
        .filter(([, included]) => !known.includes(included!.split('/')[0]!))
        .map(([, included]) => `${file} includes ${included!}`);
    });
    expect(upwards).toEqual([]);
  });

  test('only the binding knows Node-API', () => {
    const users = sources.filter((file) => /#include <(napi|node_api)\.h>/.test(text(file)));
    expect(users.filter((file) => !file.startsWith('native/binding/'))).toEqual([]);
  });

  test('every source is in sources.json, and every name there is a file', () => {
    const lists = JSON.parse(text('native/sources.json')) as Record<string, string[]>;
    const all = (...names: string[]): string[] => names.flatMap((name) => lists[name]!);
    const named = all('core', 'posix', 'win32', 'binding', 'mingw_binding').map((file) => `native/${file}`);
    expect(named.sort()).toEqual(sources.filter((file) => file.endsWith('.cpp')).sort());
    const tests = files.filter((file) => file.startsWith('test/native/') && file.endsWith('.cpp'));
    const namedTests = all('tests', 'posix_tests', 'glibc_tests', 'win32_tests').map((file) => `test/native/${file}`);
    expect(namedTests.sort()).toEqual(tests.sort());
  });

  test('every header opens with its purpose and its thread rule', () => {
    const silent = sources.filter((file) => {
      const code = text(file);
      const opening = code.slice(0, code.indexOf('#pragma once'));
      return file.endsWith('.h') && !(opening.startsWith('// ') && opening.includes('Threads: '));
    });
    expect(silent).toEqual([]);
  });
});

test('each rule of the protocol that can be switched off is switched off in a test', () => {
  const rules = [...text('native/engine/protocol.h').matchAll(/^ {2}bool (\w+) = true;/gm)].map(([, rule]) => rule!);
  expect(rules.length).toBeGreaterThan(20);
  const tests = files.filter((file) => file.startsWith('test/native/')).map(text);
  const used = (rule: string): boolean =>
    tests.some((one) => one.includes(`Protocol::${rule}`) || new RegExp(`\\.${rule} = false`).test(one));
  expect(rules.filter((rule) => !used(rule))).toEqual([]);
});

describe('lib', () => {
  test('only native.ts loads the addon', () => {
    const loaders = files.filter((file) => file.startsWith('lib/') && /node-gyp-build'|\.node'/.test(text(file)));
    expect(loaders.sort()).toEqual(['lib/load-addon.ts', 'lib/node-gyp-build.d.ts']);
    const users = files.filter((file) => file.startsWith('lib/') && text(file).includes("from './load-addon.js'"));
    expect(users).toEqual(['lib/native.ts']);
  });

  test('a store knows nothing of databases by name, nor of what is built on them', () => {
    const above = /from '\.{1,2}\/(persistence\/.*|flush-manager|signal-handler|index)\.js'/;
    const upwards = files.filter(
      (file) => /^lib\/[^/]+\.ts$/.test(file) && file !== 'lib/index.ts' && above.test(text(file)),
    );
    expect(upwards).toEqual([]);
    const beside = /from '\.\.\/(flush-manager|signal-handler|index)\.js'/;
    expect(files.filter((file) => file.startsWith('lib/persistence/') && beside.test(text(file)))).toEqual([]);
  });

  test('a room knows only rooms below its own', () => {
    const above: Record<string, RegExp> = {
      'lib/formats/': /^(transfer|cli|persistence|backup|self-test|inspect|store)\b/,
      'lib/inspect/': /^(transfer|cli|persistence|backup|self-test|formats|store|native)\b/,
      'lib/transfer/': /^(cli|self-test)\b/,
      'lib/persistence/': /^(transfer|cli|self-test|formats|backup)\b/,
      'lib/backup/': /^(transfer|cli|self-test|formats)\b/,
      'lib/self-test/': /^cli\b/,
    };
    for (const name of ['arrow', 'legacy', 'numpy', 'parquet', 'text'])
      above[`lib/formats/${name}/`] = new RegExp(`^formats/(?!${name}/|columns/)\\w+/`);
    const upwards = Object.entries(above).flatMap(([room, forbidden]) =>
      files
        .filter((file) => file.startsWith(room))
        .flatMap((file) =>
          [...text(file).matchAll(/(?:from|import\() ?'(\.[^']+)'/g)]
            .map(([, known]) => path.posix.relative('lib', path.posix.join(path.posix.dirname(file), known!)))
            .filter((known) => forbidden.test(known))
            .map((known) => `${file} knows ${known}`),
        ),
    );
    expect(upwards).toEqual([]);
  });

  test('the public names', () => {
    expect(Object.keys(jvdb).sort()).toEqual([
      'BackupDirectory',
      'InMemoryDatabasePersistence',
      'JvdbError',
      'MemoryMappedVectorStore',
      'PersistentDatabasePersistence',
      'SignalHandler',
      'VectorFlushManager',
      'exportDatabases',
      'exportVectors',
      'importDatabases',
      'importVectors',
      'migrate',
      'profiles',
      'simd',
    ]);
    const methods = new Set<string>();
    for (
      let one: unknown = jvdb.MemoryMappedVectorStore.prototype;
      one !== Object.prototype;
      one = Object.getPrototypeOf(one)
    ) {
      for (const name of Object.getOwnPropertyNames(one)) methods.add(name);
    }
    expect([...methods].sort()).toEqual([
      'backup',
      'batchDelete',
      'batchRetrieve',
      'batchStore',
      'batchStoreAsync',
      'capacity',
      'changes',
      'close',
      'closeAsync',
      'compact',
      'constructor',
      'deleteVector',
      'durableLsn',
      'entries',
      'flush',
      'flushSync',
      'has',
      'ids',
      'lastLsn',
      'readVector',
      'readVectors',
      'refresh',
      'retrieveVector',
      'search',
      'searchBatch',
      'searchRaw',
      'searchSync',
      'stats',
      'storeVector',
      'updateMetadata',
      'updateVector',
      'vectorCount',
      'verify',
      'viewVector',
    ]);
  });
});

test('every file has 400 lines at most', () => {
  expect(files.filter((file) => text(file).trimEnd().split('\n').length > 400)).toEqual([]);
});
