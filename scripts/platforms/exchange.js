'use strict';
// Databases go from a platform to this system and back: what one writes, the other reads in full.
const path = require('node:path');
const { folderOf, succeed } = require('./programs.js');
const { root } = require('../run.js');

/**
 * `write` and `read` run the platform's Node with arguments, which `path` makes of paths here; both throw
 * unless it ends with status 0. `tree` is what layOut made.
 */
function exchange(name, tree, { write, read, path: there }) {
  const at = (...parts) => path.join(folderOf(name), 'exchange', ...parts);
  const script = there(path.join(tree, 'test', 'platforms', 'exchange.cjs'));
  const here = path.join(root, 'test', 'platforms', 'exchange.cjs');
  write('exchange-write', [script, 'write', there(at('from-there'))]);
  const back = succeed(at('read-here.log'), process.execPath, [here, 'read', at('from-there')]);
  console.log(`exchange: ${back} here that ${name} wrote`);
  succeed(at('write-here.log'), process.execPath, [here, 'write', at('from-here')]);
  console.log(`exchange: ${read('exchange-read', [script, 'read', there(at('from-here'))])} there`);
}

module.exports = { exchange };
