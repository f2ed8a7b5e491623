'use strict';
// What prebuilt binaries are made for, and how CMake is told to make them here. Linux and macOS are
// built by zig's clang from any machine that zig runs on: its C library has the symbols of the oldest
// system supported, where this machine's own would ask for newer ones.
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const path = require('node:path');
const { root, installLocked } = require('./run.js');

/** By name; `zig` is the target triple with the C library or system that Node 20 itself takes, or zig has headers for. */
const TARGETS = {
  'linux-x64': { platform: 'linux', arch: 'x64', libc: 'glibc', zig: 'x86_64-linux-gnu.2.28' },
  'linux-arm64': { platform: 'linux', arch: 'arm64', libc: 'glibc', zig: 'aarch64-linux-gnu.2.28' },
  'linux-x64-musl': { platform: 'linux', arch: 'x64', libc: 'musl', zig: 'x86_64-linux-musl' },
  'linux-arm64-musl': { platform: 'linux', arch: 'arm64', libc: 'musl', zig: 'aarch64-linux-musl' },
  'darwin-arm64': { platform: 'darwin', arch: 'arm64', zig: 'aarch64-macos.11.0' },
  'darwin-x64': { platform: 'darwin', arch: 'x64', zig: 'x86_64-macos.11.0' },
  'win32-x64': { platform: 'win32', arch: 'x64' },
};

const toolchain = (name) => path.join(root, 'scripts', 'toolchains', name);

/** The target that this process runs on; undefined where there is none. */
function hereTarget() {
  const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
  const name = `${process.platform}-${process.arch}${musl ? '-musl' : ''}`;
  return name in TARGETS ? name : undefined;
}

/** Where the binary of a target goes. */
function binaryOf(name) {
  const { platform, arch, libc } = TARGETS[name];
  return path.join('prebuilds', `${platform}-${arch}`, libc === undefined ? 'jvdb.node' : `jvdb.${libc}.node`);
}

/** What zig.cmake takes from the environment: the zig that ZIG names, or npm's; undefined where npm has none. */
function zigEnvironment(triple) {
  if (process.env.ZIG) return { ZIG: path.resolve(process.env.ZIG), ZIG_TARGET: triple };
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const modules = toolchain('node_modules/@zigc');
  if (!existsSync(modules)) installLocked(toolchain(''));
  const program = path.join(modules, 'linux-x64', 'bin', 'zig');
  return { ZIG: program, ZIG_LIB_DIR: path.join(modules, 'lib'), ZIG_TARGET: triple };
}

const runs = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

/** node.exe's list of functions; cmake-js brings the package. */
function nodeDefinitions() {
  const headers = require.resolve('node-api-headers', { paths: [require.resolve('cmake-js/package.json')] });
  return require(headers).def_paths.node_api_def;
}

/**
 * What CMake needs to build for a target from here: definitions and environment, or `missing`, which
 * says what there isn't.
 */
function cmakeFor(name) {
  const { platform, arch, zig } = TARGETS[name];
  const native = process.platform === platform && platform !== 'linux';
  if (native && (platform === 'darwin' || process.arch === arch)) return { definitions: {}, env: {}, strip: true };
  if (platform === 'win32') {
    if (!runs('x86_64-w64-mingw32-g++-posix')) return { missing: 'apt-get install g++-mingw-w64-x86-64-posix' };
    const definitions = {
      CMAKE_TOOLCHAIN_FILE: toolchain('mingw-w64.cmake'),
      CMAKE_JS_NODELIB_DEF: nodeDefinitions(),
      CMAKE_RUNTIME_OUTPUT_DIRECTORY: 'Release', // as cmake-js says for other systems
    };
    return { definitions, env: {} };
  }
  const env = zigEnvironment(zig);
  if (env === undefined) return { missing: 'zig 0.16, for which ZIG names the program' };
  return { definitions: { CMAKE_TOOLCHAIN_FILE: toolchain('zig.cmake') }, env };
}

module.exports = { TARGETS, hereTarget, binaryOf, cmakeFor };
