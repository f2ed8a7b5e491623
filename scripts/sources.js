'use strict';
// Prints the sources of the given lists of native/sources.json, for binding.gyp.
const sources = require('../native/sources.json');

const folders = { core: 'native', binding: 'native', tests: 'test/native' };
const paths = process.argv.slice(2).flatMap((list) => sources[list].map((file) => `${folders[list]}/${file}`));
console.log(paths.join(' '));
