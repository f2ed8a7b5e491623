/** Programs that get a signal: who is asked, how they end, and what is durable then. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { MemoryMappedVectorStore, SignalHandler } from '../../lib/index.js';
import { Directory, ROOT, ended, expectError, startNode, type Ended } from '../support.js';

const directory = new Directory();

// A program with a store of 50 vectors, none of them flushed, that lives until it is ended.
const PROGRAM = `const { writeSync } = require('node:fs');
  const { MemoryMappedVectorStore, PersistentDatabasePersistence, SignalHandler, VectorFlushManager } = require('jvdb');
  const [file, ...others] = process.argv.slice(1);
  const say = (...words) => { writeSync(1, words.join(' ') + '\\n'); };
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const never = () => new Promise(() => {});
  const alive = setInterval(() => {}, 1000);
  const store = new MemoryMappedVectorStore(file, 2);
  for (let i = 0; i < 50; i++) store.storeVector(i, [i, i]);
  const atEnd = SignalHandler.registerShutdownCallback;
  const manager = VectorFlushManager.getInstance();
  const withDatabase = (flushIntervalSeconds) => {
    const persistence = new PersistentDatabasePersistence(file + '-databases', { flushIntervalSeconds });
    persistence.createDatabase('a', { dimension: 2 });
    persistence.storeVector('a', 1, [1, 2]);
    manager.registerPersistence('all', persistence);
    return persistence;
  };
`;
const INITIALIZE = `SignalHandler.initialize(); atEnd(async () => { await wait(20); say('callback'); });`;
const READY = 'ready'; // says a program that wants its next signal

/** What reopening finds: changes that were durable, and all. */
interface Recovered {
  durableLsn: number;
  recoveredLsn: number;
}
const DURABLE: Recovered = { durableLsn: 50, recoveredLsn: 50 };
const UNFLUSHED: Recovered = { durableLsn: 0, recoveredLsn: 50 };

function recover(file: string): Recovered {
  using store = MemoryMappedVectorStore.open(file);
  const { durableLsn, recoveredLsn } = store.stats().recovery;
  return { durableLsn, recoveredLsn };
}

interface Signalled extends Ended {
  /** What the program said. */
  said: string[];
  /** From the last signal to its end. */
  ms: number;
  /** Its store. */
  file: string;
  recovered: Recovered;
}

/** Runs a program; the first signal is sent when its code was run, each further one when it says so. */
async function run(code: string, signals: readonly NodeJS.Signals[], ...args: string[]): Promise<Signalled> {
  const file = directory.file();
  const program = `${PROGRAM} (async () => { ${code}; say('${READY}'); })();`;
  const child = startNode(['-e', program, file, ...args]);
  const toSend = [...signals];
  let sent = performance.now();
  child.stdout!.on('data', (chunk: Buffer) => {
    for (let asked = chunk.toString().split(READY).length - 1; asked > 0 && toSend.length > 0; asked--) {
      sent = performance.now();
      child.kill(toSend.shift());
    }
  });
  const tooLate = setTimeout(() => child.kill('SIGKILL'), 30000);
  const end = await ended(child);
  clearTimeout(tooLate);
  const ms = performance.now() - sent;
  const said = end.stdout.split('\n').filter((line) => line !== '' && line !== READY);
  return { ...end, said, ms, file, recovered: recover(file) };
}

/** How the signal itself ends a program, without a warning. */
function by(signal: NodeJS.Signals): Partial<Signalled> {
  return { status: null, signal, stderr: '' };
}

// There, a signal from another process ends a program without asking it.
const onPosix = process.platform === 'win32' ? describe.skip : describe;

