/** Starts the writer of writer.cjs and kills it. */
import { once } from 'node:events';
import path from 'node:path';
import { startNode } from '../support.js';

/** A history and its file. */
export interface History {
  file: string;
  seed: number;
  dimension: number;
  /** Numbers from 0 to 1. */
  random: () => number;
}

/**
 * A history in a file.
 *
 * @param file - its path
 * @param seed - what the history is made of
 * @returns it
 */
export function historyOf(file: string, seed: number): History {
  let state = seed + 1;
  const random = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  return { file, seed, dimension: [3, 16, 100][seed % 3]!, random };
}

/**
 * Runs the writer from an operation on, and kills it.
 *
 * @param history - which
 * @param first - its first operation
 * @param heard - called with each operation that was acknowledged
 * @returns the last one
 */
export async function killOnce(
  { file, seed, dimension, random }: History,
  first: number,
  heard: (operation: number) => void = () => undefined,
): Promise<number> {
  const flushEvery = seed % 3 === 0 ? 10 : 0;
  let acknowledged = first - 1;
  // Most kills come in mid-stream, some in the first operations after opening.
  const until = first + Math.floor(random() ** 2 * 400);
  const args = [file, ...[seed, dimension, first, flushEvery].map(String)];
  await runAndKill(['writer.cjs', ...args], random() * 3, (lines) => {
    heard((acknowledged = Number(lines.at(-1))));
    return acknowledged >= until;
  });
  return acknowledged;
}

/**
 * Runs a script of this directory that never ends, and kills it.
 *
 * @param script - its name, and its arguments
 * @param delay - how many milliseconds after it was to be killed it is
 * @param heard - called with the lines it writes; returns whether it is to be killed
 */
export async function runAndKill(
  [script, ...args]: [string, ...string[]],
  delay: number,
  heard: (lines: string[]) => boolean,
): Promise<void> {
  const child = startNode([path.join(__dirname, script), ...args]);
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  child.stderr!.on('data', (chunk: Buffer) => {
    throw new Error(chunk.toString());
  });
  child.stdout!.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    text = lines.pop()!;
    if (lines.length > 0 && heard(lines)) timer ??= setTimeout(() => child.kill('SIGKILL'), delay);
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  expect(signal).toBe('SIGKILL');
}
