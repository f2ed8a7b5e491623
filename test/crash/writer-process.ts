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
  const child = startNode([
    path.join(__dirname, 'writer.cjs'),
    file,
    ...[seed, dimension, first, flushEvery].map(String),
  ]);
  let acknowledged = first - 1;
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    throw new Error(chunk.toString());
  });
  // Most kills come in mid-stream, some in the first operations after opening.
  const until = first + Math.floor(random() ** 2 * 400);
  let delay: NodeJS.Timeout | undefined;
  child.stdout!.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    text = lines.pop()!;
    if (lines.length > 0) heard((acknowledged = Number(lines.at(-1))));
    if (acknowledged >= until) delay ??= setTimeout(() => child.kill('SIGKILL'), random() * 3);
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(delay);
  expect(signal).toBe('SIGKILL');
  return acknowledged;
}
