/**
 * Calls a method again and again, for as long as its object lives: neither the process nor the object is
 * kept alive by it.
 */
export class Periodic<T extends object> {
  readonly #owner: WeakRef<T>;
  readonly #call: (owner: T) => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #calling = false;

  /**
   * Calls nothing yet.
   *
   * @param owner - whose method it is
   * @param call - the method; must not hold the object otherwise, and never rejects
   */
  constructor(owner: T, call: (owner: T) => Promise<void>) {
    this.#owner = new WeakRef(owner);
    this.#call = call;
  }

  /** Whether calls are coming. */
  get running(): boolean {
    return this.#timer !== undefined;
  }

  /**
   * Begins, or begins anew with another interval.
   *
   * @param seconds - between calls; one that is due while another is under way is left out
   */
  start(seconds: number): void {
    this.stop();
    this.#timer = setInterval(() => void this.#tick(), seconds * 1000);
    this.#timer.unref();
  }

  /** No more calls; one under way goes on. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #tick(): Promise<void> {
    const owner = this.#owner.deref();
    if (owner === undefined) this.stop();
    if (owner === undefined || this.#calling) return;
    this.#calling = true;
    try {
      await this.#call(owner);
    } finally {
      this.#calling = false;
    }
  }
}
