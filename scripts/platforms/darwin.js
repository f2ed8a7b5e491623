'use strict';
// macOS: nothing of it runs here. The sources that differ by system are compiled for it; with --full the
// prebuilt binaries are built, which takes all of them.
const { execFileSync } = require('node:child_process');
const { mkdirSync } = require('node:fs');
const path = require('node:path');
const { root } = require('../run.js');
const { cmakeFor } = require('../targets.js');
const { folderOf, prebuilt } = require('./programs.js');

const NAMES = ['darwin-arm64', 'darwin-x64'];

function compile(name) {
  const { env, missing } = cmakeFor(name);
  if (missing !== undefined) throw new Error(`${name} takes ${missing}`);
  const { posix } = require('../../native/sources.json');
  const folder = folderOf(name);
  mkdirSync(folder, { recursive: true });
  const options = ['-target', env.ZIG_TARGET, '-std=c++20', '-O0', '-Wall', '-Wextra', '-Werror'];
  for (const source of posix) {
    const file = path.join(root, 'native', source);
    const args = ['c++', ...options, '-I', path.join(root, 'native'), '-c', file, '-o', path.join(folder, 'object.o')];
    execFileSync(env.ZIG, args, { env: { ...process.env, ...env }, stdio: 'inherit' });
  }
  return posix.length;
}

async function run({ full = false } = {}) {
  if (full) NAMES.forEach(prebuilt);
  const passed = NAMES.reduce((sum, name) => sum + compile(name), 0);
  return { passed, skipped: [], how: full ? 'built only' : "only the system's own sources compiled" };
}

module.exports = { run };