onPosix('a signal', () => {
  const each = test.each(['SIGTERM', 'SIGINT'] as const);
  each('%s ends the program after its callbacks, with all durable', async (signal) => {
    const code = `SignalHandler.initialize();
      atEnd(async (signal) => { say('first', signal); await wait(50); say('first is over'); });
      const takeBack = atEnd(() => { say('taken back'); });
      atEnd((signal) => { say('second', signal); store.storeVector(50, [1, 2]); });
      takeBack(); takeBack()`;
    const end = await run(code, [signal]);
    expect(end).toMatchObject({ ...by(signal), recovered: { durableLsn: 51, recoveredLsn: 51 } });
    expect(end.said).toEqual([`first ${signal}`, 'first is over', `second ${signal}`]);
  });

  test('of another choice does so, and only that', async () => {
    const code = `SignalHandler.initialize({ signals: ['SIGHUP', 'SIGUSR2', 'SIGHUP'] }); atEnd(say)`;
    const chosen = { ...by('SIGUSR2'), said: ['SIGUSR2'], recovered: DURABLE };
    expect(await run(code, ['SIGUSR2'])).toMatchObject(chosen);
    expect(await run(code, ['SIGTERM'])).toMatchObject({ ...by('SIGTERM'), said: [], recovered: UNFLUSHED });
  });

  test('lets a callback flush what the manager knows', async () => {
    const code = `const persistence = withDatabase(0);
      SignalHandler.initialize();
      atEnd(async () => { await manager.flushAll(); say(persistence.stats('a').durableLsn, store.durableLsn); })`;
    const end = await run(code, ['SIGTERM']);
    expect(end).toMatchObject({ ...by('SIGTERM'), said: ['1 0'], recovered: DURABLE });
    expect(recover(path.join(`${end.file}-databases`, 'a.jvdb'))).toEqual({ durableLsn: 1, recoveredLsn: 1 });
  });

  test('ends the program though a callback closed the last that kept it alive', async () => {
    const code = `SignalHandler.initialize();
      atEnd(async () => { clearInterval(alive); await new Promise((resolve) => setTimeout(resolve, 20).unref()); });
      atEnd(() => say('over'))`;
    expect(await run(code, ['SIGTERM'])).toMatchObject({ ...by('SIGTERM'), said: ['over'], recovered: DURABLE });
  });

  test('ends the program with work under way', async () => {
    const code = `SignalHandler.initialize();
      const ids = [...Array(10000).keys()];
      const told = (promise) => promise.catch(say);
      for (let i = 0; i < 20; i++) {
        for (const promise of [store.search([1, 2]), store.flush()]) told(promise);
        told(store.batchStoreAsync(ids, new Float32Array(20000)));
      }
      store.entries().next()`;
    const end = await run(code, ['SIGTERM']);
    expect(end).toMatchObject({ ...by('SIGTERM'), said: [] });
    expect(end.recovered.durableLsn).toBeGreaterThanOrEqual(50);
  });

  test('lets a callback end the program its own way', async () => {
    const code = `SignalHandler.initialize(); atEnd(() => process.exit(3)); atEnd(() => say('not called'))`;
    const exited = { status: 3, signal: null, said: [], stderr: '', recovered: DURABLE };
    expect(await run(code, ['SIGTERM'])).toMatchObject(exited);
  });

  test('without initialize does what it always did', async () => {
    const end = await run(`atEnd(() => say('callback'))`, ['SIGTERM']);
    expect(end).toMatchObject({ ...by('SIGTERM'), said: [], recovered: UNFLUSHED });
  });

  test('after dispose does what it always did, and callbacks are forgotten', async () => {
    const code = `SignalHandler.initialize(); atEnd(() => say('old')); SignalHandler.dispose(); SignalHandler.dispose();
      say(process.listenerCount('SIGTERM'), process.listenerCount('SIGINT'))`;
    const end = await run(code, ['SIGINT']);
    expect(end).toMatchObject({ ...by('SIGINT'), said: ['0 0'], recovered: UNFLUSHED });
    const again = await run(`${code}; SignalHandler.initialize(); atEnd(() => say('new'))`, ['SIGTERM']);
    expect(again).toMatchObject({ ...by('SIGTERM'), said: ['0 0', 'new'], recovered: DURABLE });
  });

  test('is listened to once, however often initialize was called; the last options hold', async () => {
    const code = `SignalHandler.initialize({ deadlineSeconds: 0.01 });
      SignalHandler.initialize({ signals: ['SIGHUP'] });
      atEnd(async (signal) => { await wait(100); say(signal); });
      SignalHandler.initialize();
      say(process.listenerCount('SIGTERM'), process.listenerCount('SIGHUP'))`;
    expect(await run(code, ['SIGTERM'])).toMatchObject({ ...by('SIGTERM'), said: ['1 0', 'SIGTERM'] });
    expect(await run(code, ['SIGHUP'])).toMatchObject({ ...by('SIGHUP'), said: ['1 0'] });
  });

  test('two copies of the package end a program together', async () => {
    const code = `${INITIALIZE}
      for (const name of Object.keys(require.cache)) delete require.cache[name];
      const copy = require('jvdb').SignalHandler;
      if (copy === SignalHandler) throw new Error('the same');
      copy.initialize();
      copy.registerShutdownCallback(async () => { await wait(100); say('copy'); })`;
    const end = await run(code, ['SIGTERM']);
    expect(end).toMatchObject({ ...by('SIGTERM'), said: ['callback', 'copy'], recovered: DURABLE });
  });

  const unshare = ['--pid', '--fork', '--kill-child'];
  const isolates = spawnSync('unshare', [...unshare, 'true']).status === 0;
  if (!isolates) console.warn('SKIPPED: a program that is process 1 (unshare is not allowed here)');
  (isolates ? test : test.skip)('ends process 1, which the kernel spares', () => {
    const code = `${PROGRAM} ${INITIALIZE} say(process.pid); process.kill(1, 'SIGTERM')`;
    const args = [...unshare, process.execPath, '-e', code, directory.file()];
    const end = spawnSync('unshare', args, { cwd: ROOT, encoding: 'utf8', timeout: 30000 });
    expect(end).toMatchObject({ status: 143, stdout: '1\ncallback\n', stderr: '' });
  });
});

