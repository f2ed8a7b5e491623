/** Databases by name: what the name costs, what opening on demand costs, files beside memory. */
import path from 'node:path';
import {
  InMemoryDatabasePersistence,
  MemoryMappedVectorStore,
  PersistentDatabasePersistence,
  type DatabasePersistence,
} from '../lib/index.js';
import { inTurn, median, milliseconds, randomVectors, Scratch, shown, table } from './measure.js';

const STEP = 10_000;

function idsFrom(first: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => first + i);
}

/** 1,000,000 vectors in one database or over ten, written in batches in turn, flushed, and read again. */
async function oneAndTen(scratch: Scratch): Promise<void> {
  const dimension = 128;
  const vectors = randomVectors(STEP, dimension);
  const write = async (count: number, round: number): Promise<void> => {
    using databases = new PersistentDatabasePersistence(scratch.file(`million-${count}-${round}`));
    for (let i = 0; i < count; i++) databases.createDatabase(`db${i}`, { dimension });
    for (let n = 0; n < 100; n++) databases.batchStore(`db${n % count}`, idsFrom(n * STEP, STEP), vectors);
    await databases.flush();
  };
  const read = (count: number, round: number): void => {
    using databases = new PersistentDatabasePersistence(scratch.file(`million-${count}-${round}`));
    for (let n = 0; n < count; n++) {
      if (databases.retrieveVector(`db${n}`, n * STEP) === undefined) throw new Error('a vector is missing');
    }
  };
  await write(1, -1); // pages that a virtual machine never used cost its host a fault each
  const ms = await inTurn(5, {
    'write 1': async (round) => write(1, round),
    'write 10': async (round) => write(10, round),
    'open 1': (round) => {
      read(1, round);
    },
    'open 10': (round) => {
      read(10, round);
    },
  });
  const row = (name: string, what: string): string[] => {
    const [one = NaN, ten = NaN] = [ms.get(`${what} 1`), ms.get(`${what} 10`)];
    return [name, `${shown(one)} ms`, `${shown(ten)} ms`, `**${shown(ten / one)}**`];
  };
  table(
    '1,000,000 × 128: one database and ten',
    ['', 'one', 'ten', 'ratio'],
    [row('written in batches of 10,000, flushed and closed', 'write'), row('opened, a vector of each read', 'open')],
  );
}

/** Nanoseconds for a call: medians of many short samples, in turn. */
function nanoseconds(calls: Record<string, () => unknown>): Map<string, number> {
  const some = 20_000;
  const spent = new Map(Object.keys(calls).map((name) => [name, [] as number[]]));
  for (let round = 0; round < 101; round++) {
    for (const [name, call] of Object.entries(calls)) {
      const ms = milliseconds(() => {
        for (let i = 0; i < some; i++) call();
      });
      if (round > 0) spent.get(name)?.push((ms / some) * 1e6);
    }
  }
  return new Map([...spent].map(([name, times]) => [name, median(times)]));
}

/** A named call beside the same call of the store itself. */
function overhead(scratch: Scratch): void {
  const dimension = 128;
  using databases = new PersistentDatabasePersistence(scratch.file('named'), { maxOpenFiles: 100 });
  const names = Array.from({ length: 50 }, (_, i) => `tenant-${i}`);
  for (const name of names) {
    databases.createDatabase(name, { dimension });
    databases.batchStore(name, idsFrom(0, 100), randomVectors(100, dimension));
  }
  const stores = names.map((name) => MemoryMappedVectorStore.open(path.join(databases.storagePath, `${name}.jvdb`)));
  const out = new Float32Array(dimension);
  const [name = '', store] = [names[0], stores[0]];
  let turn = 0;
  const ns = nanoseconds({
    'has, always the same': () => databases.has(name, 7),
    'has, always the same: the store': () => store?.has(7),
    'has, 50 in turn': () => databases.has(names[turn++ % 50] ?? '', 7),
    'has, 50 in turn: the store': () => stores[turn++ % 50]?.has(7),
    'readVector, 50 in turn': () => databases.readVector(names[turn++ % 50] ?? '', 7, out),
    'readVector, 50 in turn: the store': () => stores[turn++ % 50]?.readVector(7, out),
  });
  for (const one of stores) one.close();
  table(
    'A call by name, of 50 open databases',
    ['ns', 'by name', 'of the store', 'more'],
    ['has, always the same', 'has, 50 in turn', 'readVector, 50 in turn'].map((call) => {
      const [named = NaN, direct = NaN] = [ns.get(call), ns.get(`${call}: the store`)];
      return [call, shown(named), shown(direct), `**${shown(named - direct)}**`];
    }),
  );
}

/** The first call for a database that isn't open; its file is in the page cache. */
async function firstAccess(scratch: Scratch): Promise<void> {
  const rows: string[][] = [];
  for (const dimension of [128, 768]) {
    const place = scratch.file(`first-${dimension}`);
    {
      using databases = new PersistentDatabasePersistence(place);
      databases.createDatabase('db', { dimension });
      for (let n = 0; n < 10; n++) databases.batchStore('db', idsFrom(n * STEP, STEP), randomVectors(STEP, dimension));
    }
    const query = randomVectors(1, dimension, 7);
    const first = async (call: (databases: DatabasePersistence) => unknown): Promise<number> => {
      const databases = new PersistentDatabasePersistence(place);
      const began = performance.now();
      await call(databases);
      const spent = performance.now() - began;
      databases.close();
      return spent;
    };
    const times: number[][] = [[], []];
    for (let round = 0; round < 21; round++) {
      times[0]?.push(await first((databases) => databases.retrieveVector('db', 99_999)));
      times[1]?.push(await first(async (databases) => databases.search('db', query)));
    }
    rows.push([`100,000 × ${dimension}`, ...times.map((some) => `**${shown(median(some))} ms**`)]);
  }
  table('First access to a database that is not open, median of 21', ['', 'retrieveVector', 'search'], rows);
}

