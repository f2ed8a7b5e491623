/** How much memory of its own a process takes, which mapped and cached files are no part of. Linux only. */
import { readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';

const EVERY_MS = 5;

/** Bytes of anonymous memory that a process has now; 0 once it has ended. */
export function anonymousMemory(pid: number | 'self'): number {
  try {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** The most that a child ever has, looked at every 5 ms until it ends. */
export async function peakMemory(child: ChildProcess): Promise<number> {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, anonymousMemory(child.pid ?? 0));
  }, EVERY_MS);
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(timer);
  return most;
}
