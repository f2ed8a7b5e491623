#!/usr/bin/env node
'use strict';
// Stands in for node-gyp when prebuildify builds: CMake is the source of truth. What node-gyp is told
// of versions and headers has no meaning for a build against Node-API. JVDB_TARGET names the target;
// the binary goes to build/Release in the current directory, where prebuildify expects it.
const path = require('node:path');
const { runPackage } = require('./run.js');
const { cmakeFor } = require('./targets.js');

const { definitions } = cmakeFor(process.env.JVDB_TARGET);
const defined = Object.entries(definitions).map(([name, value]) => `--CD${name}=${value}`);
runPackage('cmake-js', ['compile', '--out', path.resolve('build'), '--log-level', 'warn', ...defined]);
