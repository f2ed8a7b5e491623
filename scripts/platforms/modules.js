'use strict';
// Programs for other systems, from npm packages; exact versions are in test/platforms.
const { existsSync } = require('node:fs');
const path = require('node:path');
const { root, run } = require('../run.js');

const folder = path.join(root, 'test', 'platforms');

/** Where a file of a package is; the first call for a package that isn't there installs them all. */
function packageFile(name, ...parts) {
  const file = path.join(folder, 'node_modules', name, ...parts);
  if (!existsSync(file)) {
    // --force: they are for other systems than this one.
    const how = ['--ignore-scripts', '--force', '--no-fund', '--no-audit', '--loglevel', 'error'];
    run('npm', ['ci', '--prefix', folder, ...how]);
  }
  return file;
}

module.exports = { packageFile };
