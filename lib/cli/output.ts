/**
 * What the command line prints: tables for people or JSON for machines on standard output, progress and errors
 * on standard error. Colours and progress on a terminal only. Threads: one.
 */
import { describe, JvdbError } from '../errors.js';
import { width } from './width.js';

/** Wrong usage: exit status 2. */
export class UsageError extends Error {}

/** What people read in other words than machines: sizes with units, rounded numbers. */
export class Shown {
  /**
   * Two words for the same.
   *
   * @param value - for machines
   * @param text - for people
   */
  constructor(
    readonly value: unknown,
    readonly text: string,
  ) {}

  /**
   * For JSON.stringify.
   *
   * @returns what machines read
   */
  toJSON(): unknown {
    return this.value;
  }
}

/** A value in a table: undefined is an empty cell; people read objects as JSON. */
export type Cell = string | number | bigint | boolean | object | undefined;

/** How far long work has come; totals are 0 where they aren't known. */
export interface Step {
  done: number;
  total: number;
  /** What is counted, such as 'records' or 'bytes'. */
  unit: string;
}

const EVERY_MS = 100;

/** Prints what a command has to say. */
export class Output {
  readonly #json: boolean;
  readonly #colours: boolean;
  readonly #showsProgress: boolean;
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;
  #progressShown = false;
  #progressAt = 0;
  #began = 0;

  /**
   * @param json - JSON instead of tables
   * @param out - standard output
   * @param err - standard error
   */
  constructor(json: boolean, out: NodeJS.WriteStream = process.stdout, err: NodeJS.WriteStream = process.stderr) {
    this.#json = json;
    this.#out = out;
    this.#err = err;
    const isDumb = process.env['TERM'] === 'dumb'; // it shows escape sequences as they are
    // https://no-color.org
    this.#colours = out.isTTY && (process.env['NO_COLOR'] ?? '') === '' && !isDumb;
    this.#showsProgress = err.isTTY && !isDumb;
  }

  /**
   * Rows of equal columns.
   *
   * @param rows - each with the same keys
   * @param none - what people read where there are none
   */
  table(rows: readonly Record<string, Cell>[], none = 'nothing'): void {
    this.clear();
    if (this.#json) {
      this.#write(json(rows));
      return;
    }
    const [first] = rows;
    if (first === undefined) {
      this.#write(`${none}\n`);
      return;
    }
    const keys = Object.keys(first);
    const cells = rows.map((row) => keys.map((key) => text(row[key])));
    const isNumber = keys.map((key) => rows.every((row) => isNumeric(row[key])));
    const widths = keys.map((key, i) => cells.reduce((most, row) => Math.max(most, width(row[i])), width(key)));
    const line = (values: readonly string[]): string =>
      values
        .map((value, i) => {
          const blanks = ' '.repeat((widths[i] ?? 0) - width(value));
          return isNumber[i] === true ? `${blanks}${value}` : `${value}${blanks}`;
        })
        .join('  ')
        .trimEnd();
    this.#write(`${this.#bold(line(keys))}\n${cells.map((row) => `${line(row)}\n`).join('')}`);
  }

  /**
   * One thing and its properties.
   *
   * @param values - by name
   */
  record(values: Readonly<Record<string, unknown>>): void {
    this.clear();
    if (this.#json) {
      this.#write(json(values));
      return;
    }
    const entries = Object.entries(values).filter(([, value]) => value !== undefined);
    const widest = Math.max(0, ...entries.map(([key]) => key.length));
    for (const [key, value] of entries) this.#write(`${this.#bold(key.padEnd(widest))}  ${text(value)}\n`);
  }

  /**
   * Several things and their properties, with an empty line between; an array for machines.
   *
   * @param all - of each its values by name
   */
  records(all: readonly Readonly<Record<string, unknown>>[]): void {
    this.clear();
    if (this.#json) {
      this.#write(json(all));
      return;
    }
    all.forEach((values, i) => {
      if (i > 0) this.#write('\n');
      this.record(values);
    });
  }

