/** A JSON value in a file, replaced as a whole. Threads: one at a time for each file. */
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, syncDirectory, systemAsync } from '../directories.js';

/** Keeps a value across the ends of processes. */
export class KeptFile {
  /** Where it is. */
  readonly path: string;

  /**
   * @param file - its path
   */
  constructor(file: string) {
    this.path = file;
  }

  /**
   * Reads it.
   *
   * @returns a promise of the value, {} for what is no JSON object; undefined where there is no such file
   * @throws JvdbError `JVDB_IO` where it can't be read
   */
  async load(): Promise<Record<string, unknown> | undefined> {
    const text = await systemAsync(`read ${this.path}`, async () => {
      try {
        return await readFile(this.path, 'utf8');
      } catch (thrown) {
        if (codeOf(thrown) === 'ENOENT') return undefined;
        throw thrown;
      }
    });
    return text === undefined ? undefined : parsed(text);
  }

  /**
   * Writes it; on the disk when the promise is fulfilled.
   *
   * @param value - as JSON
   * @throws JvdbError `JVDB_IO`, `JVDB_NO_SPACE`; the file is as it was then
   */
  async save(value: object): Promise<void> {
    const temporary = `${this.path}.tmp-${randomUUID()}`;
    await systemAsync(`write ${this.path}`, async () => {
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(JSON.stringify(value));
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, this.path);
        syncDirectory(path.dirname(this.path));
      } catch (thrown) {
        await rm(temporary, { force: true });
        throw thrown;
      }
    });
  }

  /** Removes it, if it is there. */
  async remove(): Promise<void> {
    await systemAsync(`remove ${this.path}`, () => rm(this.path, { force: true }));
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
