#!/usr/bin/env node
'use strict';
// Stands in for node-gyp when prebuildify builds: CMake is the source of truth. What node-gyp is told
// of versions and headers has no meaning for a build against Node-API.
const { runPackage } = require('./run.js');

runPackage('cmake-js', ['compile', '--out', 'build', '--log-level', 'warn']);
