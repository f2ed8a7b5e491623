'use strict';
// The prebuilt binaries themselves, whatever system they are for: what they take of it, what they show,
// how they are hardened. With --full, that each is the same, bit by bit, when it is built in another place.
// It takes binutils, also MinGW's.
const { execFileSync, spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { root, sha256 } = require('../run.js');
const { TARGETS, binaryOf } = require('../targets.js');
const { machO } = require('./mach-o.js');

const ENTRIES = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
/** The newest that Node 20 takes itself. */
const NEWEST_GLIBC = [2, 28];
const SYSTEM_LIBRARIES = {
  glibc: /^(lib(c|m|dl|pthread)\.so\.\d|ld-linux-(x86-64|aarch64)\.so\.\d)$/,
  musl: /^libc\.so$/,
  win32: /^(node\.exe|kernel32\.dll|advapi32\.dll|msvcrt\.dll|api-ms-win-crt-.*|ucrtbase\.dll)$/i,
  darwin: /^\/usr\/lib\/libSystem\.B\.dylib$/,
};

const read = (program, ...args) => execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

function elf(file, libc, arch) {
  const dynamic = read('readelf', '-dW', file);
  const symbols = read('readelf', '--dyn-syms', '-W', file);
  const versions = all(read('readelf', '-V', file), /GLIBC_(\d+\.\d+)/g).map((one) => one.split('.').map(Number));
  return {
    libraries: all(dynamic, /\(NEEDED\).*\[(.+)\]/g),
    entries: all(symbols, /(?:GLOBAL|WEAK)\s+DEFAULT\s+\d+ (\S+)$/gm),
    wrong: [
      !/FLAGS_1\).*NOW/.test(dynamic) && 'its functions are looked up late (no -z now)',
      !/FLAGS_1\).*NODELETE/.test(dynamic) && 'it may be unloaded under its signal handler',
      /STATIC_TLS|TEXTREL|RPATH|RUNPATH/.test(dynamic) && 'it has static TLS, text relocations or a search path',
      !/GNU_RELRO/.test(read('readelf', '-lW', file)) && 'its tables stay writable (no relro)',
      /GNU_STACK.*RWE/.test(read('readelf', '-lW', file)) && 'its stack is executable',
      /\.(symtab|debug_info)/.test(read('readelf', '-SW', file)) && 'it is not stripped',
      // For arm64 zig brings its own, which doesn't show.
      arch === 'x64' && !/__stack_chk_fail/.test(symbols) && 'it has no stack protector',
      libc === 'glibc' && !/_chk@/.test(symbols.replaceAll('__stack_chk_fail@', '')) && 'it is built without FORTIFY',
      versions.some(([major, minor]) => major > NEWEST_GLIBC[0] || minor > NEWEST_GLIBC[1]) &&
        `it takes a glibc newer than ${NEWEST_GLIBC.join('.')}`,
    ],
  };
}

function pe(file) {
  const text = read('x86_64-w64-mingw32-objdump', '-p', file);
  const exported = text.slice(text.indexOf('[Ordinal/Name Pointer] Table'));
  return {
    libraries: all(text, /DLL Name: (\S+)/g),
    entries: all(exported, /^\s+\[\s*\d+\]\s+(?:\+base\[\s*\d+\]\s+\S+\s+)?(\S+)$/gm),
    wrong: [
      ...['DYNAMIC_BASE', 'NX_COMPAT', 'HIGH_ENTROPY_VA'].map((flag) => !text.includes(flag) && `it lacks ${flag}`),
      !/Time\/Date\s+(Thu Jan\s+1 .* 1970|0+)/.test(text) && 'it holds the time of its build',
      /\.debug_info/.test(read('x86_64-w64-mingw32-objdump', '-h', file)) && 'it is not stripped',
    ],
  };
}

function examine(name) {
  const { platform, libc, arch } = TARGETS[name];
  const file = path.join(root, binaryOf(name));
  const { libraries, entries, wrong } =
    platform === 'linux' ? elf(file, libc, arch) : platform === 'win32' ? pe(file) : machO(file, arch);
  const foreign = libraries.filter((library) => !SYSTEM_LIBRARIES[libc ?? platform].test(library));
  if (foreign.length > 0) wrong.push(`it takes ${foreign.join(', ')}`);
  if (entries !== undefined && entries.sort().join() !== ENTRIES.join()) wrong.push(`it shows ${entries.join(', ')}`);
  if (readFileSync(file).includes(root)) wrong.push(`it names ${root}`);
  return wrong.filter(Boolean).map((what) => `${binaryOf(name)}: ${what}`);
}

/** Builds in a copy at another path; returns what differs. */
function buildAgain(names) {
  const scratch = mkdtempSync(path.join(tmpdir(), 'jvdb-again-'));
  const tree = path.join(scratch, 'a longer name');
  try {
    for (const part of ['native', 'scripts', 'CMakeLists.txt', 'package.json']) {
      cpSync(path.join(root, part), path.join(tree, part), { recursive: true });
    }
    symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
    const { status, stderr } = spawnSync(process.execPath, ['scripts/prebuild.js', ...names], {
      cwd: tree,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    return names.filter((name) => sha256(path.join(tree, binaryOf(name))) !== sha256(path.join(root, binaryOf(name))));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function run({ full = false } = {}) {
  const names = Object.keys(TARGETS).filter((name) => existsSync(path.join(root, binaryOf(name))));
  const absent = Object.keys(TARGETS).filter((name) => !names.includes(name));
  if (names.length === 0 || (full && absent.length > 0))
    throw new Error(`not built: ${absent.join(', ')}; npm run prebuild -- --all`);
  const wrong = names.flatMap(examine);
  if (full)
    wrong.push(...buildAgain(names).map((name) => `${binaryOf(name)}: it differs when it is built in another place`));
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
  const skipped = absent.map((name) => ({ test: binaryOf(name), reason: 'it is not built' }));
  return { passed: names.length, skipped, how: full ? 'examined, and built twice' : 'examined' };
}

module.exports = { run };
