/** Runs the command line as its users do: the program in a process of its own. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
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

/** Starts a command. */
export function startJvdb(
  args: readonly string[],
  { storage, env }: Omit<Run, 'input'> = {},
): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, ...(storage === undefined ? {} : { JVDB_STORAGE: storage }), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined); // it may not want all of it
  return child;
}

/** Runs a command to its end. */
export async function jvdb(args: readonly string[], { input, ...run }: Run = {}): Promise<Ended> {
  const child = startJvdb(args, run);
  child.stdin.end(input);
  return ended(child);
}

/** Runs a command line of a shell, in which `jvdb` is the program. Windows has no such shell. */
export async function shell(line: string, { storage = '', env }: Omit<Run, 'input'> = {}): Promise<Ended> {
  const child = spawn('sh', ['-c', `jvdb() { "${process.execPath}" "${PROGRAM}" "$@"; }\n${line}`], {
    env: { ...process.env, JVDB_STORAGE: storage, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return ended(child);
}

/** Runs a command that must succeed; what it printed with --json. */
export async function asked(args: readonly string[], run: Run = {}): Promise<unknown> {
  const { status, stdout, stderr } = await jvdb([...args, '--json'], run);
  if (status !== 0) throw new Error(`jvdb ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout) as unknown;
}
