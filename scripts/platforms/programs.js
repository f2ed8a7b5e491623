'use strict';
// Running programs for the tests of other platforms: what fails throws with all that it said.
const { spawnSync } = require('node:child_process');
const { closeSync, mkdirSync, openSync, readFileSync, readdirSync, statSync } = require('node:fs');
const path = require('node:path');
const { root } = require('../run.js');
const { binaryOf } = require('../targets.js');

/** Where a platform's tests are built and run. */
const folderOf = (name) => path.join(root, 'build-platforms', name);

/** Throws unless each program can be run; `packages` of Debian have them. */
function requirePrograms(programs, packages) {
  const missing = programs.find((one) => spawnSync(one, ['--version'], { stdio: 'ignore' }).status !== 0);
  if (missing !== undefined) throw new Error(`${missing} is missing: apt-get install ${packages}`);
}

/** Runs a program with its output in a file; returns how it ended and what it said. */
function logged(log, program, args, { env = {}, cwd = root, timeout = 5_400_000 } = {}) {
  mkdirSync(path.dirname(log), { recursive: true });
  const output = openSync(log, 'w');
  const ended = spawnSync(program, args, {
    cwd,
    stdio: ['ignore', output, output],
    timeout,
    env: { ...process.env, ...env },
  });
  closeSync(output);
  if (ended.error && ended.error.code !== 'ETIMEDOUT') throw ended.error;
  return { status: ended.signal ?? ended.status, text: readFileSync(log, 'utf8').trimEnd() };
}

/** As logged, for what has to end with status 0; returns what it said. */
function succeed(log, program, args, options) {
  const { status, text } = logged(log, program, args, options);
  if (status !== 0) throw new Error(`${text}\n${path.basename(log, '.log')}: ${program} ended with ${status}`);
  return text;
}

/** When the newest file of a folder was changed, in milliseconds. */
function newest(place) {
  const stats = statSync(place);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(...readdirSync(place).map((name) => newest(path.join(place, name))));
}

/** The prebuilt binary of a target, made if there is none or if a source is newer. */
function prebuilt(name) {
  const binary = path.join(root, binaryOf(name));
  const sources = Math.max(...['native', 'CMakeLists.txt'].map((source) => newest(path.join(root, source))));
  const made = statSync(binary, { throwIfNoEntry: false });
  if (made === undefined || made.mtimeMs < sources) {
    succeed(path.join(folderOf(name), 'prebuild.log'), process.execPath, ['scripts/prebuild.js', name]);
  }
  return binary;
}

/** Builds the C++ tests for another platform; returns the folder that has the program. */
function buildTests(name, definitions, env = {}) {
  const folder = path.join(folderOf(name), 'cmake');
  const configure = ['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', ...definitions];
  succeed(path.join(folderOf(name), 'configure.log'), 'cmake', configure, { env });
  const build = ['--build', folder, '--target', 'jvdb_tests', '--parallel', '2'];
  succeed(path.join(folderOf(name), 'build.log'), 'cmake', build, { env });
  return folder;
}

/** C++ suites of what depends on the processor. */
const PROCESSOR_SUITES = ['base_test', 'simd_test', 'simd_scan_test', 'similarity_test', 'search_test', 'store_test'];

/** How many tests passed, as jvdb_tests says at its end. */
const passedOf = (said) => Number(said.match(/(\d+) passed, 0 failed$/)[1]);

module.exports = {
  folderOf,
  requirePrograms,
  logged,
  succeed,
  newest,
  prebuilt,
  buildTests,
  PROCESSOR_SUITES,
  passedOf,
};
