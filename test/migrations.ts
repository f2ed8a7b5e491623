/** What the tests of migrations share: databases of the old server, and what is in new ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MemoryMappedVectorStore, migrate, type MigratedDatabase, type MigrateOptions } from '../lib/index.js';
import type { Directory } from './support.js';
import { oldFile, type OldEntry } from './unit/formats/legacy-files.js';

/** A store of either kind. */
export type Store = MemoryMappedVectorStore<Record<string, unknown>, string>;

/** What comparing finds where nothing differs. */
export const ALL_THE_SAME = { ok: true, missing: 0, different: 0, extra: 0, examples: [] };

/** Makes folders, and databases of the old server's in them. */
export class OldServer {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  /** A new folder. */
  readonly folder = (): string => {
    const made = this.#directory.file().replace(/\.jvdb$/, '');
    mkdirSync(made);
    return made;
  };

  /** A database in a folder: its file. */
  readonly database = (
    entries: OldEntry[] | Buffer,
    sidecars: { metadata?: unknown; vectors?: unknown } = {},
    at = this.folder(),
  ): string => {
    mkdirSync(at, { recursive: true });
    const file = path.join(at, 'vectors.jvdb');
    writeFileSync(file, Buffer.isBuffer(entries) ? entries : oldFile(entries, { capacity: 64 }));
    const write = (name: string, value: unknown): void => {
      if (value !== undefined) writeFileSync(path.join(at, name), JSON.stringify(value));
    };
    write('metadata.json', sidecars.metadata);
    write('vector_metadata.json', sidecars.vectors);
    return file;
  };
}

/** Migrates one database; it must not be left out. */
export async function one(from: string, to: string, options: MigrateOptions = {}): Promise<MigratedDatabase> {
  const { databases, failed } = await migrate(from, to, options);
  expect(failed).toEqual([]);
  expect(databases).toHaveLength(1);
  return databases[0]!;
}

/** Opens a store to be read. */
export const opened = (file: string): Store => MemoryMappedVectorStore.open(file, { readOnly: true });

/** Ids with their values. */
export function rows(file: string): Record<string, number[]> {
  using store = opened(file);
  return Object.fromEntries([...store.ids()].map((id) => [id, [...store.retrieveVector(id)!.vector]]));
}
