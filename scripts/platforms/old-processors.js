'use strict';
// Processors without AVX, and without AVX-512, by QEMU: an instruction that the processor lacks ends the
// program. The C++ tests of what depends on it, and the prebuilt binary in jest. All in
// build-platforms/old-processors.
// It takes Debian's qemu-user-static.
const path = require('node:path');
const { folderOf, requirePrograms, logged, succeed, buildTests, PROCESSOR_SUITES, passedOf } = require('./programs.js');
const { layOut, runJest } = require('./jest.js');

const NAME = 'old-processors';
const BEST_LEVEL = { Nehalem: 'sse41', Haswell: 'avx2' };
const QEMU = 'qemu-x86_64-static';

async function run() {
  requirePrograms([QEMU], 'qemu-user-static');
  const tests = path.join(buildTests(NAME, [`-DJVDB_SUITES=${PROCESSOR_SUITES.join(';')}`]), 'jvdb_tests');
  const tree = layOut(NAME, 'linux-x64');
  const all = { passed: 0, skipped: [], how: 'emulated: QEMU' };
  for (const [cpu, level] of Object.entries(BEST_LEVEL)) {
    const at = (log) => path.join(folderOf(NAME), `${cpu}-${log}.log`);
    const emulated = (log, args) => succeed(at(log), QEMU, ['-cpu', cpu, ...args]);
    const best = emulated('levels', [tests, '--levels']).split('\n').at(-1);
    if (best !== level) throw new Error(`${cpu}: the best level is ${best}, not ${level}`);
    for (const suite of PROCESSOR_SUITES) all.passed += passedOf(emulated(suite, [tests, suite]));
    const tried = (log, args, env) =>
      logged(at(log), QEMU, ['-cpu', cpu, process.execPath, ...args], { cwd: tree, env });
    all.passed += runJest(NAME, tree, { run: tried, path: (file) => file }).passed;
    console.log(`${cpu}: ${all.passed} passed so far`);
  }
  return all;
}

module.exports = { run };
