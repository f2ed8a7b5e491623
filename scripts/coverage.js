'use strict';
// Which branches of the core's source the C++ tests take, each condition both ways; everything goes
// to build-coverage. It takes CMake and Debian's clang-19 and llvm-19; CXX names another clang++,
// whose version the tools must have.
// Usage: node scripts/coverage.js [--branches]
//   --branches  names each that is never taken
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { root, run } = require('./run.js');

const folder = path.join(root, 'build-coverage');
const tests = path.join(folder, 'jvdb_tests');
const compiler = process.env.CXX ?? 'clang++-19';
const version = compiler.match(/-\d+$/)?.[0] ?? '';

/** In percent of branches; the first group that a file belongs to counts, and the core has all. */
const goals = [
  { name: 'parsing and recovery', files: /^native\/(format|engine\/recovery\.cpp)/, least: 100 },
  { name: 'core', files: /^native\/(base|engine|format|os|search)\/(?!win32)/, least: 95 },
];

function measure() {
  const options = ['-DJVDB_COVERAGE=ON', '-DCMAKE_BUILD_TYPE=Release', `-DCMAKE_CXX_COMPILER=${compiler}`];
  run('cmake', ['-S', root, '-B', folder, ...options]);
  run('cmake', ['--build', folder, '--parallel', '2']);
  // %c: counted in the file itself, also by children that are killed.
  const raw = path.join(folder, 'counts%c.profraw');
  run(tests, [], { JVDB_POWER_CUTS: '600', JVDB_DAMAGE: '40', LLVM_PROFILE_FILE: raw });
  const merged = path.join(folder, 'counts.profdata');
  run(`llvm-profdata${version}`, ['merge', '-o', merged, raw.replace('%c', '')]);
  const args = ['export', tests, `-instr-profile=${merged}`, '-skip-expansions', '-skip-functions'];
  const { stdout } = spawnSync(`llvm-cov${version}`, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  return JSON.parse(stdout).data[0].files.map(({ filename, summary, branches }) => ({
    file: path.relative(root, filename).replaceAll(path.sep, '/'),
    ...summary.branches,
    branches,
  }));
}

function showBranches({ file, branches }) {
  const source = readFileSync(path.join(root, file), 'utf8').split('\n');
  for (const [line, column, , , taken, notTaken] of branches) {
    if (taken > 0 && notTaken > 0) continue;
    const never = taken > 0 ? 'false' : notTaken > 0 ? 'true' : 'reached';
    console.log(`${file}:${line}:${column}: never ${never}: ${source[line - 1].trim()}`);
  }
}

const measured = measure();
for (const { name, files, least } of goals) {
  const group = measured.filter(({ file }) => files.test(file));
  if (process.argv.includes('--branches')) group.forEach(showBranches);
  const sum = (key) => group.reduce((total, one) => total + one[key], 0);
  const percent = (100 * sum('covered')) / sum('count');
  console.log(`${name}: ${sum('covered')} of ${sum('count')} branches, ${percent.toFixed(1)} %, goal ${least} %`);
  if (percent < least) process.exitCode = 1;
}