onPosix('what goes wrong at the end', () => {
  test('in a callback is a warning; the next is called', async () => {
    const code = `SignalHandler.initialize();
      atEnd(() => { throw new Error('thrown on purpose'); });
      atEnd(async () => { throw new Error('rejected on purpose'); });
      atEnd(() => Promise.reject('a text on purpose'));
      atEnd(() => say('next'));
      atEnd(() => { throw new RangeError('last on purpose'); })`;
    const end = await run(code, ['SIGTERM']);
    expect(end).toMatchObject({ status: null, signal: 'SIGTERM', said: ['next'], recovered: DURABLE });
    const warned = ['Error: thrown', 'Error: rejected', 'a text', 'RangeError: last'];
    for (const what of warned) expect(end.stderr).toContain(`${what} on purpose`);
  });

  test.each([
    ['one that never ends', `atEnd(never)`],
    ['all together', `for (let i = 0; i < 30; i++) atEnd(() => wait(100))`],
  ])('waits for callbacks until the deadline: %s', async (_, code) => {
    const all = `SignalHandler.initialize({ deadlineSeconds: 0.3 }); ${code}; atEnd(() => say('not called'))`;
    const end = await run(all, ['SIGTERM']);
    expect(end).toMatchObject({ status: null, signal: 'SIGTERM', said: [], recovered: DURABLE });
    expect(end.stderr).toMatch(/Error: callbacks of the shutdown took more than 0.3 s/);
    expect(end.ms).toBeGreaterThan(290);
    expect(end.ms).toBeLessThan(5000);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('is cut short by a second signal: %s', async (second) => {
    const code = `SignalHandler.initialize({ deadlineSeconds: 60 });
      atEnd(async () => { await wait(1100); say('${READY}'); await never(); });
      atEnd(() => say('not called'))`;
    const end = await run(code, ['SIGTERM', second]);
    expect(end).toMatchObject({ ...by(second), said: [], recovered: UNFLUSHED }); // but there
    expect(end.ms).toBeLessThan(10000);
  });

  const limits = spawnSync('prlimit', ['--version']).status === 0;
  if (!limits) console.warn('SKIPPED: a flush that fails (there is no prlimit here)');
  (limits ? test : test.skip)('in the flush is a warning', async () => {
    const code = `SignalHandler.initialize();
      require('node:child_process').execFileSync('prlimit', ['--fsize=0:', '--pid', String(process.pid)])`;
    const end = await run(code, ['SIGTERM']);
    expect(end).toMatchObject({ status: null, signal: 'SIGTERM', recovered: UNFLUSHED });
    expect(end.stderr).toMatch(/JVDB_NO_SPACE.*File too large/);
  });
});

onPosix("the application's own listener", () => {
  const listen = (how: string): string => `const server = require('node:net').createServer().listen(0);
    process.${how}('SIGTERM', (signal) => {
      say('application', signal);
      server.close(async () => {
        while (store.durableLsn < 50) await wait(10);
        say('durable');
        await wait(50);
        process.exit(7);
      });
    });`;

  test.each([
    ['on, before', listen('on') + INITIALIZE],
    ['on, after', INITIALIZE + listen('on')],
    ['once, before', listen('once') + INITIALIZE],
    ['once, after', INITIALIZE + listen('once')],
    ['prependListener, after', INITIALIZE + listen('prependListener')],
  ])('added by %s initialize, is called once and ends the program', async (_, code) => {
    const end = await run(code, ['SIGTERM']);
    expect(end).toMatchObject({ status: 7, signal: null, stderr: '', recovered: DURABLE });
    expect(end.said).toEqual(['application SIGTERM', 'callback', 'durable']);
  });

  test('may let it live on, with all flushed; once initialized anew, the next signal finds callbacks again', async () => {
    const code = `SignalHandler.initialize();
      atEnd(() => say('callback'));
      let signals = 0;
      process.on('SIGTERM', async () => {
        say('application', ++signals);
        while (store.durableLsn < 50 || process.listenerCount('SIGTERM') > 1) await wait(10);
        if (signals === 2) SignalHandler.initialize();
        say('${READY}');
        if (signals === 3) clearInterval(alive);
      })`;
    const end = await run(code, ['SIGTERM', 'SIGTERM', 'SIGTERM']);
    expect(end).toMatchObject({ status: 0, signal: null, stderr: '', recovered: DURABLE });
    expect(end.said).toEqual(['callback', 'application 1', 'application 2', 'callback', 'application 3']);
  });

  test('may let it live on past the deadline: a callback that throws then harms nothing', async () => {
    const code = `SignalHandler.initialize({ deadlineSeconds: 0.05 });
      atEnd(async () => { await wait(150); say('late'); throw new Error('on purpose'); });
      process.on('SIGTERM', () => setTimeout(() => process.exit(7), 400))`;
    const end = await run(code, ['SIGTERM']);
    expect(end).toMatchObject({ status: 7, signal: null, said: ['late'] });
    expect(end.stderr).toMatch(/took more than 0.05 s/);
    expect(end.stderr).not.toMatch(/on purpose/);
  });

  test('for another signal changes nothing', async () => {
    const end = await run(`${INITIALIZE} process.on('SIGHUP', () => say('application'))`, ['SIGTERM']);
    expect(end).toMatchObject({ ...by('SIGTERM'), said: ['callback'] });
  });
});

onPosix('signal-exit', () => {
  /** Where a version is, which some package needs here. */
  function find(major: number): string | undefined {
    const lock = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version?: string }>;
    };
    const found = Object.entries(lock.packages).find(
      ([place, { version }]) => place.endsWith('node_modules/signal-exit') && version?.startsWith(`${major}.`),
    );
    return found && path.join(ROOT, found[0]);
  }
  const load = (major: number): string => `(() => {
      const module = require(${JSON.stringify(find(major))});
      (module.onExit ?? module)((code, signal) => say(${major}, code ?? signal));
    })();`;
  const called = (major: number): string => `${major} SIGTERM`;
  const found = find(3) !== undefined && find(4) !== undefined;
  if (!found) console.warn('SKIPPED: signal-exit (one of its versions is not installed)');
  const withBoth = found ? test : test.skip;

  withBoth.each([
    ['version 3, loaded before', load(3) + INITIALIZE, [called(3)]],
    ['version 3, loaded after', INITIALIZE + load(3), [called(3)]],
    ['version 4, loaded before', load(4) + INITIALIZE, [called(4)]],
    ['version 4, loaded after', INITIALIZE + load(4), [called(4)]],
    ['both', load(3) + INITIALIZE + load(4), [called(3), called(4)]],
  ])('%s: its listeners are called at the end, which is by the signal', async (_, code, calls) => {
    const { said, ...end } = await run(code, ['SIGTERM']);
    expect(end).toMatchObject({ ...by('SIGTERM'), recovered: DURABLE });
    expect(said[0]).toBe('callback');
    expect(said.slice(1).sort()).toEqual(calls);
  });

  withBoth("beside it, the application's listener decides", async () => {
    const listen = `process.once('SIGTERM', () => setTimeout(() => process.exit(7), 300));`;
    const end = await run(load(3) + load(4) + INITIALIZE + listen, ['SIGTERM']);
    expect(end).toMatchObject({ status: 7, signal: null, stderr: '', said: ['callback', '3 7', '4 7'] });
  });
});

