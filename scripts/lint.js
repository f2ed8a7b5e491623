'use strict';
// eslint, prettier and clang-format over what git knows. With --fix they mend what they can; with
// --tidy clang-tidy reads the core too (Debian's clang-tidy-19), with --tidy=deep its static analyzer as
// well, which takes three times as long.
const { execFileSync } = require('node:child_process');
const { root, run, runPackage } = require('./run.js');

const fix = process.argv.includes('--fix');

function tracked(...patterns) {
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', ...patterns], { cwd: root });
  return list.toString().split('\n').filter(Boolean);
}

runPackage('eslint', fix ? ['--fix', '.'] : ['.']);
runPackage('prettier', [fix ? '--write' : '--check', '--log-level', 'warn', '.']);
const cpp = tracked(
  'native/**/*.h',
  'native/**/*.cpp',
  'test/native/*.h',
  'test/native/*.cpp',
  'test/fuzz/*.h',
  'test/fuzz/*.cpp',
  'bench/**/*.cpp',
);
runPackage('clang-format-node', fix ? ['-i', ...cpp] : ['--dry-run', '--Werror', ...cpp]);
const tidy = process.argv.find((one) => /^--tidy(=deep)?$/.test(one));
if (tidy !== undefined) {
  const checks = tidy === '--tidy' ? ['-checks=-clang-analyzer-*'] : [];
  run('cmake', ['-S', root, '-B', 'build-tidy', '-DCMAKE_BUILD_TYPE=Debug']);
  run('run-clang-tidy-19', ['-p', 'build-tidy', '-quiet', '-warnings-as-errors=*', ...checks, `^${root}/native/`]);
}
