/**
 * Named pipes, as streams: no thread waits for their other end for longer than a signal allows, since no process can
 * exit meanwhile. Windows has pipes of another kind, which are opened as files are. Threads: no state.
 */
import { close, closeSync, constants, open, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { unlessAborted } from '../abort.js';
import { codeOf } from '../directories.js';

const AGAIN_MS = 20;

/**
 * Opens a named pipe, as soon as there is someone at its other end.
 *
 * @param path - of the pipe
 * @param flags - to read from it, or to write to it
 * @param signal - ends waiting
 * @returns a promise of a stream, to be destroyed; undefined where the path is of something else, or of nothing
 * @throws Node's error, and the signal's reason
 */
export async function openFifo(path: string, flags: 'r' | 'w', signal?: AbortSignal): Promise<Socket | undefined> {
  if (process.platform === 'win32') return undefined;
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFIFO() !== true) return undefined;
  signal?.throwIfAborted();
  const opening = promisify(open)(path, flags);
  let fd: number;
  try {
    fd = await unlessAborted(signal, opening);
  } catch (thrown) {
    void release(path, flags, opening);
    throw thrown;
  }
  return new Socket({ fd, readable: flags === 'r', writable: flags === 'w' });
}

// Is the other end for a moment, until what waits for one has come back.
async function release(path: string, flags: 'r' | 'w', opening: Promise<number>): Promise<void> {
  const done = opening.then(promisify(close)).catch(() => undefined);
  const flag = flags === 'r' ? constants.O_WRONLY : constants.O_RDONLY;
  do {
    try {
      closeSync(openSync(path, flag | constants.O_NONBLOCK));
    } catch (thrown) {
      if (codeOf(thrown) !== 'ENXIO') return; // else it does not wait yet
    }
  } while ((await Promise.race([done, setTimeout(AGAIN_MS, path)])) === path);
}