onPosix('workers', () => {
  test.each([
    ['waiting', 'setInterval(() => {}, 1000);'],
    ['busy', 'for (;;);'],
    ['writing', 'for (let i = 0; ; i++) store.storeVector(i % 50, [i, i]);'],
  ])('that are %s have all durable', async (what, then) => {
    const worker = `const { workerData, parentPort } = require('node:worker_threads');
      const store = new (require('jvdb').MemoryMappedVectorStore)(workerData, 2);
      for (let i = 0; i < 50; i++) store.storeVector(i, [i, i]);
      parentPort.postMessage('stored');
      ${then}`;
    const code = `${INITIALIZE}
      const { Worker } = require('node:worker_threads');
      await Promise.all(['-1', '-2'].map((end) => new Promise((resolve) => {
        new Worker(others[0], { eval: true, workerData: file + end }).on('message', resolve);
      })))`;
    const end = await run(code, ['SIGTERM'], worker);
    expect(end).toMatchObject({ ...by('SIGTERM'), said: ['callback'], recovered: DURABLE });
    expect(end.ms).toBeLessThan(5000);
    for (const recovered of [recover(`${end.file}-1`), recover(`${end.file}-2`)]) {
      if (what === 'writing') expect(recovered.durableLsn).toBeGreaterThanOrEqual(50);
      else expect(recovered).toEqual(DURABLE);
    }
  });
});

