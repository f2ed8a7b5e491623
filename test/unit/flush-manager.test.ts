/** Flushes by interval and together: when they come, what they flush, and what fails. */
import { spawnSync } from 'node:child_process';
import { setImmediate, setTimeout } from 'node:timers/promises';
import {
  InMemoryDatabasePersistence,
  JvdbError,
  MemoryMappedVectorStore,
  PersistentDatabasePersistence,
  VectorFlushManager,
  type Flushable,
} from '../../lib/index.js';
import { Directory, expectError, expectRejection, runScriptWith } from '../support.js';

const directory = new Directory();
const manager = VectorFlushManager.getInstance();
const registered = new Set<string>();
const opened: Disposable[] = [];

// Only intervals stand still until the clock is moved on: files are written meanwhile.
beforeEach(() => {
  const real = ['Date', 'hrtime', 'performance', 'nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'] as const;
  jest.useFakeTimers({ doNotFake: [...real] });
});

afterEach(() => {
  manager.stopPeriodicFlush();
  for (const name of registered) manager.unregisterPersistence(name);
  for (const each of opened.splice(0)) each[Symbol.dispose]();
  jest.useRealTimers();
});

function pass(seconds: number): void {
  jest.advanceTimersByTime(seconds * 1000);
}

async function until(condition: () => boolean): Promise<void> {
  const began = performance.now();
  while (!condition() && performance.now() - began < 10000) await setImmediate();
  expect(condition()).toBe(true);
}

/** Time for what should not happen. */
async function leaveTime(): Promise<void> {
  await setTimeout(50);
}

/** With databases a and b. */
class Databases extends PersistentDatabasePersistence {
  /** Names of databases, for each time that one was flushed. */
  readonly events: string[] = [];

  constructor(flushIntervalSeconds: number | undefined) {
    super(directory.file(), { flushIntervalSeconds });
    opened.push(this);
    this.on('flush', ({ name }) => this.events.push(name));
    for (const name of ['a', 'b']) this.createDatabase(name, { dimension: 2 });
  }

  /** Changes databases, one change each. */
  change(...names: string[]): this {
    for (const name of names) this.storeVector(name, 1, [1, 2]);
    return this;
  }

  /** How many changes of a and b are durable. */
  get durable(): string {
    return ['a', 'b'].map((name) => this.stats(name).durableLsn).join(' ');
  }
}

/** With a change in each that is flushed only when asked. */
const changed = (): Databases => new Databases(0).change('a', 'b');

function register(flushables: Record<string, Flushable>): void {
  for (const [name, flushable] of Object.entries(flushables)) {
    registered.add(name);
    manager.registerPersistence(name, flushable);
  }
}

/** Fails to flush. */
function failing(message: string): Flushable {
  const flushSync = (): void => {
    throw new JvdbError('JVDB_IO', message);
  };
  return { flushSync, flush: () => setImmediate().then(flushSync) };
}

