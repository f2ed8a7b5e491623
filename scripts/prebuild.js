'use strict';
// Makes prebuilt binaries in prebuilds: for this platform, for those named, or with --all for every one;
// ends with status 1 where one can't be made here, and says which and why. Building goes to
// build-prebuilds.
// Usage: node scripts/prebuild.js [--all | target …]
const { mkdirSync, statSync } = require('node:fs');
const path = require('node:path');
const { root, runPackage, sha256 } = require('./run.js');
const { TARGETS, hereTarget, binaryOf, cmakeFor } = require('./targets.js');

function chosen() {
  const named = process.argv.slice(2);
  if (named.includes('--all')) return Object.keys(TARGETS);
  const names = named.length > 0 ? named : [hereTarget() ?? `${process.platform}-${process.arch}`];
  const unknown = names.find((name) => !(name in TARGETS));
  if (unknown === undefined) return names;
  console.error(`${unknown} is no target; there are: ${Object.keys(TARGETS).join(', ')}`);
  process.exit(1);
}

/** Builds one; returns why it can't be built, undefined if it was. */
function prebuild(name) {
  const { env, strip, missing } = cmakeFor(name);
  if (missing !== undefined) return missing;
  const { platform, arch, libc } = TARGETS[name];
  const folder = path.join(root, 'build-prebuilds', name);
  mkdirSync(folder, { recursive: true });
  const options = ['--napi', '--name', 'jvdb', '-t', '20.17.0', '--cwd', folder, '--out', root];
  options.push('--platform', platform, '--arch', arch, '--node-gyp', path.join(__dirname, 'cmake-as-gyp.js'));
  if (libc !== undefined) options.push('--libc', libc, '--tag-libc');
  if (strip) options.push('--strip'); // the other toolchains' linkers do
  runPackage('prebuildify', options, undefined, { ...env, JVDB_TARGET: name });
  return undefined;
}

const missing = [];
for (const name of chosen()) {
  const began = Date.now();
  const why = prebuild(name);
  if (why !== undefined) {
    missing.push(name);
    console.log(`${name}: not built. It takes ${why}`);
    continue;
  }
  const binary = path.join(root, binaryOf(name));
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`${name}: ${binaryOf(name)}, ${statSync(binary).size} bytes, SHA-256 ${sha256(binary)}, ${seconds} s`);
}
if (missing.length > 0) {
  console.error(`Not built: ${missing.join(', ')}`);
  process.exitCode = 1;
}