test('only the main thread can initialize: signals come there', async () => {
  const code = `const { parentPort } = require('node:worker_threads');
    const { JvdbError, SignalHandler } = require(${JSON.stringify(ROOT)});
    try { SignalHandler.initialize(); } catch (error) {
      parentPort.postMessage([error instanceof JvdbError, error.code, error.message]);
    }`;
  const told = await new Promise((resolve, reject) => {
    new Worker(code, { eval: true }).on('message', resolve).on('error', reject).on('exit', reject);
  });
  expect(told).toEqual([true, 'JVDB_INVALID_ARGUMENT', expect.stringMatching(/main thread/)]);
});

test('a program that listens, flushes by interval and knows a manager ends when its work is done', async () => {
  const code = `withDatabase(1); manager.startPeriodicFlush(1); ${INITIALIZE} clearInterval(alive)`;
  expect(await run(code, [])).toMatchObject({ status: 0, signal: null, said: [], stderr: '', recovered: DURABLE });
});

describe('bad arguments', () => {
  test.each([
    [null, /must be an object, not null/],
    [{ deadline: 1 }, /unknown option "deadline"; .* signals, deadlineSeconds/],
    [{ deadlineSeconds: -1 }, /deadlineSeconds must be a number from 0 to 3600, not -1/],
    [{ deadlineSeconds: 3601 }, /0 to 3600, not 3601/],
    [{ deadlineSeconds: NaN }, /0 to 3600, not NaN/],
    [{ deadlineSeconds: '1' }, /0 to 3600, not "1"/],
    [{ signals: 'SIGTERM' }, /signals must be names such as "SIGTERM", not "SIGTERM"/],
    [{ signals: null }, /not null/],
    [{ signals: ['SIGTERM', 15] }, /an array of 2/],
    [{ signals: ['TERM'] }, /an array of 1/],
    [{ signals: ['SIGTERM', 'SIGTERMM'] }, /an array of 2/],
    [{ signals: ['SIGTERM', 'SIGKILL'] }, /SIGKILL can't be listened to/],
  ])('%p of initialize', (options, message) => {
    const initialize = (): void => {
      SignalHandler.initialize(options as never);
    };
    expectError(initialize, 'JVDB_INVALID_ARGUMENT', message);
    expect(process.listenerCount('SIGTERM')).toBe(0);
  });

  test.each([undefined, null, 'text', {}])('%p is no callback', (callback) => {
    const register = (): unknown => SignalHandler.registerShutdownCallback(callback as never);
    expectError(register, 'JVDB_INVALID_ARGUMENT', /must be a function/);
  });
});
