import { invalid } from '../arguments.js';
import { toJvdbError, type JvdbError } from '../errors.js';
import { guard, native } from '../native.js';
import { openOffLoop, openSync, type Opened } from '../store-handle.js';
import { adopt, COMPACT_THROUGH, type MemoryMappedVectorStore } from '../store.js';
import type { StoreOptions, VectorId } from '../types.js';
import { addDatabase, addUnreadable, noFigures, type Backend, type Figures } from './backend.js';
import type { DatabaseFiles } from './database-files.js';
import { checkedNames, noDatabase } from './names.js';
import type { OpenStore } from './open-store.js';
import { OpenStores } from './open-stores.js';
import type { Report } from './report.js';
import { storeOptions } from './schema.js';
import type { DatabaseInfo, DatabaseSchema, PersistenceOptions, StorageStats } from './types.js';

/** Databases in files, of which some are open. Threads: the one that made it. */
export class FileBackend<M extends object, I extends VectorId> implements Backend<M, I> {
  readonly #report: Report;
  readonly #files: DatabaseFiles;
  readonly #stores: OpenStores<M, I>;
  readonly #maxOpenFiles: number;
  readonly #initialCapacity: number;
  readonly #storeOptions: StoreOptions;
  #compacting: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<string>();

  /**
   * Opens nothing yet.
   *
   * @param report - whether it is closed; counts and tells
   * @param files - where the files are
   * @param options - checked ones
   */
  constructor(
    report: Report,
    files: DatabaseFiles,
    options: Pick<PersistenceOptions, 'durability' | 'autoCompact'> & { maxOpenFiles: number; initialCapacity: number },
  ) {
    this.#report = report;
    this.#files = files;
    this.#maxOpenFiles = options.maxOpenFiles;
    this.#initialCapacity = options.initialCapacity;
    this.#storeOptions = { durability: options.durability, autoCompact: options.autoCompact };
    const opener = {
      find: (name: string) => this.#find(name),
      open: (name: string, filePath: string) => this.#open(name, filePath),
      openAsync: async (name: string, filePath: string) => this.#openAsync(name, filePath),
    };
    this.#stores = new OpenStores(options.maxOpenFiles, opener, report);
  }

  #find(name: string): string {
    this.#report.check(name);
    const found = this.#files.find(name);
    if (found === undefined) throw noDatabase(name, this.#files.directory);
    return found;
  }

