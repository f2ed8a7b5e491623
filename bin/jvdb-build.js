#!/usr/bin/env node
'use strict';
// Builds the addon from the sources in this package, where no prebuilt binary fits, and loads it as
// proof. It needs cmake-js and node-addon-api, which it looks for in the project that it is run in and then
// beside the package: pnpm, for one, lets a package see its own dependencies only.
const { spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const path = require('node:path');

const USAGE = `Usage: npx jvdb-build

Builds jvdb's binary from source, into build/Release of the package, where it goes before any prebuilt
one. Run it in a project that has jvdb, cmake-js and node-addon-api installed; it takes a C++20
compiler and CMake 3.19 or later. Nothing is downloaded.

  -h, --help   this

Exit status: 0 built, and it loads; 1 it could not be built or does not load; 2 something is missing
or the arguments are wrong.`;

const root = path.join(__dirname, '..');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

function fail(status, text) {
  console.error(text);
  process.exit(status);
}

/** The folder of an installed package; undefined where there is none of the major version that fits. */
function findPackage(name) {
  const major = Number(/\d+/.exec(manifest.devDependencies[name])[0]);
  for (const from of [process.cwd(), root]) {
    try {
      const file = require.resolve(`${name}/package.json`, { paths: [from] });
      if (parseInt(require(file).version, 10) >= major) return path.dirname(file);
    } catch {
      // Not here.
    }
  }
  return undefined;
}

const runs = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

/** CMake's version as a number to compare, 3.19 as 3019; 0 where it doesn't run. */
function cmakeVersion() {
  const { stdout } = spawnSync('cmake', ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(stdout ?? '') ?? [0, 0, 0];
  return Number(major) * 1000 + Number(minor);
}

/** Programs that are missing. What CMake finds of Visual Studio by itself isn't looked for. */
function missingPrograms() {
  const missing = [];
  if (cmakeVersion() < 3019) missing.push('CMake 3.19 or later');
  if (process.platform !== 'win32') {
    const compilers = process.env.CXX ? [process.env.CXX.split(' ')[0]] : ['c++', 'g++', 'clang++'];
    if (!compilers.some(runs)) missing.push(`a C++20 compiler (${compilers.join(', ')})`);
    if (!['ninja', 'make'].some(runs)) missing.push('make or ninja');
  }
  return missing;
}

/** How to get a compiler and CMake here. */
function howToInstall() {
  if (process.platform === 'darwin') return 'xcode-select --install; brew install cmake';
  if (process.platform === 'win32') {
    return (
      'install Visual Studio Build Tools 2022 with "Desktop development with C++", and CMake: ' +
      'winget install Microsoft.VisualStudio.2022.BuildTools Kitware.CMake'
    );
  }
  const ways = {
    '/etc/alpine-release': 'apk add g++ make cmake',
    '/etc/debian_version': 'apt-get install g++ make cmake',
    '/etc/redhat-release': 'dnf install gcc-c++ make cmake',
    '/etc/arch-release': 'pacman -S gcc make cmake',
  };
  const file = Object.keys(ways).find(existsSync);
  return file ? ways[file] : `${ways['/etc/debian_version']} (Debian), ${ways['/etc/alpine-release']} (Alpine)`;
}

/** The folders of cmake-js and node-addon-api; ends where anything is missing, with all that is. */
function requirements() {
  const names = ['cmake-js', 'node-addon-api'];
  const folders = names.map(findPackage);
  const problems = [];
  const absent = names.filter((_, i) => folders[i] === undefined);
  if (absent.length > 0) {
    const wanted = absent.map((name) => `"${name}@${manifest.devDependencies[name]}"`).join(' ');
    problems.push(`${absent.join(' and ')}, in ${process.cwd()}: npm install --save-dev ${wanted}`);
  }
  const programs = missingPrograms();
  if (programs.length > 0) problems.push(`${programs.join(', ')}: ${howToInstall()}`);
  if (problems.length > 0) fail(2, `To build jvdb there is missing:\n  ${problems.join('\n  ')}`);
  return folders;
}

/** Builds in a folder of its own, with nothing left of earlier tries; the binary's path. */
function build(work, cmakeJs, addonApi) {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const { bin } = require(path.join(cmakeJs, 'package.json'));
  const script = path.join(cmakeJs, typeof bin === 'string' ? bin : bin['cmake-js']);
  const options = ['compile', '--directory', root, '--out', work, '--log-level', 'warn'];
  options.push('--parallel', String(availableParallelism()));
  options.push(`--CDJVDB_NODE_ADDON_API=${addonApi.replaceAll('\\', '/')}`);
  const { status, error } = spawnSync(process.execPath, [script, ...options], { stdio: 'inherit' });
  if (error) throw error;
  const places = ['Release', '.'].map((folder) => path.join(work, folder, 'jvdb.node')); // by generator
  const file = places.find((place) => existsSync(place));
  if (status === 0 && file !== undefined) return file;
  return fail(1, `jvdb was not built: see above. The sources are in ${root}, the build is in ${work}`);
}

/** Loads the package in a process of its own; what its SIMD level is. */
function prove(file) {
  const code = 'process.stdout.write(require(process.argv[1]).simd.level)';
  const env = { ...process.env };
  for (const name of ['JVDB_PREBUILD', 'PREBUILDS_ONLY', 'JVDB_SIMD']) delete env[name];
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code, root], { encoding: 'utf8', env });
  if (status !== 0) fail(1, `${file} was built, but does not load:\n${stderr}`);
  return stdout;
}

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  console.log(USAGE);
  process.exit(0);
}
if (args.length > 0) fail(2, `${args[0]} is no option of jvdb-build\n\n${USAGE}`);

const began = Date.now();
const [cmakeJs, addonApi] = requirements();
console.log(`Building jvdb ${manifest.version} for ${process.platform}-${process.arch}; this takes some minutes`);
const release = path.join(root, 'build', 'Release');
const file = path.join(release, 'jvdb.node');
const work = path.join(root, 'build', 'work');
try {
  const built = build(work, cmakeJs, addonApi);
  mkdirSync(release, { recursive: true });
  // Under its own name at once: a program that runs keeps the one that it has.
  cpSync(built, `${file}.new`);
  renameSync(`${file}.new`, file);
  rmSync(work, { recursive: true, force: true });
} catch (error) {
  fail(1, `jvdb was not built: ${error.message}`);
}
const level = prove(file);
console.log(`${file}: built in ${Math.round((Date.now() - began) / 1000)} s; it loads, SIMD level ${level}`);
