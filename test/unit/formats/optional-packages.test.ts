/** Formats that take a package of their own: what is said where it is missing, and that it is loaded where it is there. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Directory, ended, ROOT, runScript, startNode } from '../../support.js';

const directory = new Directory();
const PACKAGES = ['commander', 'lru-cache', 'node-gyp-build'];

const SCRIPT = `
  const { readFileSync, existsSync } = require('node:fs');
  const [dir, ...files] = process.argv.slice(1);
  (async () => {
    const store = new MemoryMappedVectorStore(dir + '/store-' + process.pid + '.jvdb', 2, { idType: 'string' });
    store.storeVector('a', [1, -0], { n: 1 });
    const loaded = () => Object.keys(require.cache).filter((file) => /node_modules.(apache-arrow|hyparquet)/.test(file));
    const tell = async (call) => console.log(await call().then(() => 'done', (error) => error.code + ': ' + error.message));
    if (loaded().length > 0) throw new Error('loaded at once: ' + loaded());
    for (const file of files) {
      const target = dir + '/' + process.pid + '-' + file;
      await tell(() => exportVectors(store, target));
      await tell(() => importVectors(store, existsSync(target) ? target : dir + '/' + file));
    }
    console.log(store.vectorCount, JSON.stringify([...store.retrieveVector('a').vector]));
    store.close();
  })();
`;
const FILES = ['x.parquet', 'x.arrow', 'x.arrows'];

test('where they are there they are loaded at the first use, by the built package too', async () => {
  const script = `const { exportVectors, importVectors } = require('jvdb');${SCRIPT}`;
  const { status, stdout, stderr } = await runScript(script, directory.path, ...FILES);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.trim().split('\n')).toEqual([...Array.from({ length: 6 }, () => 'done'), '1 [1,0]']);
});

test('where one is missing the command that installs it is said', async () => {
  const copy = path.join(directory.path, 'installed');
  mkdirSync(path.join(copy, 'node_modules'), { recursive: true });
  for (const name of ['dist', 'package.json'])
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  for (const name of ['build', 'prebuilds']) symlinkSync(path.join(ROOT, name), path.join(copy, name), 'junction');
  for (const name of PACKAGES) {
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(copy, 'node_modules', name), 'junction');
  }
  // They are recognised all the same.
  const heads = ['PAR1', 'ARROW1\0\0', '\xff\xff\xff\xff\x10\0\0\0'];
  FILES.forEach((file, i) => {
    writeFileSync(path.join(copy, file), Buffer.from(heads[i]!, 'latin1'));
  });
  const script = `const { MemoryMappedVectorStore, exportVectors, importVectors } = require(process.argv[1] + '/dist/index.js');${SCRIPT}`;
  const { status, stdout, stderr } = await ended(startNode(['-e', script, copy, ...FILES]));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const missing = (format: string, name: string): string =>
    `JVDB_INVALID_ARGUMENT: the format ${format} takes the package ${name}, which is not installed: npm install ${name}`;
  expect(stdout.trim().split('\n')).toEqual([
    missing('parquet', 'hyparquet-writer'),
    missing('parquet', 'hyparquet'),
    missing('arrow', 'apache-arrow'),
    missing('arrow', 'apache-arrow'),
    missing('arrow-stream', 'apache-arrow'),
    missing('arrow', 'apache-arrow'),
    '1 [1,0]',
  ]);
});

test('all of them are optional', () => {
  const json = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, unknown>
  >;
  const names = ['apache-arrow', 'hyparquet', 'hyparquet-writer'];
  expect(Object.keys(json['peerDependencies']!).sort()).toEqual(names);
  for (const name of names) expect(json['peerDependenciesMeta']![name]).toEqual({ optional: true });
});
