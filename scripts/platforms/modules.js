'use strict';
// Programs for other systems, from npm packages; exact versions are in test/platforms.
const { existsSync } = require('node:fs');
const path = require('node:path');
const { root, installLocked } = require('../run.js');

const folder = path.join(root, 'test', 'platforms');

/** Where a file of a package is; the first call for a package that isn't there installs them all. */
function packageFile(name, ...parts) {
  const file = path.join(folder, 'node_modules', name, ...parts);
  // They are for other systems than this one.
  if (!existsSync(file)) installLocked(folder, '--force');
  return file;
}

module.exports = { packageFile };
