'use strict';
// Packs the package and tries the tarball as its users will: installed by npm, yarn and pnpm with no
// compiler within reach, from CommonJS, modules and TypeScript, in Node, Bun and Deno, and bundled by
// esbuild and webpack. With --source it is built from its sources too, in a pnpm project.
// Usage: node scripts/test-package.js [--source]
const { spawnSync } = require('node:child_process');
const {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { checkContents } = require('./package-contents.js');
const { root, run, runPackage, installLocked } = require('./run.js');
const { binaryOf, hereTarget } = require('./targets.js');

const apps = path.join(root, 'test', 'package');
const tool = (file) => path.join(apps, 'node_modules', file);
const scratch = mkdtempSync(path.join(tmpdir(), 'jvdb package ')); // a path with spaces
const at = (...parts) => path.join(scratch, ...parts);
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** Runs a program and returns what it said; throws where its status isn't the expected one. */
function say(program, args, { cwd = scratch, env = {}, status = 0 } = {}) {
  const all = { ...process.env, ...env };
  for (const name of ['NODE_PATH', 'JVDB_PREBUILD', 'LIBC', 'npm_config_nodedir']) delete all[name];
  // To a file: of what doesn't fit a pipe, as with the one line of a minified bundle, Node loses the end where it fails.
  const output = openSync(at('said'), 'w');
  const ended = spawnSync(program, args, { cwd, env: all, stdio: ['ignore', output, output], timeout: 1_200_000 });
  closeSync(output);
  if (ended.error) throw ended.error;
  const said = readFileSync(at('said'), 'utf8');
  if (ended.status === status) return said;
  const lines = said.split('\n').map((line) => line.slice(0, 300));
  const what = `${path.basename(program)} ${args.join(' ')}: status ${ended.status}, not ${status}`;
  throw new Error([what, ...lines.slice(-25)].join('\n'));
}

const node = (args, options) => say(process.execPath, args, options);

function expect(said, pattern) {
  if (!pattern.test(said)) throw new Error(`${said.slice(-2000)}\ndoes not match ${pattern}`);
}

/** Runs a program of test/package that ends with steps.cjs. */
function smoke(program, args, cwd) {
  expect(say(program, args, { cwd }), /^smoke ok, \w+$/m);
}

/** The commands that the package installs, run by `program` with `args` in front of their own. */
function commands(program, args, options) {
  const jvdb = (...more) => say(program, [...args, 'jvdb', ...more], options);
  writeFileSync(path.join(options.cwd, 'rows.csv'), 'id,v0,v1\n1,1,0\n2,0,1\n');
  const storage = ['--storage', path.join(options.cwd, 'data')];
  expect(jvdb('--version'), /^\d+\.\d+\.\d+/m);
  expect(jvdb('import', 'rows.csv', '--database', 'rows', ...storage), /^imported into rows \(created\): 2 vectors/m);
  expect(jvdb('query', '--database', 'rows', '--vector', '[2,0]', '--json', ...storage), /^\[\{"id":1,"score":1,/m);
  expect(say(program, [...args, 'jadevectordb-cli', 'count', '--database', 'rows', ...storage], options), /^2$/m);
}

const failed = [];
function step(name, what) {
  const began = Date.now();
  let said;
  try {
    said = what() ?? 'ok';
  } catch (error) {
    failed.push(name);
    said = `FAILED\n${error.message}`;
  }
  console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${name}: ${said}`);
}

/** A PATH on which npm runs, and no compiler, make, CMake or Python. */
function barePath() {
  const folder = at('bare');
  mkdirSync(folder);
  const found = (name) => say('/bin/sh', ['-c', `command -v ${name}`]).trim();
  symlinkSync(process.execPath, path.join(folder, 'node'));
  for (const name of ['npm', 'sh']) symlinkSync(found(name), path.join(folder, name));
  for (const name of ['cc', 'c++', 'g++', 'clang++', 'make', 'cmake', 'python3']) {
    say('/bin/sh', ['-c', `! command -v ${name}`], { env: { PATH: folder } });
  }
  return folder;
}

/** An empty project, with the programs that try the package. */
function project(name) {
  const folder = at(name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "app", "version": "1.0.0", "private": true }');
  for (const file of ['steps.cjs', 'smoke.cjs', 'smoke.mjs', 'webpack.config.cjs']) {
    cpSync(path.join(apps, file), path.join(folder, file));
  }
  return folder;
}

let tarball;

function pack() {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', scratch];
  const { stdout } = spawnSync('npm', args, { cwd: root, encoding: 'utf8' });
  const [{ filename, files, size, unpackedSize }] = JSON.parse(stdout);
  tarball = at(filename);
  say('tar', ['-xzf', tarball, '-C', scratch]);
  const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  const contents = checkContents(
    at('package'),
    files.map((file) => file.path),
  );
  return `${contents}; ${mebibytes(size)} packed, ${mebibytes(unpackedSize)} unpacked`;
}

const pnpm = (args, options) => node([tool('pnpm/bin/pnpm.cjs'), ...args], options);
const pnpmAdd = (args, options) => pnpm(['add', '--store-dir', at('pnpm store'), ...args], options);
const INSTALLERS = {
  npm: (options) => say('npm', ['install', '--no-fund', '--no-audit', '--prefer-offline', tarball], options),
  'yarn 1': (options) => {
    const cache = ['--cache-folder', at('yarn cache'), '--non-interactive'];
    return node([tool('yarn/bin/yarn.js'), 'add', ...cache, `file:${tarball}`], options);
  },
  pnpm: (options) => pnpmAdd([tarball], options),
};

/** The public types as each way to resolve modules finds them. */
function typeCheck(resolution, module, ...more) {
  const cwd = at('npm');
  for (const file of ['api.ts', 'api.mts']) cpSync(path.join(root, 'test', 'types', 'api.ts'), path.join(cwd, file));
  const types = ['--typeRoots', path.join(root, 'node_modules', '@types'), '--types', 'node'];
  const how = ['--moduleResolution', resolution, '--module', module, '--target', 'es2022', ...more];
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--lib', 'es2023,esnext.disposable'];
  node([path.join(root, 'node_modules/typescript/bin/tsc'), ...types, ...how, ...strict, 'api.ts', 'api.mts'], { cwd });
}

/** A bundle with jvdb in it, far from any node_modules: it says what it lacks, and runs once it has it. */
function tryBundle(folder, file) {
  const away = at('away', folder);
  cpSync(at('npm', folder), away, { recursive: true });
  node(['-e', "require.resolve('jvdb')"], { cwd: away, status: 1 });
  const said = node([file], { cwd: away, status: 1 });
  expect(said, /this program was bundled: copy node_modules\/jvdb\/prebuilds to .*\/prebuilds, or/);
  cpSync(at('npm', 'node_modules', 'jvdb', 'prebuilds'), path.join(away, 'prebuilds'), { recursive: true });
  smoke(process.execPath, [file], away);
}

/** The banner of docs/installing.md: what a module lacks that code of CommonJS takes for granted. */
const BANNER =
  "import { createRequire } from 'node:module'; import { dirname } from 'node:path'; " +
  "import { fileURLToPath } from 'node:url'; const require = createRequire(import.meta.url); " +
  'const __dirname = dirname(fileURLToPath(import.meta.url));';

function esbuild(entry, outfile, ...more) {
  const options = [entry, '--bundle', '--platform=node', `--outfile=${outfile}`, '--log-level=warning', ...more];
  const said = node([tool('esbuild/bin/esbuild'), ...options], { cwd: at('npm') });
  if (said !== '') throw new Error(said);
}

function webpack() {
  const code = `require(${JSON.stringify(tool('webpack'))})(require('./webpack.config.cjs'), (error, stats) => {
    console.log(error ?? stats.toString('errors-warnings'));
    process.exitCode = error || stats.hasErrors() || stats.hasWarnings() ? 1 : 0;
  });`;
  node(['-e', code], { cwd: at('npm') });
}

/** jvdb-build in a project of pnpm's, where the package sees nothing that it doesn't depend on. */
function buildFromSource() {
  const cwd = at('pnpm');
  const { devDependencies } = require('../package.json');
  const wanted = ['cmake-js', 'node-addon-api'].map((name) => `${name}@${devDependencies[name]}`);
  pnpmAdd(['--save-dev', '--ignore-scripts', ...wanted], { cwd });
  // A compiler that compiles nothing.
  expect(pnpm(['exec', 'jvdb-build'], { cwd, env: { CXX: 'echo' }, status: 1 }), /^jvdb was not built: see above/m);
  const said = pnpm(['exec', 'jvdb-build'], { cwd });
  const [line] = /^.*build\/Release\/jvdb\.node: built in \d+ s; it loads, SIMD level \w+$/m.exec(said) ?? [said];
  expect(line, /: built in/);
  rmSync(path.join(cwd, 'node_modules', 'jvdb', 'prebuilds'), { recursive: true });
  smoke(process.execPath, ['smoke.cjs'], cwd);
  return line.replace(scratch, '…');
}

const began = Date.now();
runPackage('typescript', ['-p', 'tsconfig.build.json'], 'tsc');
if (!existsSync(path.join(root, binaryOf(hereTarget())))) run(process.execPath, ['scripts/prebuild.js']);
if (!existsSync(tool('.package-lock.json'))) installLocked(apps);

step('npm pack', pack);
const PATH = barePath();
for (const [name, install] of Object.entries(INSTALLERS)) {
  const cwd = project(name);
  step(`install by ${name}, no compiler`, () => void install({ cwd, env: { PATH } }));
  step(`${name}: require`, () => smoke(process.execPath, ['smoke.cjs'], cwd));
  step(`${name}: import`, () => smoke(process.execPath, ['smoke.mjs'], cwd));
  step(`${name}: jvdb`, () => commands('npx', ['--no-install'], { cwd }));
}
step("install by yarn 4, Plug'n'Play", () => {
  const cwd = project('yarn 4');
  writeFileSync(path.join(cwd, 'yarn.lock'), ''); // a project of its own
  const [registry] = /^https?:\S+$/m.exec(say('npm', ['config', 'get', 'registry']));
  const yarn = {
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_ENABLE_TELEMETRY: '0',
    YARN_GLOBAL_FOLDER: at('yarn 4 cache'),
  };
  const env = { PATH, YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', ...yarn };
  node([tool('@yarnpkg/cli-dist/bin/yarn.js'), 'add', `jvdb@file:${tarball}`], { cwd, env });
  for (const file of ['smoke.cjs', 'smoke.mjs']) {
    expect(node([tool('@yarnpkg/cli-dist/bin/yarn.js'), 'node', file], { cwd, env }), /^smoke ok, \w+$/m);
  }
});
step('types, node16 and later', () => typeCheck('nodenext', 'nodenext'));
step('types, bundler', () => typeCheck('bundler', 'esnext'));
step('types, node10', () => typeCheck('node10', 'commonjs', '--ignoreDeprecations', '6.0', '--esModuleInterop'));
for (const [name, file, ...args] of [
  ['Bun', '@oven/bun-linux-x64/bin/bun'],
  ['Deno', '@deno/linux-x64-glibc/deno', 'run', '--allow-all'],
]) {
  if (!existsSync(tool(file))) {
    console.log(`          ${name}: not tried, its package has no program for this system`);
    continue;
  }
  chmodSync(tool(file), 0o755);
  step(`${name}: require`, () => smoke(tool(file), [...args, 'smoke.cjs'], at('npm')));
  step(`${name}: import`, () => smoke(tool(file), [...args, 'smoke.mjs'], at('npm')));
}
step('esbuild, external', () => {
  esbuild('smoke.mjs', 'esbuild-external/app.cjs', '--external:jvdb');
  smoke(process.execPath, ['esbuild-external/app.cjs'], at('npm'));
});
step('esbuild, bundled', () => {
  esbuild('smoke.mjs', 'esbuild-bundled/app.cjs');
  tryBundle('esbuild-bundled', 'app.cjs');
});
step('esbuild, bundled, minified', () => {
  esbuild('smoke.cjs', 'esbuild-minified/app.cjs', '--minify');
  tryBundle('esbuild-minified', 'app.cjs');
});
step('esbuild, bundled as a module', () => {
  esbuild('smoke.mjs', 'esbuild-module/app.mjs', '--format=esm', `--banner:js=${BANNER}`);
  tryBundle('esbuild-module', 'app.mjs');
});
step('webpack', webpack);
step('webpack, external', () => smoke(process.execPath, ['webpack-external/app.cjs'], at('npm')));
step('webpack, bundled', () => tryBundle('webpack-bundled', 'app.cjs'));
step('webpack, bundled as a module', () => tryBundle('webpack-module', 'app.mjs'));
step('jvdb-build says what is missing', () => {
  const said = node(['node_modules/jvdb/bin/jvdb-build.js'], { cwd: at('npm'), env: { PATH }, status: 2 });
  expect(said, /npm install --save-dev "cmake-js@\S+" "node-addon-api@\S+"\n.*CMake 3.19.*C\+\+20 compiler.*make/);
  expect(say('npx', ['jvdb-build', '--help'], { cwd: at('npm') }), /^Usage: npx jvdb-build$/m);
});
if (process.argv.includes('--source')) step('jvdb-build', buildFromSource);
console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  in all; ${failed.length} failed`);
if (failed.length > 0) process.exitCode = 1;
