/**
 * Migrations of random histories in passes: changes, flushes, compactions, files that are put back, power loss.
 * JVDB_HISTORIES sets how many, JVDB_SEED where they begin.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { MemoryMappedVectorStore, migrate } from '../../lib/index.js';
import { Directory } from '../support.js';

const HISTORIES = Number(process.env['JVDB_HISTORIES'] ?? 15);
const SEED = Number(process.env['JVDB_SEED'] ?? 1);
const STEPS = 60;
const directory = new Directory();

type Id = number | string;
type Model = Map<Id, { value: number; metadata: object | undefined }>;
type Store = MemoryMappedVectorStore<object, Id>;

/** Numbers below n, always the same for a seed. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** A database with what it must have, and a migration of it that goes on. */
class History {
  readonly #below: (n: number) => number;
  readonly #from = directory.file();
  readonly #to = directory.file();
  readonly #isText: boolean;
  readonly told: string[] = [];
  #model: Model = new Map();
  #safe: [Buffer, Model];
  #kept: [Buffer, Model][] = [];
  #value = 0;
  #store: Store;

  constructor(seed: number) {
    this.#below = numbers(seed);
    this.#isText = this.#below(2) === 0;
    const idType = this.#isText ? 'string' : 'int64';
    this.#store = new MemoryMappedVectorStore(this.#from, 1, { idType, initialCapacity: 8, autoCompact: false });
    this.#store.flushSync();
    this.#safe = this.#snapshot();
  }

  #snapshot(): [Buffer, Model] {
    return [readFileSync(this.#from), new Map(this.#model)];
  }

  #putBack([bytes, model]: [Buffer, Model]): void {
    this.#store.close();
    writeFileSync(this.#from, bytes);
    this.#model = new Map(model);
    this.#store = MemoryMappedVectorStore.open(this.#from);
  }

  #id(): Id {
    const id = this.#below(30);
    return this.#isText ? `the ${id}th` : id;
  }

  #put(): void {
    const [id, value] = [this.#id(), ++this.#value];
    const metadata = this.#below(2) === 0 ? { value } : undefined;
    this.#store.storeVector(id, [value], metadata);
    this.#model.set(id, { value, metadata });
  }

  #putSome(): void {
    const ids = [...new Set(Array.from({ length: 1 + this.#below(20) }, () => this.#id()))];
    const values = ids.map(() => ++this.#value);
    this.#store.batchStore(ids, Float32Array.from(values));
    for (const [i, id] of ids.entries()) this.#model.set(id, { value: values[i]!, metadata: undefined });
  }

  #deleteSome(): void {
    const ids = [...new Set([this.#id(), this.#id()])];
    this.#store.batchDelete(ids);
    for (const id of ids) this.#model.delete(id);
  }

  #updateMetadata(): void {
    const id = this.#id();
    const record = this.#model.get(id);
    if (record === undefined) return;
    const metadata = { since: ++this.#value };
    this.#store.updateMetadata(id, metadata);
    this.#model.set(id, { ...record, metadata });
  }

  async step(): Promise<void> {
    const kinds = ['put', 'put', 'put', 'put some', 'delete', 'delete', 'metadata', 'flush', 'flush', 'pass', 'pass'];
    const kind = [...kinds, 'compact', 'keep', 'put back', 'power loss'][this.#below(kinds.length + 4)]!;
    this.told.push(kind);
    if (kind === 'put') this.#put();
    else if (kind === 'put some') this.#putSome();
    else if (kind === 'delete') this.#deleteSome();
    else if (kind === 'metadata') this.#updateMetadata();
    else if (kind === 'pass') await migrate(this.#from, this.#to, { pass: true });
    else if (kind === 'power loss') this.#putBack(this.#safe);
    else if (kind === 'put back' && this.#kept.length > 0) this.#putBack(this.#kept[this.#below(this.#kept.length)]!);
    if (kind === 'flush') await this.#store.flush();
    else if (kind === 'compact') await this.#store.compact();
    if (!['flush', 'compact', 'put back', 'keep'].includes(kind)) return;
    if (kind === 'keep') await this.#store.flush();
    this.#safe = this.#snapshot();
    if (kind === 'keep') this.#kept.push(this.#safe);
  }

  /** The last pass; what it made is as it must be. */
  async end(): Promise<void> {
    this.#store.close();
    const validate = this.#below(2) === 0;
    expect(await migrate(this.#from, this.#to, { validate })).toMatchObject({ ok: true });
    const made = new Map<Id, unknown>();
    {
      using store: Store = MemoryMappedVectorStore.open(this.#to, { readOnly: true });
      for await (const { id, vector, metadata } of store.entries()) made.set(id, { value: vector[0], metadata });
    }
    const sorted = (all: Map<Id, unknown>): unknown => [...all].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(sorted(made)).toEqual(sorted(this.#model));
    for (const file of [this.#from, this.#to]) rmSync(file);
  }
}

test('the new database has what the old one has', async () => {
  for (let seed = SEED; seed < SEED + HISTORIES; seed++) {
    const history = new History(seed);
    try {
      for (let i = 0; i < STEPS; i++) await history.step();
      await history.end();
    } catch (thrown) {
      throw new Error(`JVDB_SEED=${seed}: ${history.told.join(', ')}`, { cause: thrown });
    }
  }
}, 600_000);