  #open(name: string, filePath: string): MemoryMappedVectorStore<M, I> {
    try {
      return this.#adopt(name, filePath, openSync(filePath, undefined, this.#storeOptions, false));
    } catch (thrown) {
      throw this.#openingFailure(name, thrown);
    }
  }

  async #openAsync(name: string, filePath: string): Promise<MemoryMappedVectorStore<M, I>> {
    try {
      return this.#adopt(name, filePath, await openOffLoop(filePath, this.#storeOptions, false));
    } catch (thrown) {
      throw this.#openingFailure(name, thrown);
    }
  }

  #adopt(name: string, filePath: string, opened: Opened): MemoryMappedVectorStore<M, I> {
    const store = adopt<M, I>(filePath, opened);
    const tell = (error: JvdbError): void => {
      this.#report.notCompacted(name, error);
    };
    store[COMPACT_THROUGH](async () => this.#queueCompaction(name), tell);
    return store;
  }

  // One at a time: each takes the disk, and a thread of Node's pool.
  async #queueCompaction(name: string): Promise<void> {
    if (this.#waiting.has(name)) return;
    this.#waiting.add(name);
    const before = this.#compacting;
    const run = async (): Promise<void> => {
      await before.catch(() => undefined);
      this.#waiting.delete(name);
      await this.#compact(name);
    };
    return (this.#compacting = run());
  }

  async #compact(name: string): Promise<void> {
    for (;;) {
      const open = await this.#stores.takeAsync(name);
      if (open.gone || open.deleted) {
        this.#stores.drop(open);
        continue;
      }
      open.uses++; // it stays open meanwhile
      try {
        this.#report.compacted(name, await open.store.compact());
        return;
      } finally {
        if (--open.uses === 0) this.unused(open);
      }
    }
  }

  // Its file was there a moment ago.
  #openingFailure(name: string, thrown: unknown): JvdbError {
    const error = toJvdbError(thrown);
    return error.code === 'JVDB_NOT_FOUND' ? noDatabase(name, this.#files.directory) : error;
  }

  /** @inheritdoc */
  take(name: string): OpenStore<M, I> {
    return this.#stores.take(name);
  }

  /** @inheritdoc */
  takeAsync(name: string): OpenStore<M, I> | Promise<OpenStore<M, I>> {
    return this.#stores.takeAsync(name);
  }

  /** @inheritdoc */
  drop(open: OpenStore<M, I>): void {
    this.#stores.drop(open);
  }

  /** @inheritdoc */
  unused(open: OpenStore<M, I>): void {
    this.#stores.unused(open);
  }

  /** @inheritdoc */
  create(name: string, schema: DatabaseSchema): boolean {
    const { dimension, options } = storeOptions(schema, this.#initialCapacity);
    if (!this.#stores.withDescriptors(() => this.#files.create(name, dimension, options))) return false;
    this.#stores.forget(name); // its file was removed by somebody else
    return true;
  }

  /** @inheritdoc */
  delete(name: string): boolean {
    // Windows removes no file that is mapped.
    if (process.platform === 'win32') this.#stores.forget(name);
    const removed = this.#stores.withDescriptors(() => this.#files.remove(name));
    this.#stores.forget(name);
    this.#report.forget(name);
    return removed;
  }

  /** @inheritdoc */
  list(): string[] {
    return this.#list().map(([name]) => name);
  }

  #list(): [name: string, filePath: string][] {
    return this.#stores.withDescriptors(() => this.#files.list());
  }

  /** @inheritdoc */
  has(name: string): boolean {
    return this.#files.find(name) !== undefined;
  }

  /** @inheritdoc */
  info(name: string): DatabaseInfo {
    const filePath = this.#find(name);
    const inspected = this.#stores.withDescriptors(() => guard(() => native.inspect(filePath)));
    const [dimension, distanceMetric, idType, codes, allowNonFinite, createdAt, ...counts] = inspected;
    const [vectorCount, deletedCount, fileBytes, allocatedBytes] = counts;
    const store = this.peek(name)?.store;
    return {
      name,
      dimension,
      distanceMetric,
      indexType: 'FLAT',
      idType,
      scanColumn: codes ? 'int8' : 'none',
      allowNonFinite,
      createdAt: new Date(createdAt),
      vectorCount: store?.vectorCount ?? vectorCount,
      deletedCount: store?.stats().deadCount ?? deletedCount,
      fileBytes,
      allocatedBytes,
      isOpen: store !== undefined,
      filePath,
    };
  }

  /** @inheritdoc */
  async warmUp(names: readonly string[]): Promise<void> {
    const all = checkedNames(names);
    for (const name of all) this.#find(name);
    if (all.size > this.#maxOpenFiles) {
      throw invalid(`${all.size} databases can't be open at a time: maxOpenFiles is ${this.#maxOpenFiles}`);
    }
    await Promise.all(Array.from(all, async (name) => this.takeAsync(name)));
  }

  /** @inheritdoc */
  peek(name: string): OpenStore<M, I> | undefined {
    const open = this.#stores.peek(name);
    if (open?.deleted !== true) return open;
    this.#stores.dropAsync(open);
    return undefined;
  }

  /** @inheritdoc */
  openStores(): OpenStore<M, I>[] {
    const all = this.#stores.all();
    for (const open of all) if (open.deleted) this.#stores.dropAsync(open);
    return all.filter(({ gone }) => !gone);
  }

  /** @inheritdoc */
  leaving(): OpenStore<M, I>[] {
    return this.#stores.leaving;
  }

  /** @inheritdoc */
  async figuresOfOthers(): Promise<Figures> {
    const others = this.#list().filter(([name]) => this.peek(name) === undefined);
    const found = await native.inspectAll(others.map(([, filePath]) => filePath));
    const sum = noFigures();
    found.forEach((one, i) => {
      if (Array.isArray(one)) addDatabase(sum, one[6], one[7], one[9]);
      else addUnreadable(sum, others[i]?.[0] ?? '', one);
    });
    return sum;
  }

  /** @inheritdoc */
  files(): Pick<StorageStats, 'openFiles' | 'maxOpenFiles'> {
    return { openFiles: this.#stores.files, maxOpenFiles: this.#maxOpenFiles };
  }

  /** @inheritdoc */
  dropAsync(open: OpenStore<M, I>): void {
    this.#stores.dropAsync(open);
  }

  /** @inheritdoc */
  async closings(): Promise<void> {
    return this.#stores.closings();
  }

  /** @inheritdoc */
  finishClosings(): JvdbError[] {
    return this.#stores.finishClosings();
  }

  /** @inheritdoc */
  end(): OpenStore<M, I>[] {
    return this.#stores.end();
  }

  /** @inheritdoc */
  endAsync(): void {
    this.#stores.endAsync();
  }
}
