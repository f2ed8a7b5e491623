/**
 * Packages that only some formats need, and not every installation has: webpackIgnore, which others heed too, keeps
 * bundlers from failing where one is missing. Threads: no state.
 */
import { codeOf } from '../directories.js';
import { describe, JvdbError } from '../errors.js';

/**
 * What to do where a package can't be loaded: `import('name').catch(lacking('name', 'parquet'))`.
 *
 * @param name - of the package
 * @param format - what it is for
 * @returns a function that takes what was thrown, and throws
 */
export function lacking(name: string, format: string): (thrown: unknown) => never {
  return (thrown) => {
    const isMissing = /^(ERR_)?MODULE_NOT_FOUND$/.test(codeOf(thrown));
    const problem = isMissing ? 'is not installed' : `cannot be loaded (${describe(thrown)})`;
    const message = `the format ${format} takes the package ${name}, which ${problem}: npm install ${name}`;
    throw new JvdbError('JVDB_INVALID_ARGUMENT', message, { cause: thrown });
  };
}
