/** Inserts that are durable one by one, beside the bare program, better-sqlite3 and lmdb. */
import { rmSync } from 'node:fs';
import { MemoryMappedVectorStore } from '../lib/index.js';
import { bare, median, peer, randomVectors, Scratch, shown, table } from './measure.js';

const COUNT = 400;
const ROUNDS = 7;

/** Microseconds of each call, the middle one. */
function each(call: (i: number) => void): number {
  const spent: number[] = [];
  for (let i = 0; i < COUNT; i++) {
    const began = performance.now();
    call(i);
    spent.push((performance.now() - began) * 1000);
  }
  return median(spent);
}

type Inserts = (scratch: Scratch, rows: readonly Float32Array[]) => Promise<number>;

const jvdb: Inserts = (scratch, rows) => {
  const options = { durability: 'commit', initialCapacity: COUNT + 1 } as const;
  using store = new MemoryMappedVectorStore(scratch.file('durable.jvdb'), rows[0]?.length ?? 0, options);
  store.storeVector(COUNT, rows[0] ?? []); // begins the epoch
  const spent = each((i) => store.storeVector(i, rows[i] ?? []));
  store.close();
  rmSync(store.filePath);
  return Promise.resolve(spent);
};

type Sqlite = new (file: string) => {
  pragma(text: string): unknown;
  prepare(sql: string): { run(...values: unknown[]): void };
  exec(sql: string): void;
  close(): void;
};

function sqlite(Database: Sqlite): Inserts {
  return (scratch, rows) => {
    const db = new Database(scratch.file('durable.db'));
    db.pragma('journal_mode = wal');
    db.pragma('synchronous = full');
    db.exec('drop table if exists v; create table v (id integer primary key, vector blob)');
    const insert = db.prepare('insert into v values (?, ?)');
    const spent = each((i) => {
      insert.run(i, Buffer.from(rows[i]?.buffer ?? new ArrayBuffer(0)));
    });
    db.close();
    for (const end of ['', '-wal', '-shm']) rmSync(scratch.file(`durable.db${end}`), { force: true });
    return Promise.resolve(spent);
  };
}

interface Lmdb {
  open(options: object): { putSync(key: number, value: Uint8Array): void; close(): Promise<void> };
}

function lmdb(module: Lmdb): Inserts {
  return async (scratch, rows) => {
    const path = scratch.file('durable-lmdb');
    // With overlapping syncs a put returns before it is durable.
    const db = module.open({ path, encoding: 'binary', compression: false, overlappingSync: false });
    const spent = each((i) => {
      db.putSync(i, new Uint8Array(rows[i]?.buffer ?? new ArrayBuffer(0)));
    });
    await db.close();
    rmSync(path, { recursive: true, force: true });
    return spent;
  };
}

/** Runs the benches of this file. */
export async function run(): Promise<void> {
  using scratch = new Scratch();
  const Database = peer('better-sqlite3') as Sqlite | undefined;
  const other = peer('lmdb') as Lmdb | undefined;
  const rows: string[][] = [];
  for (const dimension of [128, 768, 1536]) {
    const matrix = randomVectors(COUNT, dimension);
    const vectors = Array.from({ length: COUNT }, (_, i) => matrix.slice(i * dimension, (i + 1) * dimension));
    const contenders: (Inserts | undefined)[] = [jvdb, Database && sqlite(Database), other && lmdb(other)];
    const spent: number[][] = [[], [], []];
    const limits: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      limits.push(...bare('durable', scratch.file('bare'), COUNT, dimension, 0).map((ns) => ns / 1000));
      for (const [i, inserts] of contenders.entries()) {
        if (inserts !== undefined) spent[i]?.push(await inserts(scratch, vectors));
      }
    }
    const [ours, ...peers] = spent.map((times) => median(times));
    const beside = (time: number): string[] => [`${shown(time)} µs`, `**${shown((ours ?? NaN) / time)}**`];
    rows.push([String(dimension), `${shown(ours ?? NaN)} µs`, ...[median(limits), ...peers].flatMap(beside)]);
  }
  table(
    `One durable insert: the middle one of ${COUNT}, median of ${ROUNDS} rounds`,
    ['dimension', 'jvdb', 'the same writes and fdatasync', 'ratio', 'better-sqlite3, FULL', 'ratio', 'lmdb', 'ratio'],
    rows,
  );
}
