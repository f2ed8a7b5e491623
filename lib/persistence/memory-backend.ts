import type { JvdbError } from '../errors.js';
import { guard, native } from '../native.js';
import { openArguments } from '../open-arguments.js';
import { Opened } from '../store-handle.js';
import { policyOf } from '../auto-compaction.js';
import { adopt } from '../store.js';
import type { VectorId } from '../types.js';
import { noFigures, type Backend, type Figures } from './backend.js';
import { checkedNames, noDatabase } from './names.js';
import { OpenStore } from './open-store.js';
import type { Report } from './report.js';
import { storeOptions } from './schema.js';
import type { DatabaseInfo, DatabaseSchema, StorageStats } from './types.js';

interface Entry<M extends object, I extends VectorId> {
  open: OpenStore<M, I>;
  schema: DatabaseSchema;
  createdAt: Date;
}

/** Databases in memory: all are open for as long as they exist. Threads: the one that made it. */
export class MemoryBackend<M extends object, I extends VectorId> implements Backend<M, I> {
  readonly #report: Report;
  readonly #initialCapacity: number;
  readonly #databases = new Map<string, Entry<M, I>>();
  readonly #leaving = new Set<OpenStore<M, I>>(); // deleted, but in use
  #closing: Promise<void>[] = [];

  /**
   * Holds no database yet.
   *
   * @param report - whether it is closed
   * @param initialCapacity - of new databases
   */
  constructor(report: Report, initialCapacity: number) {
    this.#report = report;
    this.#initialCapacity = initialCapacity;
  }

  /** @inheritdoc */
  create(name: string, schema: DatabaseSchema): boolean {
    const { dimension, options } = storeOptions(schema, this.#initialCapacity);
    const place = `database ${name} in memory`;
    const args = openArguments('/', dimension, options);
    if (this.#databases.has(name)) return false;
    args[0] = place;
    const opened = new Opened(
      guard(() => native.openMemory(...args)),
      false,
      policyOf(undefined),
    );
    const open = new OpenStore(name, adopt<M, I>(place, opened));
    this.#databases.set(name, { open, schema: { ...schema }, createdAt: new Date() });
    return true;
  }

  /** @inheritdoc */
  delete(name: string): boolean {
    const entry = this.#databases.get(name);
    if (entry === undefined) return false;
    this.#databases.delete(name);
    entry.open.gone = true;
    this.#leaving.add(entry.open);
    this.unused(entry.open);
    return true;
  }

  /** @inheritdoc */
  list(): string[] {
    return [...this.#databases.keys()].sort();
  }

  /** @inheritdoc */
  has(name: string): boolean {
    return this.#databases.has(name);
  }

  /** @inheritdoc */
  info(name: string): DatabaseInfo {
    const { open, schema, createdAt } = this.#entry(name);
    const { vectorCount, deadCount, fileBytes, allocatedBytes } = open.store.stats();
    return {
      name,
      dimension: open.store.dimension,
      distanceMetric: open.store.metric,
      indexType: 'FLAT',
      idType: open.store.idType,
      scanColumn: schema.scanColumn ?? 'int8',
      allowNonFinite: schema.allowNonFinite ?? false,
      createdAt,
      vectorCount,
      deletedCount: deadCount,
      fileBytes,
      allocatedBytes,
      isOpen: true,
      filePath: undefined,
    };
  }

  /** @inheritdoc */
  async warmUp(names: readonly string[]): Promise<void> {
    for (const name of checkedNames(names)) this.#entry(name);
    return Promise.resolve();
  }

  #entry(name: string): Entry<M, I> {
    const entry = this.#databases.get(name);
    if (entry !== undefined) return entry;
    this.#report.check(name);
    throw noDatabase(name, this.#report.place);
  }

  /** @inheritdoc */
  take(name: string): OpenStore<M, I> {
    return this.#entry(name).open;
  }

  /** @inheritdoc */
  takeAsync(name: string): OpenStore<M, I> {
    return this.take(name);
  }

  /** @inheritdoc */
  unused(open: OpenStore<M, I>): void {
    if (open.uses === 0 && this.#leaving.delete(open)) open.store.close();
  }

  // Nobody else can delete one: it was taken out already.
  /** @inheritdoc */
  drop(): void {
    return;
  }

  /** @inheritdoc */
  peek(name: string): OpenStore<M, I> | undefined {
    return this.#databases.get(name)?.open;
  }

  /** @inheritdoc */
  openStores(): OpenStore<M, I>[] {
    return Array.from(this.#databases.values(), ({ open }) => open);
  }

  /** @inheritdoc */
  async figuresOfOthers(): Promise<Figures> {
    return Promise.resolve(noFigures());
  }

  /** @inheritdoc */
  files(): Pick<StorageStats, 'openFiles' | 'maxOpenFiles'> {
    return { openFiles: 0, maxOpenFiles: 0 };
  }

  // It is as open as it ever is.
  /** @inheritdoc */
  dropAsync(): void {
    return;
  }

  /** @inheritdoc */
  async closings(): Promise<void> {
    await Promise.all(this.#closing);
  }

  // What it holds is gone with it: nothing to wait for.
  /** @inheritdoc */
  finishClosings(): JvdbError[] {
    return [];
  }

  /** @inheritdoc */
  leaving(): OpenStore<M, I>[] {
    return [...this.#leaving];
  }

  /** @inheritdoc */
  end(): OpenStore<M, I>[] {
    const all = [...this.openStores(), ...this.#leaving];
    this.#databases.clear();
    this.#leaving.clear();
    return all;
  }

  /** @inheritdoc */
  endAsync(): void {
    this.#closing = this.end().map(async ({ name, store }) => {
      try {
        await store.closeAsync();
      } catch (thrown) {
        this.#report.failed(name, thrown);
      }
    });
  }
}
