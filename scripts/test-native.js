'use strict';
// Builds the C++ tests and runs them with each instruction set this machine has.
// Usage: node scripts/test-native.js [--sanitize=address,undefined | --sanitize=thread] [suite …]
// Of several suites, named in full, only these are built.
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { root, run, runPackage, hasCMake, nodeGypHeaders } = require('./run.js');

const sanitize = process.argv.find((argument) => argument.startsWith('--sanitize='))?.slice('--sanitize='.length);
const suites = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

function build() {
  if (hasCMake()) {
    const directory = path.join(root, sanitize === undefined ? 'build-tests' : `build-${sanitize.split(',')[0]}`);
    const type = sanitize === undefined ? 'Release' : 'RelWithDebInfo';
    const options = [`-DCMAKE_BUILD_TYPE=${type}`, `-DJVDB_SANITIZE=${sanitize ?? ''}`];
    options.push(`-DJVDB_SUITES=${suites.length > 1 ? suites.join(';') : ''}`);
    run('cmake', ['-S', root, '-B', directory, ...options]);
    run('cmake', ['--build', directory, '--parallel', '2']);
    return path.join(directory, 'jvdb_tests');
  }
  if (sanitize !== undefined) {
    console.error('The sanitizers need CMake.');
    process.exit(1);
  }
  // The addon's own target is built beside it, into the same folder.
  runPackage('node-gyp', [
    'rebuild',
    '--jobs',
    'max',
    '--loglevel',
    'warn',
    ...nodeGypHeaders(),
    '--',
    '-Djvdb_tests=1',
  ]);
  return path.join(root, 'build', 'Release', 'jvdb_tests');
}

const tests = build();
for (const suite of suites.length > 0 ? suites : ['']) run(tests, [suite]);
// What depends on the instruction set, with every other that this machine has.
if (suites.length === 0) {
  const levels = execFileSync(tests, ['--levels'], { encoding: 'utf8' }).trim().split('\n');
  for (const level of levels.slice(0, -1)) {
    for (const suite of ['search_test', 'store_test', 'similarity_test']) run(tests, [suite], { JVDB_SIMD: level });
  }
}
