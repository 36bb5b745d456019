import type { Clock } from '@wirepath/core/plugin';

/** Time that passes when it is told to. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { atMs: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  unixMs(): number {
    return 1_795_337_380_000 + this.#now;
  }

  get pending(): number {
    return this.#timers.length;
  }

  setTimeout(callback: () => void, delayMs: number): Disposable {
    const timer = { atMs: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return { [Symbol.dispose]: () => void (this.#timers = this.#timers.filter((each) => each !== timer)) };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.setTimeout(resolve, delayMs));
  }

  /** Lets promises settle between timers. */
  async advance(byMs: number): Promise<void> {
    const until = this.#now + byMs;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#timers.filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.atMs);
      next.callback();
    }
    this.#now = until;
  }
}
