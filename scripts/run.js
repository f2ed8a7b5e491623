'use strict';
// What the scripts share: running programs, installing what a lock file names, finding CMake.
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, readFileSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');

/** Runs a program in the repository; ends this process with its status where that isn't 0. */
function run(program, args, env = {}) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs a command of an installed package; it is named as the package unless it is given. */
function runPackage(name, args, command = name, env = {}) {
  const file = require.resolve(`${name}/package.json`, { paths: [root] });
  const { bin } = require(file);
  const script = path.join(path.dirname(file), typeof bin === 'string' ? bin : bin[command]);
  run(process.execPath, [script, ...args], env);
}

/** Installs what the lock file of a folder names, and runs none of its scripts. */
function installLocked(folder, ...more) {
  const how = ['--ignore-scripts', '--no-fund', '--no-audit', '--loglevel', 'error'];
  run('npm', ['ci', '--prefix', folder, ...how, ...more]);
}

/** The SHA-256 of a file, in hexadecimal digits. */
const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Whether CMake can be had. */
function hasCMake() {
  return spawnSync('cmake', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Arguments that make node-gyp use the running Node's own headers, where they are installed. */
function nodeGypHeaders() {
  const prefix = path.join(path.dirname(process.execPath), '..');
  return existsSync(path.join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

module.exports = { root, run, runPackage, installLocked, sha256, hasCMake, nodeGypHeaders };
