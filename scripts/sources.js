'use strict';
// Prints the sources of the given lists of native/sources.json, for binding.gyp.
const sources = require('../native/sources.json');

const folder = (list) => (list.endsWith('tests') ? 'test/native' : 'native');
const paths = process.argv.slice(2).flatMap((list) => sources[list].map((file) => `${folder(list)}/${file}`));
console.log(paths.join(' '));
