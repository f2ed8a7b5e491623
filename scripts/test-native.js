'use strict';
// Builds the C++ tests and runs them with each instruction set this machine has.
// Usage: node scripts/test-native.js [--sanitize=address,undefined | --sanitize=thread | --built=PROGRAM] [suite …]
// Of several suites, named in full, only these are built; nothing is where the program is named.
const { execFileSync, spawn } = require('node:child_process');
const path = require('node:path');
const { root, run, runPackage, hasCMake, nodeGypHeaders } = require('./run.js');

const option = (name) => process.argv.find((one) => one.startsWith(`--${name}=`))?.slice(name.length + 3);
const sanitize = option('sanitize');
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
    `-Djvdb_suites=${suites.length > 1 ? suites.join(',') : ''}`,
  ]);
  return path.join(root, 'build', 'Release', 'jvdb_tests');
}

/** Lines that the tests print for an option. */
const listed = (tests, option) => execFileSync(tests, [option], { encoding: 'utf8' }).trim().split('\n');

/** Runs one suite and prints what it said; how many tests passed, or undefined where one failed. */
function runSuite(tests, suite) {
  return new Promise((resolve, reject) => {
    const child = spawn(tests, [suite], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const ended = code === 0 ? '' : ` (ended with ${code ?? signal})`;
      console.log(`${suite}${ended}: ${said.trimEnd().replaceAll('\n', '\n  ')}`);
      resolve(code === 0 ? Number(said.match(/(\d+) passed, 0 failed\s*$/)[1]) : undefined);
    });
  });
}

/** Runs suites, two at a time: half of their time is waiting for the disk. */
async function runSuites(tests, names) {
  const waiting = [...names];
  const failed = [];
  let all = 0;
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const passed = await runSuite(tests, name);
      if (passed === undefined) failed.push(name);
      else all += passed;
    }
  };
  await Promise.all([work(), work()]);
  console.log(`C++: ${all} passed`);
  if (failed.length > 0) {
    console.error(`FAILED: ${failed.join(', ')}`);
    process.exit(1);
  }
}

async function main() {
  const tests = option('built') ?? build();
  await runSuites(tests, suites.length > 0 ? suites : listed(tests, '--suites'));
  if (suites.length > 0) return;
  // What depends on the instruction set, with every other that this machine has.
  for (const level of listed(tests, '--levels').slice(0, -1)) {
    for (const suite of ['search_test', 'store_test', 'similarity_test']) run(tests, [suite], { JVDB_SIMD: level });
  }
}

void main();
