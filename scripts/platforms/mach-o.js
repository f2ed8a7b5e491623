'use strict';
// What a binary for macOS says of itself in its load commands (Apple's <mach-o/loader.h>).
const { readFileSync } = require('node:fs');

const COMMANDS = { dylib: 0x0c, signature: 0x1d, version: 0x32 };
const CPU = { x64: 0x01000007, arm64: 0x0100000c };
const NEWEST = 11 << 16;

/** Libraries that it takes, and what is wrong with it. */
function machO(file, arch) {
  const bytes = readFileSync(file);
  const is = (offset) => bytes.readUInt32LE(offset);
  const libraries = [];
  const seen = new Set();
  const wrong = [
    is(0) !== 0xfeedfacf && 'it is no 64-bit Mach-O',
    is(4) !== CPU[arch] && 'it is for another processor',
  ];
  for (let i = 0, at = 32; i < is(16); i++, at += is(at + 4)) {
    const command = is(at) & 0x7fffffff;
    seen.add(command);
    if (command === COMMANDS.dylib) {
      const start = at + is(at + 8);
      libraries.push(bytes.toString('utf8', start, bytes.indexOf(0, start)));
    } else if (command === COMMANDS.version && is(at + 12) > NEWEST) wrong.push('it takes a macOS newer than 11');
  }
  wrong.push(!seen.has(COMMANDS.version) && 'it does not say which macOS it takes');
  // A processor of Apple's runs no code without one.
  wrong.push(arch === 'arm64' && !seen.has(COMMANDS.signature) && 'it is not signed');
  return { libraries, wrong };
}

module.exports = { machO };
