/**
 * One format's import and export, in a process of its own: node … transfer-format.ts NAME DIRECTORY prints the figures
 * as JSON. The package as it is built: tsx gives each closure its name when it is made, which users' programs don't.
 */
import { spawn } from 'node:child_process';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { exportVectors, importVectors, MemoryMappedVectorStore } from '../dist/index.js';
import { peakMemory } from '../test/memory.js';
import { inTurn } from './measure.js';
import { FORMATS, type BenchFormat, type Words } from './transfer-bare.js';

const ROOT = path.join(__dirname, '..');

/** Milliseconds by who did it, and bytes. */
export interface Figures {
  size: number;
  imports: Record<'ours' | 'bare' | 'bulk', number>;
  memory: number;
  exports: Record<'ours' | 'bare', number>;
}

/** What run of transfer.ts left, as far as the format needs it: the heap is to be no larger than its own user's. */
function loadWords(directory: string, keepsIds: boolean): Words {
  const { buffer, byteOffset, byteLength } = readFileSync(path.join(directory, 'vectors'));
  const vectors = new Float32Array(buffer, byteOffset, byteLength / 4);
  const { dimension, ids } = JSON.parse(readFileSync(path.join(directory, 'words'), 'utf8')) as Words;
  const count = ids.length;
  if (!keepsIds) return { dimension, count, ids: [], vectors, metadata: [] };
  return { dimension, count, ids, vectors, metadata: ids.map((_, i) => `{"rank":${i + 1}}`) };
}

/** One format, the words, and the files in between. */
class Measured {
  readonly #format: BenchFormat;
  readonly #directory: string;
  readonly #words: Words;
  // Garbage of one call is not to be collected in the next one's time.
  readonly #collect = runInNewContext('gc') as () => void;

  constructor(format: BenchFormat, directory: string) {
    this.#format = format;
    this.#directory = directory;
    this.#words = loadWords(directory, format.keepsIds);
  }

  /** What is exported, and imported again. */
  get #made(): string {
    return this.#file(`words.${this.#format.name}`);
  }

  #file(name: string): string {
    return path.join(this.#directory, name);
  }

  #newStore(): MemoryMappedVectorStore {
    rmSync(this.#file('store.jvdb'), { force: true });
    const idType = this.#format.keepsIds ? 'string' : 'int64';
    return new MemoryMappedVectorStore(this.#file('store.jvdb'), this.#words.dimension, { idType });
  }

  /** Fills a store from memory: what an import can be at most. */
  #bulk(): void {
    const { count, ids, vectors, metadata } = this.#words;
    const store = this.#newStore();
    if (this.#format.keepsIds) store.batchStore(ids, vectors, metadata);
    else {
      store.batchStore(
        Float64Array.from({ length: count }, (_, i) => i),
        vectors,
      );
    }
    store.flushSync();
    store.close();
  }

  /** Exports what the bulk left; the file stays. */
  async exports(): Promise<Figures['exports']> {
    const { bare, rounds } = this.#format;
    const [file, other] = [this.#made, this.#file('bare')];
    this.#bulk();
    const store = MemoryMappedVectorStore.open(this.#file('store.jvdb'));
    await exportVectors(store, file);
    const made = readFileSync(file);
    const times = await inTurn(
      rounds,
      {
        bare: async () => {
          rmSync(other, { force: true });
          const handle = openSync(other, 'w');
          await bare.write(handle, this.#words, made);
          fsyncSync(handle);
          closeSync(handle);
        },
        ours: () => {
          rmSync(file);
          return exportVectors(store, file);
        },
      },
      this.#collect,
    );
    store.close();
    rmSync(other);
    return { ours: times.get('ours') ?? NaN, bare: times.get('bare') ?? NaN };
  }

  /** Imports the file that was exported. */
  async imports(): Promise<Figures['imports']> {
    const { bare, rounds } = this.#format;
    const file = this.#made;
    const { count } = this.#words;
    const all = (found: number): void => {
      if (found !== count) throw new Error(`${file}: ${found} vectors of ${count}`);
    };
    const times = await inTurn(
      rounds,
      {
        bulk: () => {
          this.#bulk();
        },
        bare: async () => {
          all(await bare.read(file, this.#words));
        },
        ours: async () => {
          const store = this.#newStore();
          all((await importVectors(store, file)).stored);
          store.close();
        },
      },
      this.#collect,
    );
    return { ours: times.get('ours') ?? NaN, bare: times.get('bare') ?? NaN, bulk: times.get('bulk') ?? NaN };
  }

  /** Of a process that does nothing else. */
  async memory(): Promise<number> {
    this.#newStore().close();
    const script = `
      const [, source, file, root] = process.argv;
      const { importVectors, MemoryMappedVectorStore } = require(root);
      void importVectors(MemoryMappedVectorStore.open(file), source);`;
    const args = ['-e', script, this.#made, this.#file('store.jvdb'), ROOT];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const peak = await peakMemory(child);
    if (child.exitCode !== 0) throw new Error(`importing ${this.#format.name} ended with ${child.exitCode}`);
    return peak;
  }

  get size(): number {
    return statSync(this.#made).size;
  }
}

async function main(name: string, directory: string): Promise<void> {
  setFlagsFromString('--expose-gc');
  const format = FORMATS.find((one) => one.name === name);
  if (format === undefined) throw new Error(`there is no ${name}`);
  const measured = new Measured(format, directory);
  const exports = await measured.exports();
  const imports = await measured.imports();
  const figures: Figures = { size: measured.size, imports, memory: await measured.memory(), exports };
  console.log(JSON.stringify(figures));
}

const [, , name, directory] = process.argv;
void main(name ?? '', directory ?? '');