/** 80 % of the accesses go to 20 % of the databases, and as many may be open. */
async function accesses(scratch: Scratch): Promise<void> {
  const dimension = 128;
  const count = 100;
  const rows: string[][] = [];
  for (const [what, writes, limit] of [
    ['reads', 0, 20],
    ['reads and 10 % writes', 10, 20],
    ['reads, all open', 0, 100],
  ] as const) {
    using databases = new PersistentDatabasePersistence(scratch.file(`accesses-${what}`), { maxOpenFiles: limit });
    for (let i = 0; i < count; i++) {
      databases.createDatabase(`db${i}`, { dimension });
      databases.batchStore(`db${i}`, idsFrom(0, 1000), randomVectors(1000, dimension));
    }
    await databases.flush();
    const before = await databases.getStorageStats();
    let state = 42;
    const random = (below: number): number => (state = (state * 48271) % 2147483647) % below;
    const vector = randomVectors(1, dimension);
    const ms = milliseconds(() => {
      for (let n = 0; n < 10_000; n++) {
        const name = `db${random(10) < 8 ? random(count / 5) : count / 5 + random((count * 4) / 5)}`;
        if (random(100) < writes) databases.storeVector(name, random(1000), vector);
        else if (databases.retrieveVector(name, random(1000)) === undefined) throw new Error(`${name} lacks a vector`);
      }
    });
    const after = await databases.getStorageStats();
    const hits = after.lruHits - before.lruHits;
    rows.push([what, String(limit), `**${shown(10_000_000 / ms)}**`, `${((hits / 10_000) * 100).toFixed(1)} %`]);
  }
  table(
    '10,000 accesses, 80:20, over 100 databases of 1,000 × 128',
    ['', 'may be open', 'accesses a second', 'found open'],
    rows,
  );
}

/** The same calls on files and on memory. */
async function filesAndMemory(scratch: Scratch): Promise<void> {
  const dimension = 512;
  const count = 20_000;
  const vectors = randomVectors(count, dimension);
  const rows = Array.from({ length: count }, (_, i) => vectors.subarray(i * dimension, (i + 1) * dimension));
  const query = randomVectors(1, dimension, 7);
  const out = new Float32Array(dimension);
  const work: Record<string, (databases: DatabasePersistence) => unknown> = {
    batch: (databases) => {
      for (let n = 0; n < count; n += 1000) {
        databases.batchStore('db', idsFrom(n, 1000), vectors.subarray(n * dimension, (n + 1000) * dimension));
      }
    },
    store: (databases) => {
      for (let i = 0; i < count; i++) databases.storeVector('db', count + i, rows[i] ?? out);
    },
    retrieve: (databases) => {
      for (let i = 0; i < count; i++) databases.retrieveVector('db', (i * 48271) % count);
    },
    read: (databases) => {
      for (let i = 0; i < count; i++) databases.readVector('db', (i * 48271) % count, out);
    },
    search: async (databases) => {
      for (let i = 0; i < 20; i++) await databases.search('db', query);
    },
  };
  const spent = new Map<string, number[]>();
  for (let round = 0; round < 9; round++) {
    const kinds: [string, DatabasePersistence][] = [
      ['files', new PersistentDatabasePersistence(scratch.file(`twins-${round}`))],
      ['memory', new InMemoryDatabasePersistence()],
    ];
    for (const [, databases] of kinds) databases.createDatabase('db', { dimension, initialCapacity: 2 * count });
    for (const [name, call] of Object.entries(work)) {
      for (const [kind, databases] of round % 2 === 0 ? kinds : [...kinds].reverse()) {
        const began = performance.now();
        await call(databases);
        const key = `${name} ${kind}`;
        if (round > 0) spent.set(key, [...(spent.get(key) ?? []), performance.now() - began]);
      }
    }
    for (const [, databases] of kinds) {
      databases.deleteDatabase('db');
      databases.close();
    }
  }
  const calls: Record<string, number> = { batch: count, store: count, retrieve: count, read: count, search: 20 };
  table(
    `In files and in memory, ${count.toLocaleString('en')} × ${dimension}`,
    ['a second', 'in files', 'in memory', 'files ÷ memory'],
    Object.entries(calls).map(([name, n]) => {
      const [files, memory] = ['files', 'memory'].map((kind) => median(spent.get(`${name} ${kind}`) ?? []));
      const rate = (ms = NaN): string => shown((n / ms) * 1000);
      return [name, rate(files), rate(memory), `**${(((memory ?? NaN) / (files ?? NaN)) * 100).toFixed(0)} %**`];
    }),
  );
}

/** Names and figures of many databases, none of them open. */
async function listing(scratch: Scratch): Promise<void> {
  using databases = new PersistentDatabasePersistence(scratch.file('many'));
  for (let i = 0; i < 10_000; i++) databases.createDatabase(`db${i}`, { dimension: 8, initialCapacity: 1 });
  const ms = await inTurn(9, {
    list: () => databases.listDatabases(),
    stats: async () => databases.getStorageStats(),
  });
  const [list = NaN, stats = NaN] = [ms.get('list'), ms.get('stats')];
  table(
    '10,000 databases, none open',
    ['listDatabases', 'getStorageStats'],
    [[`**${shown(list)} ms**`, `${shown(stats)} ms, the files read off the event loop`]],
  );
}

/** Runs the benches of this file. */
export async function run(): Promise<void> {
  using scratch = new Scratch();
  await oneAndTen(scratch);
  overhead(scratch);
  await firstAccess(scratch);
  await accesses(scratch);
  await filesAndMemory(scratch);
  await listing(scratch);
}
