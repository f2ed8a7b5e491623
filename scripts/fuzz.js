'use strict';
// Feeds the engine hostile files, by libFuzzer under ASan and UBSan; everything goes to build-fuzz.
// It takes CMake and Debian's clang-19 and libclang-rt-19-dev; CXX names another clang++.
// Usage: node scripts/fuzz.js [seconds] [--seed=N] [--merge | --seeds]
//   --merge  afterwards adds to test/fuzz/corpus what reaches code that it didn't
//   --seeds  writes the seeds in test/fuzz/corpus anew with the engine as it is, and ends
const { spawn } = require('node:child_process');
const { randomInt } = require('node:crypto');
const { cpSync, mkdirSync, readdirSync } = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { root, run } = require('./run.js');

const folder = path.join(root, 'build-fuzz');
const seeds = path.join(root, 'test', 'fuzz', 'corpus');
const corpus = path.join(folder, 'corpus');
const findings = path.join(folder, 'findings');
const program = path.join(folder, 'jvdb_fuzz');

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const [seconds = '60'] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const seed = flags.find((flag) => flag.startsWith('--seed='))?.slice('--seed='.length) ?? randomInt(1, 2 ** 31);

/** The largest input has three extents; a hostile size must not make the engine take memory. */
const limits = ['-max_len=16384', '-timeout=10', '-rss_limit_mb=1024', '-malloc_limit_mb=64'];

function build() {
  const compiler = process.env.CXX ?? 'clang++-19';
  const options = ['-DJVDB_FUZZ=ON', '-DCMAKE_BUILD_TYPE=RelWithDebInfo', `-DCMAKE_CXX_COMPILER=${compiler}`];
  run('cmake', ['-S', root, '-B', folder, ...options]);
  run('cmake', ['--build', folder, '--parallel', '2']);
}

/** Runs the fuzzer and shows what it says, but not each input that it keeps. */
function fuzz(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'pipe'] });
    child.once('error', reject).once('close', resolve);
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      if (!/^#\d+\s+(NEW|REDUCE)\s/.test(line)) console.log(line);
    });
  });
}

async function main() {
  build();
  if (flags.includes('--seeds')) {
    run(path.join(folder, 'jvdb_fuzz_seeds'), [seeds]);
    return;
  }
  for (const made of [corpus, findings]) mkdirSync(made, { recursive: true });
  // What earlier runs found stays there, and is gone on with.
  cpSync(seeds, corpus, { recursive: true });
  const before = new Set(readdirSync(findings));
  const status = await fuzz([
    ...[corpus, `-seed=${seed}`, `-max_total_time=${seconds}`, `-artifact_prefix=${findings}${path.sep}`],
    ...[...limits, '-print_final_stats=1'],
  ]);
  const found = readdirSync(findings).filter((file) => !before.has(file));
  if (status !== 0) {
    console.error(`jvdb_fuzz ended with status ${status}, seed ${seed}.`);
    for (const file of found) {
      const input = path.relative(root, path.join(findings, file));
      console.error(`To repeat it: build-fuzz/jvdb_fuzz ${input}`);
      console.error(`As a database file: build-fuzz/jvdb_fuzz_seeds unpack ${input} found.jvdb`);
    }
    process.exitCode = 1;
    return;
  }
  console.log(`Nothing found in ${seconds} s, seed ${seed}.`);
  if (flags.includes('--merge')) process.exitCode = await fuzz([...limits, '-merge=1', seeds, corpus]);
}

void main();