describe('flushIntervalSeconds', () => {
  test.each([300, 0.5, 60, 3600])('%d: changes are durable after as many seconds, again and again', async (seconds) => {
    const one = new Databases(seconds === 300 ? undefined : seconds).change('a'); // it is the default
    pass(seconds - 0.001);
    await leaveTime();
    expect(one.durable).toBe('0 0');
    pass(0.001);
    await until(() => one.events.length === 1);
    expect(one.durable).toBe('1 0');
    one.change('b');
    pass(seconds);
    await until(() => one.events.length === 2);
    expect(one.durable).toBe('1 1');
  });

  test('0: changes are durable when asked only', async () => {
    const one = changed();
    expect(jest.getTimerCount()).toBe(0);
    pass(100_000);
    await leaveTime();
    expect(one.durable).toBe('0 0');
    await one.flush();
    expect(one.durable).toBe('1 1');
  });

  test('only what has changed is flushed', async () => {
    const one = new Databases(10).change('a', 'b');
    pass(10);
    await until(() => one.events.length === 2);
    one.deleteVector('b', 1);
    pass(10);
    await until(() => one.events.length === 3);
    pass(10);
    await leaveTime();
    expect(one.events.slice(2)).toEqual(['b']);
    expect([one.stats('a').flushCount, one.stats('b').flushCount]).toEqual([1, 2]);
    expect(await one.getStorageStats()).toMatchObject({ flushes: 3, errors: 0 });
  });

  test('a flush that is due while another is under way is left out', async () => {
    const one = new Databases(1).change('a');
    pass(5);
    await until(() => one.events.length > 0);
    await leaveTime();
    expect(one.events).toEqual(['a']);
  });

  test.each(['close', 'closeAsync'] as const)('%s ends it', async (how) => {
    const one = new Databases(1);
    expect(jest.getTimerCount()).toBe(1);
    await one[how]();
    expect(jest.getTimerCount()).toBe(0);
  });

  test.each([-1, 3601, NaN, Infinity, '5'])('may not be %p', (seconds) => {
    const message = /flushIntervalSeconds must be a number from 0 to 3600, not /;
    expectError(() => new Databases(seconds as never), 'JVDB_INVALID_ARGUMENT', message);
  });
});

describe('a VectorFlushManager', () => {
  test.each(['flushAll', 'flushAllSync'] as const)('%s makes all durable that are registered', async (how) => {
    const all = [changed(), changed(), changed()] as const;
    using store = new MemoryMappedVectorStore(directory.file(), 2);
    using inMemory = new InMemoryDatabasePersistence();
    store.storeVector(1, [1, 2]);
    register({ first: all[0], store, inMemory, second: all[1] });
    await VectorFlushManager.getInstance()[how]();
    expect(all.map(({ durable }) => durable)).toEqual(['1 1', '1 1', '0 0']);
    expect(store.durableLsn).toBe(1);
  });

  test.each(['flushAll', 'flushAllSync'] as const)('%s throws the first failure when all are flushed', async (how) => {
    const [before, after] = [changed(), changed()];
    register({ before, failing: failing('first'), too: failing('second'), after });
    await expectRejection((async () => manager[how]())(), 'JVDB_IO', /^first$/);
    expect([before.durable, after.durable]).toEqual(['1 1', '1 1']);
  });

  test('forgets what is unregistered', async () => {
    const one = changed();
    register({ one });
    expect(manager.unregisterPersistence('one')).toBe(true);
    expect(manager.unregisterPersistence('one')).toBe(false);
    await manager.flushAll();
    expect(one.durable).toBe('0 0');
  });

  test('has one persistence by a name', async () => {
    const [one, other] = [changed(), changed()];
    const registerOther = (): void => {
      register({ same: other });
    };
    register({ same: one, another: one });
    register({ same: one });
    expectError(registerOther, 'JVDB_EXISTS', /persistence "same" is registered already; unregister it first/);
    await manager.flushAll();
    expect([one.durable, other.durable]).toEqual(['1 1', '0 0']);
    manager.unregisterPersistence('same');
    registerOther();
    await manager.flushAll();
    expect(other.durable).toBe('1 1');
  });

  test('forgets what was closed', async () => {
    const [one, other] = [changed(), changed()];
    register({ same: one });
    one.close();
    register({ same: other });
    other.close();
    const store = new MemoryMappedVectorStore(directory.file(), 2);
    register({ store });
    store.close();
    await manager.flushAll();
    for (const name of ['same', 'store']) expect(manager.unregisterPersistence(name)).toBe(false);
  });

  test('takes it for no failure that one is closed while it flushes', async () => {
    const [one, other] = [changed(), changed()];
    register({ one, other });
    const flushed = manager.flushAll();
    other.close();
    await flushed;
    expect(one.durable).toBe('1 1');
  });

  test.each([
    [1, {}, /name of a persistence must be a string, not 1/],
    ['name', undefined, /has flush\(\) and flushSync\(\); undefined has not/],
    ['name', 5, /5 has not/],
    ['name', { flush: () => Promise.resolve() }, /an object has not/],
    ['name', { flush: true, flushSync: true }, /an object has not/],
  ])('registers no %p: %p', (name, persistence, message) => {
    const call = (): void => {
      manager.registerPersistence(name as never, persistence as never);
    };
    expectError(call, 'JVDB_INVALID_ARGUMENT', message);
    expect(manager.unregisterPersistence('name')).toBe(false);
  });
});

