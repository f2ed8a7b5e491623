/** Names of databases. */
import { invalid, shown } from '../arguments.js';
import { JvdbError } from '../errors.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
// Whatever follows the first dot, Windows takes the device.
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * Whether a database may have this name.
 *
 * @param name - anything
 * @returns whether it may
 */
export function isName(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    NAME.test(name) &&
    !name.includes('..') &&
    !/\.(jvdb)?$/i.test(name) &&
    !DEVICE.test(name)
  );
}

/**
 * Refuses what can't be the name of a database.
 *
 * @param name - as given by the caller
 */
export function checkName(name: unknown): asserts name is string {
  if (isName(name)) return;
  throw invalid(
    `a database can't be named ${shown(name)}: a name has 1 to 128 letters, digits, '.', '_' or '-', begins with a ` +
      "letter or digit, has no '..', does not end in '.' or '.jvdb', and is no device of Windows such as con or nul",
  );
}

/**
 * Many names.
 *
 * @param names - as given by the caller
 * @returns each of them once
 */
export function checkedNames(names: readonly string[]): Set<string> {
  if (!Array.isArray(names)) throw invalid(`names must be an array, not ${shown(names)}`);
  const all = new Set<unknown>(names);
  for (const name of all) checkName(name);
  return all as Set<string>;
}

/**
 * The error of a database that isn't there.
 *
 * @param name - its name
 * @param where - where it was looked for
 * @returns it
 */
export function noDatabase(name: string, where: string): JvdbError {
  return new JvdbError(
    'JVDB_NOT_FOUND',
    `there is no database ${shown(name)} in ${where}; create it first, by createDatabase(name, { dimension }) or jvdb create`,
  );
}
