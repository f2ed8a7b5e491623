'use strict';
// musl: the prebuilt addon given to musl's loader, which finds all that it needs but Node's own functions;
// with --full the C++ tests as static programs, which need nothing of the system but its kernel. All in
// build-platforms/linux-x64-musl and linux-arm64-musl.
// It takes Debian's musl and, for arm64, qemu-user-static.
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { cmakeFor } = require('../targets.js');
const { folderOf, requirePrograms, succeed, prebuilt, buildTests, passedOf } = require('./programs.js');

const LOADER = '/lib/ld-musl-x86_64.so.1';
/** Under emulation, what a C library can do otherwise: files, mappings, locks, threads. */
const CHOICE = ['base_test', 'posix_disk_test', 'posix_database_test', 'store_test', 'threads_test', 'compaction_test'];

/** The functions that musl's loader doesn't find for the addon. */
function missingFunctions() {
  const { stderr, error } = spawnSync(LOADER, ['--list', prebuilt('linux-x64-musl')], { encoding: 'utf8' });
  if (error) throw new Error(`${LOADER} cannot be run: apt-get install musl`);
  return [...stderr.matchAll(/: (\S+): symbol not found/g)].map(([, name]) => name);
}

function testCore(name, suites, runner = []) {
  const { definitions, env } = cmakeFor(name);
  const given = Object.entries(definitions).map(([key, value]) => `-D${key}=${value}`);
  // zig can't compile a header beforehand.
  given.push('-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON', `-DJVDB_SUITES=${suites.join(';')}`);
  const folder = buildTests(name, given, env);
  const [program, ...args] = [...runner, path.join(folder, 'jvdb_tests')];
  const said = succeed(path.join(folderOf(name), 'tests.log'), program, args, { env: { JVDB_DAMAGE: '20' } });
  console.log(`C++ on ${name}: ${said.split('\n').at(-1)}`);
  return passedOf(said);
}

async function run({ full = false } = {}) {
  const missing = missingFunctions();
  const foreign = missing.filter((name) => !/^(napi|node_api)_/.test(name));
  if (missing.length === 0 || foreign.length > 0) {
    throw new Error(`musl's loader finds no ${foreign.join(', ') || 'function of Node missing: it did not look'}`);
  }
  const looked = "the addon's symbols looked up by musl's loader";
  if (!full) return { passed: 1, skipped: [{ test: 'C++', reason: 'it runs with --full' }], how: looked };
  requirePrograms(['qemu-aarch64-static'], 'qemu-user-static');
  const passed = testCore('linux-x64-musl', []) + testCore('linux-arm64-musl', CHOICE, ['qemu-aarch64-static']);
  return { passed: passed + 1, skipped: [], how: `the core run for real, on arm64 emulated; ${looked}` };
}

module.exports = { run };
