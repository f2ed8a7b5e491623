'use strict';
// npm's `prepare`: in a clone, builds addon and dist. npm runs it before packing too.
const { runPackage, run } = require('./run.js');

run(process.execPath, ['scripts/build-native.js']);
runPackage('typescript', ['-p', 'tsconfig.build.json'], 'tsc');
