'use strict';
// Runs the tests of other platforms, built and emulated here, and says what each passed and what it skipped.
// Without names it runs them all. Without --full a choice of the tests, for every change; with it all of
// them, for a release.
// Usage: node scripts/test-platforms.js [--full] [platform …] [C++ suite]
const PLATFORMS = {
  'linux-x64': './platforms/linux.js',
  'old-processors': './platforms/old-processors.js',
  'linux-arm64': './platforms/arm64.js',
  'linux-musl': './platforms/musl.js',
  'win32-x64': './platforms/windows.js',
  darwin: './platforms/darwin.js',
  binaries: './platforms/binaries.js', // the last: it looks at what the others had built
};

const given = process.argv.slice(2);
const full = given.includes('--full');
const named = given.filter((one) => one in PLATFORMS);
const names = named.length > 0 ? named : Object.keys(PLATFORMS);
const [suite, ...more] = given.filter((one) => one !== '--full' && !(one in PLATFORMS));
if (more.length > 0) {
  console.error(`Usage: node scripts/test-platforms.js [--full] [${Object.keys(PLATFORMS).join('|')} …] [C++ suite]`);
  process.exit(1);
}

async function main() {
  for (const name of names) {
    const began = Date.now();
    try {
      const { passed, skipped, how } = await require(PLATFORMS[name]).run({ full, suite });
      for (const { test, reason } of skipped) console.log(`${name}: skipped ${test}: ${reason}`);
      const seconds = Math.round((Date.now() - began) / 1000);
      console.log(`${name}: ${passed} passed, ${skipped.length} skipped, ${how}, ${seconds} s`);
    } catch (error) {
      console.error(`${name}: FAILED\n${error.message}`);
      process.exitCode = 1;
    }
  }
}

void main();
