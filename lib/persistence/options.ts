/** Checks the options of a persistence. */
import { between, checkKeys, integer, invalid, shown } from '../arguments.js';
import { policyOf } from '../auto-compaction.js';
import type { PersistenceOptions } from './types.js';

const OPTIONS = [
  'maxOpenFiles',
  'flushIntervalSeconds',
  'layout',
  'initialCapacity',
  'durability',
  'autoCompact',
] as const satisfies readonly (keyof PersistenceOptions)[];

function oneOf<T extends string>(names: readonly T[], value: T | undefined, option: string): T | undefined {
  if (value === undefined || names.includes(value)) return value;
  throw invalid(`${option} must be ${names.map(shown).join(' or ')}, not ${shown(value)}`);
}

/**
 * The room of new databases.
 *
 * @param options - as given by the caller
 * @returns it, in vectors
 */
export function capacity(options: Pick<PersistenceOptions, 'initialCapacity'>): number {
  return integer(options.initialCapacity ?? 1000, 1, 2 ** 31 - 1, 'initialCapacity');
}

/**
 * Options of files.
 *
 * @param options - as given by the caller
 * @returns them with their defaults
 */
export function checkedOptions(options: PersistenceOptions): Required<{
  [K in keyof PersistenceOptions]: NonNullable<PersistenceOptions[K]>;
}> {
  checkKeys(options, OPTIONS, 'persistence options');
  return {
    maxOpenFiles: integer(options.maxOpenFiles ?? 100, 5, 1000, 'maxOpenFiles'),
    flushIntervalSeconds: between(options.flushIntervalSeconds ?? 300, 0, 3600, 'flushIntervalSeconds'),
    layout: oneOf(['flat', 'folder'], options.layout, 'layout') ?? 'flat',
    initialCapacity: capacity(options),
    durability: oneOf(['periodic', 'commit'], options.durability, 'durability') ?? 'periodic',
    autoCompact: policyOf(options.autoCompact) ?? false,
  };
}
