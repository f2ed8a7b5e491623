/** What the benches share: medians, tables, the bare program, a directory, the machine. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.join(__dirname, '..');

/** A directory for the files of a bench; JVDB_BENCH_DIR chooses the disk. */
export class Scratch implements Disposable {
  readonly path = mkdtempSync(path.join(process.env['JVDB_BENCH_DIR'] ?? tmpdir(), 'jvdb-bench-'));

  file(name: string): string {
    return path.join(this.path, name);
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Milliseconds that a call takes. */
export function milliseconds(call: () => void): number {
  const began = performance.now();
  call();
  return performance.now() - began;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

/**
 * Milliseconds that each call takes, by name: medians over rounds in which they take turns, so that a slow moment
 * meets all of them. A call gets the number of the round. `prepare` is called before each, untimed.
 */
export async function inTurn(
  rounds: number,
  calls: Record<string, (round: number) => unknown>,
  prepare: () => void = () => undefined,
): Promise<Map<string, number>> {
  const spent = new Map<string, number[]>(Object.keys(calls).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, call] of Object.entries(calls)) {
      prepare();
      const began = performance.now();
      await call(round);
      spent.get(name)?.push(performance.now() - began);
    }
  }
  return new Map([...spent].map(([name, times]) => [name, median(times)]));
}

/** Random float32 vectors one after the other, each value in −1 … 1. */
export function randomVectors(count: number, dimension: number, seed = 12345): Float32Array {
  const out = new Float32Array(count * dimension);
  let state = seed;
  for (let i = 0; i < out.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = (state >>> 8) / 8388608 - 1;
  }
  return out;
}

/** Touches memory once: pages that a virtual machine never used cost its host a fault each. */
export function warmMemory(bytes: number): void {
  for (let i = 0; i < bytes; i += 1 << 28) Buffer.alloc(1 << 28, 1);
}

/** What the bare program prints, as numbers. */
export function bare(...args: (string | number)[]): number[] {
  const build = path.join(ROOT, 'build-tests');
  const program = path.join(build, 'jvdb_bare');
  if (!existsSync(program)) {
    spawnSync('cmake', ['-S', ROOT, '-B', build, '-DCMAKE_BUILD_TYPE=Release'], { stdio: 'ignore' });
    spawnSync('cmake', ['--build', build, '--target', 'jvdb_bare'], { stdio: 'inherit' });
  }
  const { stdout, status } = spawnSync(program, args.map(String), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`jvdb_bare ended with ${status}`);
  return stdout.trim().split(/\s+/).map(Number);
}

/** A peer, undefined where it isn't installed. */
export function peer(name: string): unknown {
  try {
    return createRequire(path.join(__dirname, 'package.json'))(name);
  } catch {
    console.log(`\nMISSING: ${name}; run npm install in bench/`);
    return undefined;
  }
}

/** Prints a table in Markdown. */
export function table(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log(`\n### ${title}\n`);
  for (const row of [header, header.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);
}

/** A number with three digits that matter. */
export function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** What the figures were read on. */
export function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${process.platform}, Node ${process.version}`;
}
