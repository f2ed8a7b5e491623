'use strict';
// Builds the C++ tests for arm64 and runs what depends on the processor under QEMU: on a processor
// that has the dot product instructions, and on one that lacks them. Everything goes to build-arm64.
// It takes Debian's g++-aarch64-linux-gnu and qemu-user-static.
// Usage: node scripts/test-arm64.js [suite]
const { execFileSync, spawnSync } = require('node:child_process');
const path = require('node:path');
const { root, run } = require('./run.js');

const SUITES = ['base_test', 'simd_test', 'simd_scan_test', 'similarity_test', 'search_test', 'store_test'];
const BEST_LEVEL = { max: 'neondot', 'cortex-a53': 'neon' };

for (const program of ['aarch64-linux-gnu-g++', 'qemu-aarch64-static']) {
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0) continue;
  console.error(`${program} is missing: apt-get install g++-aarch64-linux-gnu qemu-user-static`);
  process.exit(1);
}

const folder = path.join(root, 'build-arm64');
const toolchain = path.join(root, 'scripts/toolchains/aarch64-linux-gnu.cmake');
const suites = `-DJVDB_SUITES=${SUITES.join(';')}`;
run('cmake', ['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', `-DCMAKE_TOOLCHAIN_FILE=${toolchain}`, suites]);
run('cmake', ['--build', folder, '--parallel', '2']);

const [suite] = process.argv.slice(2); // one of SUITES
for (const [processor, level] of Object.entries(BEST_LEVEL)) {
  const machine = ['-L', '/usr/aarch64-linux-gnu', '-cpu', processor, path.join(folder, 'jvdb_tests')];
  const levels = execFileSync('qemu-aarch64-static', [...machine, '--levels'], { encoding: 'utf8' });
  const best = levels.trim().split('\n').at(-1);
  if (best !== level) {
    console.error(`${processor}: the best level is ${best}, not ${level}`);
    process.exit(1);
  }
  for (const each of suite === undefined ? SUITES : [suite]) run('qemu-aarch64-static', [...machine, each]);
}
