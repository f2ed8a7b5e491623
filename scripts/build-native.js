'use strict';
// Builds the addon into build/Release: by cmake-js, or by node-gyp where CMake is missing.
const { runPackage, hasCMake, nodeGypHeaders } = require('./run.js');

if (hasCMake()) {
  runPackage('cmake-js', ['compile', '--out', 'build', '--log-level', 'warn']);
} else {
  runPackage('node-gyp', ['rebuild', '--jobs', 'max', '--loglevel', 'warn', ...nodeGypHeaders()]);
}
