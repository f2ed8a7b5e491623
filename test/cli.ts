/** Runs the command line as its users do: the program in a process of its own. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ended, ROOT, type Ended } from './support.js';

/** The program. */
export const PROGRAM = path.join(ROOT, 'bin', 'jvdb.js');

/** What a run takes besides its arguments. */
export interface Run {
  /** JVDB_STORAGE. */
  storage?: string | undefined;
  /** Given on standard input. */
  input?: string | Uint8Array | undefined;
  env?: NodeJS.ProcessEnv | undefined;
}

/** Runs a command to its end. */
export async function jvdb(args: readonly string[], { storage, input, env }: Run = {}): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, ...(storage === undefined ? {} : { JVDB_STORAGE: storage }), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined); // it may not want all of it
  child.stdin.end(input);
  return ended(child);
}

/** Runs a command that must succeed; what it printed with --json. */
export async function asked(args: readonly string[], run: Run = {}): Promise<unknown> {
  const { status, stdout, stderr } = await jvdb([...args, '--json'], run);
  if (status !== 0) throw new Error(`jvdb ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout) as unknown;
}
