'use strict';
// Prints the sources of the given lists of native/sources.json, for binding.gyp.
// Usage: node scripts/sources.js [--suites=simd_test,store_test] list …
// With suites, and not empty, of the test suites only those.
const sources = require('../native/sources.json');

const given = process.argv.slice(2);
const option = '--suites=';
const suites = given.find((one) => one.startsWith(option))?.slice(option.length);
const isWanted = (file) => !suites || !/_test\.cpp$/.test(file) || suites.split(',').includes(file.slice(0, -4));
const folder = (list) => (list.endsWith('tests') ? 'test/native' : 'native');
const paths = given
  .filter((one) => !one.startsWith(option))
  .flatMap((list) => sources[list].filter(isWanted).map((file) => `${folder(list)}/${file}`));
console.log(paths.join(' '));
