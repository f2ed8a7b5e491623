/** The command line on a terminal, a real one: progress, colours, Ctrl-C. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PersistentDatabasePersistence } from '../../lib/index.js';
import { PROGRAM } from '../cli.js';
import { Directory } from '../support.js';

const directory = new Directory();
const storage = path.join(directory.path, 'data');

// util-linux's gives its commands a terminal; others have no such options.
const isThere =
  process.platform === 'linux' && spawnSync('script', ['-qec', 'test -t 1', '/dev/null'], { input: '' }).status === 0;
if (!isThere) console.warn('SKIPPED: terminals (there is no script of util-linux)');

const CLEARED = '<cleared>';

/** A command line of a shell on a terminal. */
class Terminal {
  #shown = '';
  /** The exit status. */
  readonly status: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(line: string, env: NodeJS.ProcessEnv = {}) {
    const command = `jvdb() { "${process.execPath}" "${PROGRAM}" "$@"; }; ${line}`;
    this.#child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, SHELL: '/bin/sh', TERM: 'xterm', NO_COLOR: '', JVDB_STORAGE: storage, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.#shown += chunk.toString()));
    this.status = new Promise((resolve) => {
      this.#child.on('close', resolve);
    });
  }

  /** All that was shown, with a word for what clears the line. */
  get shown(): string {
    return this.#shown.replaceAll('\r\u001b[K', CLEARED);
  }

  /** Presses keys. */
  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  /** Waits until something was shown; calls `meanwhile` now and then. */
  async until(pattern: RegExp, meanwhile: () => void = () => undefined): Promise<void> {
    const end = performance.now() + 30_000;
    while (!pattern.test(this.shown)) {
      if (this.#child.exitCode !== null || performance.now() > end) {
        this.#child.kill();
        throw new Error(`not shown: ${JSON.stringify(this.shown)}`);
      }
      meanwhile();
      await sleep(20);
    }
  }
}

/** What a command line shows, to its end. */
async function shownBy(line: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const terminal = new Terminal(line, env);
  expect(await terminal.status).toBe(0);
  return terminal.shown;
}

const bold = (text: string): string => `\u001b[1m${text}\u001b[22m`;

beforeAll(() => {
  using all = new PersistentDatabasePersistence(storage);
  all.createDatabase('points', { dimension: 1 });
});

(isThere ? describe : describe.skip)('on a terminal', () => {
  test('headers are bold, where that is wanted', async () => {
    const header = 'name    vectorCount';
    const rows = '\r\npoints            0\r\n';
    expect(await shownBy('jvdb count')).toBe(`${bold(header)}${rows}`);
    expect(await shownBy('jvdb count', { NO_COLOR: '1' })).toBe(`${header}${rows}`);
    expect(await shownBy('jvdb count', { TERM: 'dumb' })).toBe(`${header}${rows}`);
    expect(await shownBy('jvdb count | cat')).toBe(`${header}${rows}`);
    expect(await shownBy('jvdb count --json')).toBe('[{"name":"points","vectorCount":0}]\r\n');
  });

  /** Feeds a command that reads a pipe, line by line, until a pattern was shown or for a while. */
  async function fed(line: (pipe: string) => string, pattern: RegExp | number, env = {}): Promise<string> {
    const pipe = directory.file();
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const terminal = new Terminal(line(pipe), env);
    const feed = createWriteStream(pipe);
    let id = 0;
    const more = (): void => {
      for (const end = id + 50; id < end; id++) feed.write(`{"id": ${id}, "data": [${id}]}\n`);
    };
    if (pattern instanceof RegExp) await terminal.until(pattern, more);
    const end = performance.now() + (typeof pattern === 'number' ? pattern : 0);
    while (performance.now() < end) {
      more();
      await sleep(20);
    }
    feed.end();
    expect(await terminal.status).toBe(0);
    return terminal.shown;
  }

  const INSERT = 'jvdb batch-insert --database points --batch-size 10';

  test('progress has records and their rate, and goes when the work is done', async () => {
    const shown = await fed((pipe) => `${INSERT} < '${pipe}'`, /\d records, [\d,]+ records\/s/);
    const lines = shown.split(CLEARED);
    expect(lines.shift()).toBe('');
    expect(lines.pop()).toMatch(/^stored in points: [\d,]+ vectors, [\d,]+ a second\r\n$/);
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.filter((line) => !/^[\d,]+ records(, [\d,]+ records\/s)?$/.test(line))).toEqual([]);
  });

  test('none of it is shown elsewhere, or on one that is dumb', async () => {
    const file = directory.file();
    const elsewhere = await fed((pipe) => `${INSERT} < '${pipe}' 2> '${file}'`, 1000);
    expect(elsewhere).toMatch(/^stored in points: [\d,]+ vectors, [\d,]+ a second\r\n$/);
    expect(readFileSync(file, 'utf8')).toBe('');
    expect(await fed((pipe) => `${INSERT} < '${pipe}'`, 1000, { TERM: 'dumb' })).not.toContain(CLEARED);
    // Standard output may be a file all the same.
    const shown = await fed((pipe) => `${INSERT} < '${pipe}' > '${file}'`, new RegExp(CLEARED));
    expect(shown).toMatch(new RegExp(`${CLEARED}$`));
    expect(readFileSync(file, 'utf8')).toMatch(/^stored in points: [^<]*\n$/);
  });

  test('progress of a file has its share and the time that remains; Ctrl-C ends it', async () => {
    const count = 1_000_000; // seconds, as changes of one each
    const file = `${directory.file()}.fvecs`;
    const records = new Int32Array(2 * count);
    for (let i = 0; i < count; i++) records[2 * i] = 1; // the dimension
    writeFileSync(file, records);
    const terminal = new Terminal(`exec "$NODE" "$PROGRAM" import '${file}' --database zeros --batch-size 1`, {
      ...{ NODE: process.execPath, PROGRAM },
    });
    await terminal.until(/\d+ %, [\d.]+ [KM]iB\/s, [^\r]+ left/);
    terminal.type('\u0003');
    expect(await terminal.status).toBe(1);
    expect(terminal.shown).toMatch(/<cleared>(\^C)?jvdb: stopped by SIGINT; what was done until then is whole\r\n$/);
    expect(terminal.shown).toMatch(/<cleared>\d+ %, [\d.]+ [KM]iB\/s, (\d+\.\d|\d+|\d+ min \d+) s left/);
  });
});
