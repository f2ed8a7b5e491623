'use strict';
// What must and must not be in the packed package.
const { readdirSync, readFileSync, statSync } = require('node:fs');
const { homedir } = require('node:os');
const path = require('node:path');
const { root } = require('./run.js');

const NEEDED = [
  ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'CMakeLists.txt', 'bin/jvdb.js', 'bin/jvdb-build.js'],
  ...['dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts'],
  ...['native/sources.json', 'native/binding/exports.map'],
];
// Yarn 1 runs node-gyp on a package that has a binding.gyp, whatever "gypfile" in package.json says.
const UNWANTED =
  /(^|\/)(binding\.gyp|node_modules|\.npmrc|\.git.*)(\/|$)|^(test|scripts|examples|build|lib)\/|\.map\.js$|\.tgz$/;

/** What a build from these sources takes. */
function sources() {
  const lists = JSON.parse(readFileSync(path.join(root, 'native', 'sources.json'), 'utf8'));
  const names = Object.keys(lists).filter((name) => !name.endsWith('tests'));
  return names.flatMap((name) => lists[name].map((file) => `native/${file}`));
}

/** The binaries that there are to pack. */
function binaries() {
  const all = readdirSync(path.join(root, 'prebuilds'), { recursive: true });
  return all.filter((file) => file.endsWith('.node')).map((file) => `prebuilds/${file.replaceAll('\\', '/')}`);
}

/** Links of a document to files that aren't in the package; how many go to files that are. */
function checkLinks(folder, file, files, problems) {
  const text = readFileSync(path.join(folder, file), 'utf8');
  const targets = [...text.matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)].map(([, target]) => target);
  for (const target of targets) {
    const full = path.posix.join(path.posix.dirname(file), target);
    if (!files.includes(full)) problems.push(`${file} links to ${target}, which is not in the package`);
  }
  return targets.length;
}

/**
 * Looks at the files of a package that was unpacked into a folder; throws an error with all that is
 * wrong. Returns a line about what it holds.
 */
function checkContents(folder, files) {
  const problems = [];
  const needed = [...NEEDED, ...sources(), ...binaries()];
  problems.push(...needed.filter((file) => !files.includes(file)).map((file) => `${file} is missing`));
  problems.push(...files.filter((file) => UNWANTED.test(file)).map((file) => `${file} does not belong in it`));
  const size = (base, file) => statSync(path.join(base, file)).size;
  for (const file of binaries().filter((one) => files.includes(one))) {
    if (size(folder, file) !== size(root, file)) problems.push(`${file} is not the one that was built`);
  }

  const { scripts, os, cpu } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  for (const script of ['preinstall', 'install', 'postinstall']) {
    if (scripts?.[script] !== undefined) problems.push(`package.json has the script ${script}`);
  }
  // Either would refuse systems on which a build from source works.
  if (os !== undefined || cpu !== undefined) problems.push('package.json names systems');

  const here = [root, `${homedir()}/`].map((text) => Buffer.from(text));
  for (const file of files) {
    const content = readFileSync(path.join(folder, file));
    const found = here.find((one) => content.includes(one));
    if (found !== undefined) problems.push(`${file} has the path ${found.toString()} of this machine in it`);
  }
  const documents = files.filter((file) => file.endsWith('.md'));
  const links = documents.reduce((sum, file) => sum + checkLinks(folder, file, files, problems), 0);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return `${files.length} files, ${binaries().length} binaries, ${links} links in ${documents.length} documents`;
}

module.exports = { checkContents };