  /**
   * A sentence for people, or its facts for machines.
   *
   * @param sentence - without a newline
   * @param facts - by name
   */
  done(sentence: string, facts: Readonly<Record<string, unknown>>): void {
    this.clear();
    this.#write(this.#json ? json(facts) : `${sentence}\n`);
  }

  /**
   * Shows how far work has come, its rate and the time that remains, where standard error is a terminal.
   *
   * @param step - how far
   */
  progress(step: Step): void {
    if (!this.#showsProgress) return;
    const now = performance.now();
    if (this.#began === 0) this.#began = now;
    if (now - this.#progressAt < EVERY_MS) return;
    this.#progressAt = now;
    this.#progressShown = true;
    this.#err.write(`\r\u001b[K${progressLine(step, (now - this.#began) / 1000)}`);
  }

  /**
   * A line on standard error: a warning, or an error of several.
   *
   * @param line - without a newline
   */
  note(line: string): void {
    this.clear();
    this.#err.write(`${escaped(line)}\n`);
  }

  /** Takes progress off the terminal. */
  clear(): void {
    if (this.#progressShown) this.#err.write('\r\u001b[K');
    this.#progressShown = false;
    this.#began = 0;
  }

  #write(what: string): void {
    this.#out.write(what);
  }

  #bold(what: string): string {
    return this.#colours ? `\u001b[1m${what}\u001b[22m` : what;
  }
}

function progressLine({ done, total, unit }: Step, seconds: number): string {
  const amount = unit === 'bytes' ? bytes : (value: number): string => `${value.toLocaleString('en')} ${unit}`;
  const rate = seconds > 0.5 ? done / seconds : 0;
  const parts = [total > 0 ? `${Math.min(100, Math.floor((100 * done) / total))} %` : amount(done)];
  if (rate > 0) parts.push(`${amount(Math.round(rate))}/s`);
  if (rate > 0 && total > done) parts.push(`${duration((total - done) / rate)} left`);
  return parts.join(', ');
}

/**
 * Bytes for people: 1.5 MiB.
 *
 * @param value - how many
 * @returns the text
 */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10)));
  const amount = value / 2 ** (10 * power);
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[power] ?? ''}`;
}

/**
 * A time span for people: 1.5 s, 3 min 20 s, 2 h 5 min.
 *
 * @param seconds - how long
 * @returns the text
 */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/**
 * Bytes in a table or record.
 *
 * @param value - how many
 * @returns the number for machines, its text for people
 */
export function size(value: number): Shown {
  return new Shown(value, bytes(value));
}

function isNumeric(value: unknown): boolean {
  const of = value instanceof Shown ? value.value : value;
  return ['number', 'bigint', 'undefined'].includes(typeof of);
}

/**
 * Words without control characters: an id, metadata or an argument may have what moves a terminal's cursor, or ends a
 * line.
 *
 * @param words - as they are
 * @returns them with \u001b and the like
 */
export function escaped(words: string): string {
  return words.replaceAll(/\p{Cc}/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const text = (value: unknown): string => escaped(wordsOf(value));

function wordsOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (value instanceof Shown) return value.text;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object') return JSON.stringify(value, plain);
  return `${value as number}`;
}

// JSON has no integers of 64 bits, and no NaN.
function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value);
  return value instanceof Float32Array ? Array.from(value, shortest) : value;
}

// The float32 0.1 as 0.1, not as 0.10000000149011612: rounded to a float32 again, it is the same.
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

const json = (value: unknown): string => `${JSON.stringify(value, plain)}\n`;

/**
 * An error as one line.
 *
 * @param thrown - what a command threw
 * @returns the line: the code of a JvdbError and its message, without newlines and other control characters
 */
export function errorLine(thrown: unknown): string {
  const code = thrown instanceof JvdbError ? `${thrown.code}: ` : '';
  return escaped(`jvdb: ${code}${describe(thrown)}`.replaceAll(/\s*\n\s*/g, ' '));
}
