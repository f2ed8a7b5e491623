/** What the tests share: a directory of their own, vectors by number, errors by code, child processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import finder from 'node-gyp-build';
import { JvdbError, type JvdbErrorCode } from '../lib/index.js';

/** The repository. */
export const ROOT = path.join(__dirname, '..');

/** The addon that the tests run with: built here, or prebuilt. */
export const BINARY = finder.path(ROOT);

const WINDOWS = process.platform === 'win32';

/** A directory that goes with the test file. */
export class Directory {
  readonly path = mkdtempSync(path.join(tmpdir(), 'jvdb-'));
  #count = 0;

  constructor() {
    afterAll(() => {
      try {
        rmSync(this.path, { recursive: true, force: true });
      } catch (error) {
        // Windows keeps what is open, and some tests leave a store to be collected.
        if (!WINDOWS) throw error;
      }
    });
  }

  /** A path in it that nobody has used. */
  file(): string {
    return path.join(this.path, `${++this.#count}.jvdb`);
  }
}

/** Different for different seeds, exact in float32. */
export function vectorOf(dimension: number, seed: number): Float32Array {
  const out = new Float32Array(dimension);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < dimension; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = (state >>> 8) / 8388608 - 1;
  }
  return out;
}

/** The error a call throws must be a JvdbError with this code, and its message must match. */
export function expectError(call: () => unknown, code: JvdbErrorCode, message?: RegExp): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expectJvdbError(thrown, code, message);
}

/** As expectError, for a promise. */
export async function expectRejection(promise: Promise<unknown>, code: JvdbErrorCode, message?: RegExp): Promise<void> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expectJvdbError(thrown, code, message);
}

function expectJvdbError(thrown: unknown, code: JvdbErrorCode, message?: RegExp): void {
  expect(thrown).toBeInstanceOf(JvdbError);
  expect(thrown).toMatchObject({ code, name: 'JvdbError' });
  if (message !== undefined) expect((thrown as JvdbError).message).toMatch(message);
}

/** How a child process ended. */
export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** How a process ends that sends itself a signal: Windows has none, and ends it. */
export function endedBy(signal: NodeJS.Signals): Pick<Ended, 'status' | 'signal'> {
  return WINDOWS ? { status: 1, signal: null } : { status: null, signal };
}

/** Starts a script with Node, in the repository. */
export function startNode(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
}

/** Waits for a child's end. */
export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      resolve({ status, signal, stdout, stderr });
    });
  });
}

/** Runs a piece of JavaScript in a process of its own; `jvdb` is required for it. */
export function runScript(script: string, ...args: string[]): Promise<Ended> {
  return runScriptWith([], script, ...args);
}

/** runScript, with flags for Node. */
export function runScriptWith(flags: readonly string[], script: string, ...args: string[]): Promise<Ended> {
  const code = `const { MemoryMappedVectorStore, JvdbError } = require('jvdb');\n${script}`;
  return ended(startNode([...flags, '-e', code, ...args]));
}
