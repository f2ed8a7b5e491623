/** What the commands about single vectors share. Threads: no state. */
import { Option, type Command } from 'commander';
import { JvdbError } from '../errors.js';
import { openSource } from '../formats/source.js';
import type { PersistentDatabasePersistence } from '../persistence/persistent.js';
import type { VectorId } from '../types.js';
import { vectorOf } from './arguments.js';
import type { Context } from './context.js';

/** A vector as given on the command line. */
export interface VectorOptions {
  /** Its values. */
  vector?: string;
  /** The file that has them. */
  file?: string;
}

/**
 * Adds the options that give a vector, of which one may be given.
 *
 * @param command - gets them
 * @returns the same
 */
export function addVectorOptions(command: Command): Command {
  return command
    .addOption(new Option('--vector <values>', "the vector, such as '[0.1, 0.2]'").conflicts('file'))
    .option('--file <file>', 'a file that has the vector, - for standard input');
}

/**
 * The vector that is given.
 *
 * @param options - as given
 * @param signal - ends waiting for standard input
 * @returns a promise of its values, undefined where none is given
 * @throws UsageError where it is no vector, JvdbError where the file can't be read
 */
export async function givenVector(options: VectorOptions, signal: AbortSignal): Promise<number[] | undefined> {
  const { vector, file } = options;
  if (vector !== undefined) return vectorOf(vector);
  return file === undefined ? undefined : vectorOf(await contentOf(file, signal));
}

async function contentOf(file: string, signal: AbortSignal): Promise<string> {
  await using source = await openSource(file, signal);
  const pieces: Buffer[] = [];
  for await (const piece of source.bytes()) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/**
 * Changes databases. They are flushed and closed when it returns: what is told then is on the disk.
 *
 * @param run - of the command
 * @param call - changes them
 * @returns what the call returns
 */
export function change<T>(run: Context, call: (databases: PersistentDatabasePersistence) => T): T {
  using databases = run.databases();
  return call(databases);
}

/**
 * Ids in a sentence.
 *
 * @param ids - at least one
 * @returns them, texts in quotes
 */
export function idsText(ids: readonly VectorId[]): string {
  return ids.map((id) => (typeof id === 'string' ? JSON.stringify(id) : String(id))).join(', ');
}

/**
 * The error of vectors that aren't there.
 *
 * @param name - of the database
 * @param ids - that it doesn't have
 * @returns it
 */
export function noVectors(name: string, ids: readonly VectorId[]): JvdbError {
  return new JvdbError('JVDB_NOT_FOUND', `${name} has no vector${ids.length === 1 ? '' : 's'} ${idsText(ids)}`);
}
