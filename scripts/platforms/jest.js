'use strict';
// The jest suite on another platform: laid out in a tree of its own, compiled beforehand, for the
// compiler that jest has is a binary for this one; and what its results mean.
const {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require('node:fs');
const path = require('node:path');
const { root, runPackage } = require('../run.js');
const { binaryOf } = require('../targets.js');
const { folderOf, newest, prebuilt } = require('./programs.js');
const { EXCEPTIONS, QUICK } = require('./exceptions.js');

// Not for jest, or as they are on this system.
const LEFT = new Set(['node_modules', 'native', 'fuzz', 'exact', 'types']);
const FILES = ['package.json', 'package-lock.json', 'README.md', 'dist', 'bin'];
const RESOLVER = path.join(root, 'test', 'platforms', 'node-resolver.cjs');
const PROGRAM = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');

/** Rounds of the random tests, where they are not said: what is emulated is slow. */
const ROUNDS = { JVDB_KILLS: '3', JVDB_TERMINATIONS: '3', JVDB_MODEL_RUNS: '20' };

/** Compiles a folder of TypeScript as jest.config.js says; programs and databases go along. */
function compile(folder, to) {
  const { transformFileSync } = require('@swc/core');
  const [[, options]] = Object.values(require('../../jest.config.js').transform);
  mkdirSync(path.join(to, folder), { recursive: true });
  for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory() && !LEFT.has(entry.name)) compile(place, to);
    // A package.json would make a package of its folder, from which none is 'jvdb'.
    else if (/\.(c|cjs|jvdb|npz)$|(?<!package(-lock)?)\.json$/.test(place))
      cpSync(path.join(root, place), path.join(to, place));
    else if (/(?<!\.d)\.ts$/.test(place)) {
      const { code } = transformFileSync(path.join(root, place), { ...options, swcrc: false });
      writeFileSync(path.join(to, place.replace(/ts$/, 'js')), code);
    }
  }
}

/** Packages that are modules only, which jest cannot load as they are, as what it can. */
const MODULES = {
  '^(hyparquet(?:-writer)?)$': '<rootDir>/modules/$1/src/node.js',
  '^hyparquet/(src/.*)$': '<rootDir>/modules/hyparquet/$1',
};

function compileModules(to) {
  const { transformFileSync } = require('@swc/core');
  const options = { jsc: { target: 'es2022' }, module: { type: 'commonjs' }, swcrc: false };
  for (const name of ['hyparquet', 'hyparquet-writer']) {
    const source = path.join(root, 'node_modules', name, 'src');
    for (const file of readdirSync(source, { recursive: true }).filter((one) => one.endsWith('.js'))) {
      const place = path.join(to, 'modules', name, 'src', file);
      mkdirSync(path.dirname(place), { recursive: true });
      writeFileSync(place, transformFileSync(path.join(source, file), options).code);
    }
  }
}

/** The repository as `name` runs it: what is compiled, the tests, and the prebuilt binary of `target` as the only one. */
function layOut(name, target = name) {
  const tree = path.join(folderOf(name), 'tree');
  const binary = prebuilt(target);
  const [lib, dist] = ['lib', 'dist'].map((folder) => path.join(root, folder));
  if (!existsSync(dist) || newest(dist) < newest(lib)) runPackage('typescript', ['-p', 'tsconfig.build.json'], 'tsc');
  rmSync(tree, { recursive: true, force: true });
  for (const file of FILES) cpSync(path.join(root, file), path.join(tree, file), { recursive: true });
  cpSync(binary, path.join(tree, binaryOf(target)));
  symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
  for (const folder of ['lib', 'test']) compile(folder, tree);
  compileModules(tree);
  const roots = { rootDir: '.', roots: ['<rootDir>/test'] };
  const config = { ...roots, transform: {}, moduleNameMapper: MODULES, testTimeout: 240000 };
  writeFileSync(path.join(tree, 'jest.config.json'), JSON.stringify(config));
  return tree;
}

const escaped = (file) => file.replace(/\.ts$/, '').replaceAll(/[.\\/]/g, (c) => (c === '.' ? '\\.' : '[\\\\/]'));

/** What a run of jest says, against the exceptions: throws where one differs from the other. */
function judge(results, exceptions, whole) {
  const skipped = [];
  const wrong = [];
  let passed = 0;
  for (const { name, status, message, assertionResults } of results.testResults) {
    const file = `test/${name.replaceAll('\\', '/').split('/tree/test/')[1].replace(/js$/, 'ts')}`;
    const bad = assertionResults.filter((one) => one.status === 'failed');
    if (status === 'failed' && bad.length === 0) wrong.push(`${file}: ${message}`);
    for (const { fullName, status: outcome, failureMessages } of assertionResults) {
      const exception = exceptions.find((one) => one.file === file && one.tests.test(fullName));
      if (exception) exception.met = true;
      if (outcome === 'passed') {
        passed++;
        if (exception && !exception.may && !exception.itself)
          wrong.push(`${file}: '${fullName}' is an exception, and passes: remove it`);
      } else if (exception && !(exception.itself && outcome === 'failed'))
        skipped.push({ test: `${file}: ${fullName}`, reason: exception.reason });
      else if (outcome === 'pending') skipped.push({ test: `${file}: ${fullName}`, reason: 'it skips itself' });
      else wrong.push(`${file}: '${fullName}' ${outcome}\n${failureMessages.join('\n')}`);
    }
  }
  if (whole) {
    for (const { file, tests, met } of exceptions) {
      if (!met) wrong.push(`${file}: no test is called ${tests}: remove the exception`);
    }
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
  return { passed, skipped };
}

/**
 * Runs the suite; `full` runs what is slow, too, and all rounds. `node` runs the platform's Node with
 * arguments and an environment, and resolves paths for it: { run(log, args, env), path(file) }.
 */
function runJest(name, tree, node, { full = false } = {}) {
  const result = path.join(folderOf(name), 'jest.json');
  rmSync(result, { force: true });
  const exceptions = EXCEPTIONS[name].map((one) => ({ ...one }));
  const left = exceptions.filter(({ tests }) => tests === undefined);
  const skipped = left.map(({ file, reason }) => ({ test: file, reason }));
  const args = ['--require', node.path(RESOLVER), node.path(PROGRAM), '--watchman=false'];
  args.push(name === 'linux-x64' ? '--maxWorkers=100%' : '-i'); // emulators start processes badly
  if (!full) args.push(...QUICK[name].map(escaped));
  args.push('--config', node.path(path.join(tree, 'jest.config.json')), '--json', '--outputFile', node.path(result));
  const never = exceptions.filter(({ never: hangs }) => hangs).map(({ tests }) => tests.source);
  if (never.length > 0) args.push('--testNamePattern', `^(?!.*(${never.join('|')}))`);
  args.push('--testPathIgnorePatterns', ...skipped.map(({ test }) => escaped(test)));
  const { text } = node.run('jest', args, { ...(full ? {} : ROUNDS), ...process.env, FORCE_COLOR: '0' });
  let results;
  try {
    results = JSON.parse(readFileSync(result, 'utf8'));
  } catch {
    throw new Error(`${text}\n${name}: jest left no results`);
  }
  const judged = judge(
    results,
    exceptions.filter(({ tests }) => tests !== undefined),
    full,
  );
  if (!full) skipped.push({ test: 'files that take long', reason: 'they run with --full' });
  return { passed: judged.passed, skipped: [...skipped, ...judged.skipped] };
}

module.exports = { layOut, runJest };
