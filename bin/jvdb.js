#!/usr/bin/env node
'use strict';
// The command line; lib/cli has it. What only asks for the version waits for nothing else.
const { version } = require('../package.json');

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  console.log(version);
} else {
  void require('../dist/cli/main.js')
    .main(args, version)
    .then((status) => {
      process.exitCode = status;
    });
}
