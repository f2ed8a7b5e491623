/** A progress bar on a terminal, nothing elsewhere, and one line at the end. */
export class Progress {
  readonly #began = performance.now();
  readonly #what: string;
  readonly #total: number;

  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
  }

  show(done: number): void {
    if (!process.stdout.isTTY) return;
    const share = done / this.#total;
    const bar = '█'.repeat(Math.round(share * 30)).padEnd(30, '░');
    process.stdout.write(`\r${this.#what} ${bar} ${(share * 100).toFixed(0)} %`);
  }

  end(result: string): void {
    const clear = process.stdout.isTTY ? '\r\x1b[K' : '';
    console.log(`${clear}${this.#what}: ${result}, ${seconds(performance.now() - this.#began)} in all`);
  }
}

/** A duration for people. */
export function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
