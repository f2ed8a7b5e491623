/** What importing and exporting commands share: options, progress, the file of invalid records. Threads: no state. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { invalid } from '../arguments.js';
import { system } from '../directories.js';
import { FORMATS, type FormatName } from '../formats/recognise.js';
import type { InvalidRecord } from '../formats/types.js';
import type { RecordOptions, TransferOptions, TransferProgress } from '../transfer/types.js';
import { wholeNumber } from './arguments.js';
import type { Context } from './context.js';
import { InvalidFile } from './invalid-file.js';
import { UsageError } from './output.js';

/** What becomes of invalid records. */
export interface InvalidOptions {
  /** Pass over invalid records. */
  skipInvalid?: boolean;
  /** The file for them. */
  invalidFile?: string;
}

/** The same, as imports take it. */
export type PassingOver = Pick<RecordOptions, 'skipInvalid' | 'onInvalid'>;

/** Options of commands that import. */
export interface ImportingOptions extends InvalidOptions {
  /** The format. */
  format?: FormatName;
  /** Records of a change. */
  batchSize?: number;
  /** Of what has no ids. */
  firstId?: number;
}

/**
 * The option that names a format.
 *
 * @param writes - only formats that can be written
 * @returns the option
 */
export function formatOption(writes: boolean): Option {
  const names = FORMATS.filter(({ write }) => !writes || write !== undefined).map(({ name }) => name);
  return new Option('--format <format>', `default: as the ${writes ? '' : 'content or the '}name says`).choices(names);
}

/**
 * Adds the options of importing.
 *
 * @param command - gets them
 * @returns the same
 */
export function addImportOptions(command: Command): Command {
  command
    .addOption(formatOption(false))
    .option('--batch-size <n>', 'records that make a change', wholeNumber(1, 1_000_000), 1000)
    .option('--first-id <n>', 'id of the first vector in formats without ids', wholeNumber(0), 0);
  return addInvalidOptions(command);
}

/**
 * Adds the options of passing over invalid records.
 *
 * @param command - gets them
 * @returns the same
 */
export function addInvalidOptions(command: Command): Command {
  return command
    .option('--skip-invalid', 'pass over records that cannot be read, and count them')
    .option('--invalid-file <file>', 'write them there, a JSON line each (implies --skip-invalid)');
}

/**
 * The file that is meant: it can be given as an argument or by an option.
 *
 * @param argument - as given
 * @param option - as given
 * @returns the one of them that there is; undefined for none
 * @throws UsageError where there are both
 */
export function oneFile(argument: string | undefined, option: string | undefined): string | undefined {
  if (argument === undefined || option === undefined) return option ?? argument;
  throw new UsageError(`which file, ${argument} or ${option}? give one`);
}

/**
 * Refuses a source that can't be opened, before anything is made or emptied for it. Opening it would take what a pipe
 * has to give.
 *
 * @param source - a file, or - for standard input
 * @param isFile - it may be no directory
 * @throws JvdbError `JVDB_NOT_FOUND`, `JVDB_IO`, `JVDB_INVALID_ARGUMENT`
 */
export function checkSource(source: string, isFile = true): void {
  if (source === '-') return;
  system(`open ${source}`, () => {
    accessSync(source, constants.R_OK);
    if (isFile && statSync(source).isDirectory()) throw invalid(`${source} is a directory; give a file`);
  });
}

/**
 * Progress for people.
 *
 * @param run - of the command
 * @returns signal and onProgress, as imports and exports take them
 */
export function watched(run: Context): Pick<TransferOptions, 'signal' | 'onProgress'> {
  return {
    signal: run.signal,
    onProgress: ({ doneBytes, totalBytes, records, totalRecords }: TransferProgress) => {
      if (totalRecords > 0) run.output.progress({ done: records, total: totalRecords, unit: 'records' });
      else if (totalBytes > 0) run.output.progress({ done: doneBytes, total: totalBytes, unit: 'bytes' });
      else run.output.progress({ done: records, total: 0, unit: 'records' });
    },
  };
}

/**
 * Does work that meets invalid records, with the options that were given.
 *
 * @param options - as given
 * @param input - what is read
 * @param call - the work
 * @param goesOn - invalid records that were found before stay in their file
 * @returns a promise of what the call's comes to
 */
export async function passingOver<T>(
  options: InvalidOptions,
  input: string,
  call: (options: PassingOver) => Promise<T>,
  goesOn = false,
): Promise<T> {
  const { skipInvalid, invalidFile } = options;
  using file = invalidFile === undefined ? undefined : new InvalidFile(invalidFile, input, goesOn);
  return await call({
    skipInvalid: skipInvalid === true || file !== undefined,
    onInvalid: (record: InvalidRecord, from?: string) => file?.write(record, from),
  });
}

/**
 * Runs an import with the options that were given.
 *
 * @param run - of the command
 * @param options - as given
 * @param input - what is imported
 * @param call - imports
 * @param checkpoint - where an import that was interrupted goes on: invalid records that it found stay in their file
 * @returns a promise of what the call's comes to
 */
export async function importing<T>(
  run: Context,
  options: ImportingOptions,
  input: string,
  call: (options: RecordOptions) => Promise<T>,
  checkpoint?: string,
): Promise<T> {
  checkSource(input);
  const { format, batchSize, firstId } = options;
  const goesOn = checkpoint !== undefined && existsSync(checkpoint);
  const work = async (records: PassingOver): Promise<T> => {
    return call({ format, batchSize, firstId, ...records, ...watched(run) });
  };
  return passingOver(options, input, work, goesOn);
}

/**
 * How much was imported, for people.
 *
 * @param stored - vectors
 * @param invalid - records that were passed over
 * @param durationMs - how long it took
 * @returns a text
 */
export function amountOf(stored: number, invalid: number, durationMs: number): string {
  const rate = durationMs > 0 ? `, ${Math.round((1000 * stored) / durationMs).toLocaleString('en')} a second` : '';
  const wrong = invalid > 0 ? `, ${amount(invalid, 'invalid record')} passed over` : '';
  return `${amount(stored, 'vector')}${wrong}${rate}`;
}

/**
 * A number of things.
 *
 * @param count - how many
 * @param thing - what one is called
 * @returns the text
 */
export function amount(count: number, thing: string): string {
  return `${count.toLocaleString('en')} ${thing}${count === 1 ? '' : 's'}`;
}
