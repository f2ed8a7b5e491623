/** Tables of all databases, in which those that can't be read don't hide the others. Threads: no state. */
import { toJvdbError, type JvdbError } from '../errors.js';
import type { PersistentDatabasePersistence } from '../persistence/persistent.js';
import type { Context } from './context.js';
import { Shown, type Cell } from './output.js';

/**
 * Why something can't be read, in a table or record.
 *
 * @param error - the reason
 * @returns code and message
 */
export function reason(error: JvdbError): Shown {
  const { code, message } = error;
  return new Shown({ code, message }, `${code}: ${message}`);
}

/**
 * Prints a table of all databases; the last column has the error of those that can't be read, if there are any.
 *
 * @param run - of the command
 * @param columns - of the table, besides the name
 * @param read - gives the cells of one database
 */
export async function printAll<K extends string>(
  run: Context,
  columns: readonly K[],
  read: (name: string, databases: PersistentDatabasePersistence) => Promise<Record<K, Cell>> | Record<K, Cell>,
): Promise<void> {
  using databases = run.databases();
  const none = Object.fromEntries(columns.map((column) => [column, undefined]));
  const rows: Record<string, Cell>[] = [];
  const errors: (JvdbError | undefined)[] = [];
  for (const name of databases.listDatabases()) {
    run.signal.throwIfAborted();
    try {
      rows.push({ name, ...(await read(name, databases)) });
      errors.push(undefined);
    } catch (thrown) {
      const error = toJvdbError(thrown);
      if (error.code === 'JVDB_NOT_FOUND') continue; // dropped meanwhile
      rows.push({ name, ...none });
      errors.push(error);
    }
  }
  const isWhole = errors.every((error) => error === undefined);
  const table = isWhole ? rows : rows.map((row, i) => ({ ...row, error: errors[i] && reason(errors[i]) }));
  run.output.table(table, `no databases in ${databases.storagePath}`);
}
