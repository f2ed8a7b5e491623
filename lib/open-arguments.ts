/** Checks how a store is to be opened or created, and makes it what the addon takes. */
import path from 'node:path';
import { checkKeys, flag, integer, invalid, position, shown } from './arguments.js';
import { JvdbError } from './errors.js';
import type { OpenArguments } from './native.js';
import type { StoreOptions } from './types.js';

/** The names of all metrics. */
export const METRICS = ['cosine', 'dot', 'euclidean'] as const;
/** All types of ids. */
export const ID_TYPES = ['int64', 'string'] as const;
const ACCESS = ['normal', 'random', 'sequential'] as const;
const DURABILITY = ['periodic', 'commit'] as const;
/** What may be kept for searches. */
export const SCAN_COLUMNS = ['int8', 'none'] as const;

const MAX_DIMENSION = 65536;
const MAX_CAPACITY = 2 ** 31 - 1;

const STORE_OPTIONS = [
  'initialCapacity',
  'metric',
  'idType',
  'readOnly',
  'durability',
  'scanColumn',
  'access',
  'allowNonFinite',
  'flushOnExit',
  'autoCompact',
] as const satisfies readonly (keyof StoreOptions)[];

/**
 * A path that stays the same, wherever the process is later. Nothing else is made of it: a slash at the end or a
 * link before `..` has a meaning.
 *
 * @param filePath - any path
 * @returns an absolute one
 */
export function absolute(filePath: string): string {
  if (process.platform === 'win32') return path.resolve(filePath) + (/[^:][\\/]$/.test(filePath) ? '\\' : '');
  return path.isAbsolute(filePath) ? filePath : `${currentDirectory()}/${filePath}`;
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new JvdbError('JVDB_NOT_FOUND', 'the current directory was removed; give an absolute path', { cause });
  }
}

/**
 * Arguments of open().
 *
 * @param filePath - the database's file
 * @param dimension - of its vectors; undefined: the file must exist
 * @param options - as given by the caller
 * @param followLinks - whether the file may be a symbolic link
 * @returns what the addon takes
 */
export function openArguments(
  filePath: string,
  dimension: number | undefined,
  options: StoreOptions,
  followLinks = true,
): OpenArguments {
  if (typeof filePath !== 'string' || filePath === '') {
    throw invalid(`the path of the file must be a non-empty string, not ${shown(filePath)}`);
  }
  checkKeys(options, STORE_OPTIONS, 'store options');
  const scanColumn = position(SCAN_COLUMNS, options.scanColumn, 'scanColumn');
  return [
    absolute(filePath),
    dimension !== undefined,
    flag(options.readOnly, 'readOnly') ?? false,
    dimension === undefined ? undefined : integer(dimension, 1, MAX_DIMENSION, 'the dimension'),
    position(METRICS, options.metric, 'metric'),
    position(ID_TYPES, options.idType, 'idType'),
    scanColumn === undefined ? undefined : scanColumn === SCAN_COLUMNS.indexOf('int8'),
    flag(options.allowNonFinite, 'allowNonFinite'),
    integer(options.initialCapacity ?? 1000, 1, MAX_CAPACITY, 'initialCapacity'),
    position(ACCESS, options.access, 'access') ?? 0,
    flag(options.flushOnExit, 'flushOnExit') ?? true,
    position(DURABILITY, options.durability, 'durability') === DURABILITY.indexOf('commit'),
    followLinks,
  ];
}
