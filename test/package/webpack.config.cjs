'use strict';
// The recipes of docs/installing.md: jvdb outside the bundle, and inside as CommonJS and as a module.
const path = require('node:path');

const of = (folder, filename, rest) => ({
  name: folder,
  target: 'node20',
  mode: 'production',
  entry: './smoke.mjs',
  ...rest,
  output: { path: path.resolve(folder), filename, ...rest.output },
});

module.exports = [
  of('webpack-external', 'app.cjs', { externals: { jvdb: 'commonjs jvdb' } }),
  of('webpack-bundled', 'app.cjs', {}),
  of('webpack-module', 'app.mjs', { experiments: { outputModule: true }, output: { module: true } }),
];
