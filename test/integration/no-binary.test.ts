/** Which binary is loaded, and what an installation says that has none it could load. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BINARY, Directory, ended, ROOT, startNode } from '../support.js';

const directory = new Directory();
const PLATFORM = `${process.platform}-${process.arch}`;
const MINE = process.platform === 'linux' ? 'jvdb.glibc.node' : 'jvdb.node';
const onLinux = process.platform === 'linux' ? describe : describe.skip;

let apps = 0;

/** A folder with what the package needs of others. */
function app(): string {
  const folder = path.join(directory.path, `app ${++apps}`);
  for (const name of ['node-gyp-build', 'lru-cache']) {
    cpSync(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name), { recursive: true });
  }
  return folder;
}

/** The package as installed, without a binary. */
function installed(): string {
  const folder = path.join(app(), 'node_modules', 'jvdb');
  cpSync(path.join(ROOT, 'dist'), path.join(folder, 'dist'), { recursive: true });
  cpSync(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'));
  return folder;
}

/** Lays a binary, or what isn't one, into the prebuilds of a folder; its path. */
function lay(folder: string, content: Buffer | string, name = MINE, platform = PLATFORM): string {
  const file = path.join(folder, 'prebuilds', platform, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** Requires a module in a process of its own: the SIMD level, or code, message and whether there is a cause. */
async function load(module: string, before = '', env: NodeJS.ProcessEnv = {}): Promise<string> {
  const code = `${before};
    try { console.log('level ' + require(process.argv[1]).simd.level); }
    catch (error) { console.log(error.code + ': ' + error.message + (error.cause ? '; has a cause' : '')); }`;
  const { stdout, stderr } = await ended(startNode(['-e', code, module], env));
  return stdout + stderr;
}

const loads = /^level \S+\n$/;

/** A glibc to Node's own report, or none. */
const reporting = (glibc: string | undefined): string =>
  `process.report.getReport = () => {
    if (!process.report.excludeNetwork) throw new Error('slow');
    return { header: ${JSON.stringify({ glibcVersionRuntime: glibc })} };
  };
  process.on('exit', () => process.report.excludeNetwork && console.log('left so'));`;

describe('without a binary', () => {
  test('the message names platform, C library, versions, where it looked, and the command', async () => {
    const folder = installed();
    lay(folder, readFileSync(BINARY), 'jvdb.node', 'sunos-sparc');
    const said = await load(folder, 'Object.defineProperty(process.versions, "electron", { value: "39.1.0" })');
    const { glibcVersionRuntime: glibc } = (process.report.getReport() as unknown as { header: Record<string, string> })
      .header;
    const libc = process.platform === 'linux' ? ` (glibc ${glibc!})` : '';
    expect(said).toBe(
      `JVDB_NO_BINARY: no binary of jvdb for ${PLATFORM}${libc} and Node ${process.versions.node}, Electron 39.1.0; ` +
        `looked in ${path.join(folder, 'build', 'Release')} and ${path.join(folder, 'prebuilds')}; ` +
        'to build one here run: npx jvdb-build\n',
    );
  });

  test('in a clone the command is another', async () => {
    const folder = installed();
    mkdirSync(path.join(folder, 'scripts'));
    writeFileSync(path.join(folder, 'scripts', 'build-native.js'), '');
    expect(await load(folder)).toMatch(/^JVDB_NO_BINARY: no binary .*; to build one here run: npm run build:native\n$/);
  });

  test('JVDB_PREBUILD names another folder', async () => {
    const folder = installed();
    const elsewhere = path.join(directory.path, 'else where');
    expect(await load(folder, '', { JVDB_PREBUILD: elsewhere })).toContain(
      `looked in ${path.join(elsewhere, 'build', 'Release')}`,
    );
    lay(elsewhere, readFileSync(BINARY));
    expect(await load(folder, '', { JVDB_PREBUILD: elsewhere })).toMatch(loads);
    expect(await load(folder)).toContain('JVDB_NO_BINARY');
    const relative = path.relative(ROOT, elsewhere);
    expect(await load(folder, '', { JVDB_PREBUILD: relative })).toMatch(loads);
    expect(await load(folder, reporting('2.36'), { JVDB_PREBUILD: relative, LIBC: 'musl' })).toMatch(loads);
  });
});

describe('with a binary that cannot be loaded', () => {
  test.each([
    ['is no library', Buffer.from('no library\n'.repeat(1000))],
    ['was cut short', readFileSync(BINARY).subarray(0, 40)],
    ['is of another processor', foreign(readFileSync(BINARY))],
  ])('because it %s: the message has its path and the reason', async (_, content) => {
    const folder = installed();
    const file = lay(folder, content);
    const said = await load(folder);
    expect(said).toContain(`JVDB_NO_BINARY: the binary of jvdb cannot be loaded on ${PLATFORM}`);
    const reason = said.slice(said.indexOf(`${file}: `) + file.length + 2, said.indexOf('; to build one here'));
    expect(reason.length).toBeGreaterThan(10);
    if (process.platform === 'linux') {
      expect(reason).toMatch(/invalid ELF header|file too short|cannot read file data|wrong ELF|cannot open shared/);
    }
    expect(said).toMatch(/; to build one here run: npx jvdb-build; has a cause\n$/);
  });

  test('one built here goes before it', async () => {
    const folder = installed();
    lay(folder, 'no library');
    cpSync(BINARY, path.join(folder, 'build', 'Release', 'jvdb.node'));
    expect(await load(folder)).toMatch(loads);
  });
});

onLinux('the C library', () => {
  test('a Node without glibc gets the binary for musl, whatever the distribution', async () => {
    const folder = installed();
    lay(folder, readFileSync(BINARY), 'jvdb.musl.node');
    expect(await load(folder, reporting(undefined))).toMatch(loads); // none for glibc
    const file = lay(folder, 'no library');
    expect(await load(folder, reporting(undefined))).toMatch(loads);
    const said = await load(folder, reporting('2.36'));
    expect(said).toContain(`cannot be loaded on ${PLATFORM} (glibc 2.36)`);
    expect(said).toContain(file);
    expect(said).not.toContain('musl');
  });

  test('a Node with glibc gets its own where there are signs of musl', async () => {
    const folder = installed();
    lay(folder, readFileSync(BINARY));
    lay(folder, 'no library', 'jvdb.musl.node');
    expect(await load(folder, '', { LIBC: 'musl' })).toMatch(loads);
  });

  test('both failures are told', async () => {
    const folder = installed();
    const files = [lay(folder, 'no library'), lay(folder, 'none either', 'jvdb.musl.node')];
    const said = await load(folder, reporting(undefined));
    expect(said).toContain(`cannot be loaded on ${PLATFORM} (musl) and Node`);
    for (const file of files) expect(said).toContain(`${file}: `);
  });

  test('a runtime that has no report is told nothing of it', async () => {
    const said = await load(installed(), 'Object.defineProperty(process, "report", { value: undefined })');
    expect(said).toContain(`no binary of jvdb for ${PLATFORM} and Node`);
  });
});

describe('a bundle', () => {
  /** The code in an app's own folder, as a bundler would lay it there. */
  function bundled(): string {
    const folder = app();
    cpSync(path.join(ROOT, 'dist'), path.join(folder, 'out'), { recursive: true });
    writeFileSync(path.join(folder, 'package.json'), '{ "name": "app" }');
    return folder;
  }

  test.each(['out', '.'])('takes the binary in prebuilds beside it, or one folder above: %s', async (where) => {
    const folder = bundled();
    lay(path.join(folder, where), readFileSync(BINARY));
    expect(await load(path.join(folder, 'out'))).toMatch(loads);
  });

  test("never takes the app's own addon, nor another package's", async () => {
    const folder = bundled();
    mkdirSync(path.join(folder, 'build', 'Release'), { recursive: true });
    writeFileSync(path.join(folder, 'build', 'Release', 'app.node'), 'not ours');
    lay(path.join(folder, 'out'), 'not ours', 'node.napi.node');
    lay(path.join(folder, 'out'), readFileSync(BINARY));
    expect(await load(path.join(folder, 'out'))).toMatch(loads);
  });

  test('says where to copy the binaries', async () => {
    const folder = bundled();
    const out = path.join(folder, 'out');
    const said = await load(out);
    expect(said).toMatch(new RegExp(`^JVDB_NO_BINARY: no binary of jvdb for ${PLATFORM}.*; looked in `));
    const beside = path.join(out, 'prebuilds');
    expect(said.slice(said.indexOf('; looked in '))).toBe(
      `; looked in ${beside} and ${path.join(folder, 'prebuilds')}; ` +
        `this program was bundled: copy node_modules/jvdb/prebuilds to ${beside}, or leave jvdb out of the bundle\n`,
    );
    lay(out, readFileSync(BINARY), 'jvdb.musl.node');
    if (process.platform === 'linux') expect(await load(out, reporting(undefined))).toMatch(loads);
    rmSync(path.join(out, 'prebuilds'), { recursive: true });
    lay(path.join(folder, 'named'), readFileSync(BINARY));
    expect(await load(out, '', { JVDB_PREBUILD: path.join(folder, 'named') })).toMatch(loads);
  });
});

/** A library of the same format for another processor. */
function foreign(library: Buffer): Buffer {
  const changed = Buffer.from(library);
  if (process.platform === 'linux')
    changed.writeUInt16LE(0xf3, 18); // e_machine: RISC-V
  else changed.fill(0xff, 0, 512);
  return changed;
}
