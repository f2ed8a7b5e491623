/** Installing: the tarball that is packed here into an empty project, beside better-sqlite3 and lmdb from the registry. */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { median, milliseconds, shown, table } from './measure.js';

const ROUNDS = 3;
const ROOT = path.join(__dirname, '..');
const PEERS = ['better-sqlite3@13.2.0', 'lmdb@3.5.6'];

const npm = (args: readonly string[], cwd: string): string =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel', 'error'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

/** Bytes on the disk of what is below a folder. */
function diskBytes(place: string): number {
  const found = lstatSync(place);
  if (!found.isDirectory()) return found.blocks * 512;
  return readdirSync(place).reduce((sum, name) => sum + diskBytes(path.join(place, name)), found.blocks * 512);
}

/** Milliseconds, packages and bytes of one installation. */
function install(spec: string, scratch: string): [ms: number, packages: number, bytes: number] {
  const project = mkdtempSync(path.join(scratch, 'project-'));
  writeFileSync(path.join(project, 'package.json'), '{ "private": true }');
  const ms = milliseconds(() => npm(['install', spec], project));
  const lock = JSON.parse(npm(['ls', '--all', '--json', '--long'], project)) as object;
  const count = JSON.stringify(lock).match(/"path":/g)?.length ?? 0;
  return [ms, count - 1, diskBytes(path.join(project, 'node_modules'))];
}

/** Prints the table. */
export function run(): void {
  const scratch = mkdtempSync(path.join(tmpdir(), 'jvdb-install-'));
  try {
    const packed = npm(['pack', '--silent', '--ignore-scripts', '--pack-destination', scratch], ROOT).trim();
    const rows = [path.join(scratch, packed), ...PEERS].map((spec) => {
      // The first one fills npm's cache.
      const rounds = Array.from({ length: ROUNDS }, () => install(spec, scratch));
      const [seconds, packages, bytes] = [0, 1, 2].map((column) => median(rounds.map((round) => round[column] ?? NaN)));
      return [path.basename(spec), shown((seconds ?? NaN) / 1000), String(packages), shown((bytes ?? NaN) / 2 ** 20)];
    });
    table('npm install into an empty project', ['', 'seconds', 'packages', 'MiB on disk'], rows);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
