/**
 * Finds the addon's binary and loads it: what was built here, or a prebuilt one for this platform. In
 * an app that was bundled into files of its own, where no package is around, beside those.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import finder from 'node-gyp-build';
import { describe, JvdbError } from './errors.js';

type Libc = 'glibc' | 'musl';
interface Failure {
  file: string;
  cause: unknown;
}

const above = path.join(__dirname, '..');
const platform = `${process.platform}-${process.arch}`;

// Whether this is a file of the package, not of a bundle.
function isInPackage(): boolean {
  try {
    return (JSON.parse(readFileSync(path.join(above, 'package.json'), 'utf8')) as { name?: unknown }).name === 'jvdb';
  } catch {
    return false;
  }
}

// By their own names: beside a bundle other packages' binaries may lie in the same folder.
function prebuilt(folders: readonly string[], libc: Libc): string[] {
  const file = process.platform === 'linux' ? `jvdb.${libc}.node` : 'jvdb.node';
  return folders
    .map((folder) => path.join(folder, 'prebuilds', platform, file))
    .filter((candidate) => existsSync(candidate));
}

// As node-gyp-build guesses it.
function guessed(): Libc {
  return existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
}

// node-gyp-build's choice among what was built here and what is prebuilt.
function chosenIn(folder: string): string[] {
  try {
    return [finder.path(folder)];
  } catch {
    return []; // there is none
  }
}

// The C library that runs, which takes a while to learn; undefined where there is no telling.
function cLibrary(): { name: Libc; version: string } | undefined {
  if (process.platform !== 'linux') return undefined;
  const report = process.report as (typeof process.report & { excludeNetwork: boolean }) | undefined;
  if (report === undefined) return undefined;
  const { excludeNetwork } = report;
  try {
    report.excludeNetwork = true; // else it looks up the names of hosts
    const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
    const version = header.glibcVersionRuntime;
    return version === undefined ? { name: 'musl', version: '' } : { name: 'glibc', version };
  } catch {
    return undefined; // a runtime that has none
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

function runtimes(): string {
  const { node, electron, bun, deno } = process.versions as Partial<Record<string, string>>;
  return Object.entries({ Node: node, Electron: electron, Bun: bun, Deno: deno })
    .flatMap(([name, version]) => (version === undefined ? [] : [`${name} ${version}`]))
    .join(', ');
}

function wayOut(inPackage: boolean): string {
  if (!inPackage) {
    const beside = path.join(__dirname, 'prebuilds');
    return `this program was bundled: copy node_modules/jvdb/prebuilds to ${beside}, or leave jvdb out of the bundle`;
  }
  const isClone = existsSync(path.join(above, 'scripts', 'build-native.js'));
  return `to build one here run: ${isClone ? 'npm run build:native' : 'npx jvdb-build'}`;
}

/**
 * Loads the addon.
 *
 * @returns its exports
 * @throws JvdbError JVDB_NO_BINARY where there is none that can be loaded
 */
export function loadAddon(): unknown {
  const load = createRequire(path.join(__dirname, 'load-addon.js'));
  const failures: Failure[] = [];
  const firstOf = (files: readonly string[]): unknown => {
    for (const file of files) {
      try {
        return load(file);
      } catch (cause) {
        failures.push({ file, cause });
      }
    }
    return undefined;
  };

  const inPackage = isInPackage();
  const named = process.env['JVDB_PREBUILD'];
  const home = named !== undefined && named !== '' ? path.resolve(named) : inPackage ? above : undefined;
  const folders = home === undefined ? [__dirname, above] : [home];
  const files = home === undefined ? prebuilt(folders, guessed()) : chosenIn(home);
  const addon = firstOf(files);
  if (addon !== undefined) return addon;

  const c = cLibrary();
  const others = c === undefined ? [] : prebuilt(folders, c.name).filter((file) => !files.includes(file));
  return firstOf(others) ?? refuse();

  function refuse(): never {
    const libc = c === undefined ? '' : ` (${[c.name, c.version].join(' ').trim()})`;
    const here = `${platform}${libc} and ${runtimes()}`;
    const kinds = home === undefined ? ['prebuilds'] : [path.join('build', 'Release'), 'prebuilds'];
    const places = folders.flatMap((folder) => kinds.map((kind) => path.join(folder, kind)));
    const what =
      failures.length === 0
        ? `no binary of jvdb for ${here}; looked in ${places.join(' and ')}`
        : `the binary of jvdb cannot be loaded on ${here}: ` +
          failures.map(({ file, cause }) => `${file}: ${describe(cause)}`).join('; ');
    const options = failures.length === 0 ? undefined : { cause: failures[0]?.cause };
    throw new JvdbError('JVDB_NO_BINARY', `${what}; ${wayOut(inPackage)}`, options);
  }
}