describe('periodic flushes of all', () => {
  test('come by interval, until they are stopped', async () => {
    const one = changed();
    register({ one });
    expect(manager.running).toBe(false);
    manager.startPeriodicFlush(10);
    expect(manager.running).toBe(true);
    pass(9.999);
    await leaveTime();
    expect(one.durable).toBe('0 0');
    pass(0.001);
    await until(() => one.events.length === 2);
    one.change('b');
    pass(10);
    await until(() => one.events.length === 3);
    manager.stopPeriodicFlush();
    expect(manager.running).toBe(false);
    one.change('a');
    pass(1000);
    await leaveTime();
    expect(one.durable).toBe('1 2');
  });

  test('begin anew with another interval', async () => {
    const one = changed();
    register({ one });
    manager.startPeriodicFlush(10);
    pass(5);
    manager.startPeriodicFlush(60);
    expect(jest.getTimerCount()).toBe(1);
    pass(59.999);
    await leaveTime();
    expect(one.durable).toBe('0 0');
    pass(0.001);
    await until(() => one.events.length === 2);
  });

  test('go one after the other, and never twice at a time', async () => {
    let begun = 0;
    let letGo = (): void => undefined;
    const flush = (): Promise<void> => new Promise((resolve) => ([begun, letGo] = [begun + 1, resolve]));
    const after = changed();
    register({ slow: { ...failing('not called'), flush }, after });
    manager.startPeriodicFlush(1);
    pass(5);
    manager.stopPeriodicFlush();
    manager.startPeriodicFlush(2);
    pass(20);
    await leaveTime();
    expect([begun, after.durable]).toEqual([1, '0 0']);
    letGo();
    await until(() => after.events.length === 2);
    await leaveTime();
    expect(begun).toBe(1);
    pass(2);
    expect(begun).toBe(2);
    letGo();
  });

  test.each([0, -1, 0.0001, NaN, Infinity, 2 ** 31 / 1000, '1', undefined])('not every %p seconds', (seconds) => {
    const message = /seconds between flushes must be a number from 0.001 to 2147482.648, not /;
    const start = (): void => {
      manager.startPeriodicFlush(seconds as never);
    };
    manager.startPeriodicFlush(10);
    expectError(start, 'JVDB_INVALID_ARGUMENT', message);
    expect(manager.running).toBe(true); // as before
  });
});

// A process of its own, with a real clock.
const CHILD = `const { PersistentDatabasePersistence, VectorFlushManager } = require('jvdb');
  const [place] = process.argv.slice(1);
  const manager = VectorFlushManager.getInstance();
  const told = [];
  const open = (name, flushIntervalSeconds) => {
    const persistence = new PersistentDatabasePersistence(place + name, { flushIntervalSeconds });
    persistence.createDatabase(name, { dimension: 2 });
    persistence.storeVector(name, 1, [1, 2]);
    return persistence;
  };
  const alive = setTimeout(() => process.exit(9), 30000);
  const next = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
  const isCollected = async (weak) => {
    await new Promise((resolve) => setTimeout(resolve, 10)); // what deref() gave is kept until then
    global.gc();
    return weak.deref() === undefined;
  };
  const limit = (bytes) => {
    require('node:child_process').execFileSync('prlimit', ['--fsize=' + bytes + ':', '--pid', String(process.pid)]);
  };
  const tellFigures = async (persistence) => {
    const { errors, lastError, flushes } = await persistence.getStorageStats();
    told.push([errors > 0, lastError.code, flushes]);
  };`;

/** Runs code in a process that must end by itself, whatever intervals are on; what it put into `told`. */
async function tell(code: string): Promise<{ told: unknown; stderr: string }> {
  const script = `${CHILD} (async () => { ${code}; console.log(JSON.stringify(told)); clearTimeout(alive); })();`;
  const { status, signal, stdout, stderr } = await runScriptWith(['--expose-gc'], script, directory.file());
  expect({ status, signal }).toEqual({ status: 0, signal: null });
  return { told: JSON.parse(stdout), stderr };
}

test('intervals keep no persistence from the garbage collector unless it is registered, and end with it', async () => {
  const code = `const weak = await (async () => {
      const persistence = open('a', 0.01);
      await next(persistence, 'flush');
      persistence.storeVector('a', 2, [1, 2]);
      await next(persistence, 'flush');
      manager.registerPersistence('a', persistence);
      manager.startPeriodicFlush(0.01);
      return new WeakRef(persistence);
    })();
    for (let i = 0; i < 20; i++) told.push(await isCollected(weak));
    manager.unregisterPersistence('a');
    const { clearInterval } = globalThis;
    const ended = new Promise((resolve) => (globalThis.clearInterval = resolve));
    while (!(await isCollected(weak))) continue;
    clearInterval(await ended)`;
  expect(await tell(code)).toEqual({ told: Array(20).fill(false), stderr: '' });
});

const limits = spawnSync('prlimit', ['--version']).status === 0;
if (!limits) console.warn('SKIPPED: flushes that fail (there is no prlimit here)');

(limits ? describe : describe.skip)('a flush that fails', () => {
  const figures = [true, 'JVDB_NO_SPACE', 0];

  test("in an interval is an 'error' event, or a process warning, and counted; the next may succeed", async () => {
    const code = `const [heard, unheard] = [open('a', 0.02), open('b', 0.02)];
      heard.on('error', () => {});
      const events = Promise.all([next(heard, 'error'), next(process, 'warning')]);
      limit(0);
      const [[error, from], [warning]] = await events;
      told.push([error instanceof JvdbError, error.code, from], warning.code);
      for (const persistence of [heard, unheard]) await tellFigures(persistence);
      limit(1e9);
      heard.storeVector('a', 2, [1, 2]);
      const [{ name, lsn }] = await next(heard, 'flush');
      told.push([name, lsn])`;
    const { told, stderr } = await tell(code);
    const event = [true, 'JVDB_NO_SPACE', { name: 'a' }];
    expect(told).toEqual([event, 'JVDB_NO_SPACE', figures, figures, ['a', 2]]);
    expect(stderr).toMatch(/^.*JVDB_NO_SPACE.*b\.jvdb.*File too large/);
    expect(stderr).not.toMatch(/a\.jvdb/);
  });

  test.each([
    ['that is periodic is a process warning', `manager.startPeriodicFlush(0.02); await next(process, 'warning')`],
    ['that was asked for is thrown', `await manager.flushAll().catch(({ code }) => told.push(code))`],
    ['on this thread is thrown', `try { manager.flushAllSync(); } catch ({ code }) { told.push(code); }`],
  ])('of the manager %s, and counted; the others are flushed', async (what, flush) => {
    const code = `const persistence = open('a', 0);
      const other = open('b', 0);
      manager.registerPersistence('failing', persistence);
      manager.registerPersistence('other', {
        flush: async () => { limit(1e9); await other.flush(); },
        flushSync: () => { limit(1e9); other.flushSync(); },
      });
      limit(0);
      ${flush};
      manager.stopPeriodicFlush();
      await tellFigures(persistence);
      told.push(other.stats('b').durableLsn, other.stats('b').flushCount)`;
    const { told, stderr } = await tell(code);
    const periodic = what.includes('periodic');
    expect(told).toEqual([...(periodic ? [] : ['JVDB_NO_SPACE']), figures, 1, 1]);
    expect(stderr).toMatch(periodic ? /JVDB_NO_SPACE.*a\.jvdb.*File too large/ : /^$/);
  });
});
