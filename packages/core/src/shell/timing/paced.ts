import type { Clock } from '../../base/time/clock.js';

export interface Pace {
  /** Jobs that are done without waiting, and then in each turn. */
  readonly atOnce: number;
  readonly turnMs: number;
}

/**
 * Work for thousands of peers that must not be done in one go, public-key arithmetic above all: some of it at once, the rest
 * a few ms later, and so on, so that packets pass in between. One job for each key: a newer one takes an older one's place.
 */
export class Paced<K> {
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #urgent = new Map<K, () => void>();
  readonly #ordinary = new Map<K, () => void>();
  #left: number;
  #timer: Disposable | undefined;

  constructor(clock: Clock, pace: Pace) {
    this.#clock = clock;
    this.#pace = pace;
    this.#left = pace.atOnce;
  }

  /** @param options.urgent goes before all that is not. */
  do(key: K, job: () => void, options: { readonly urgent?: boolean } = {}): void {
    this.drop(key);
    if (this.#left > 0) {
      this.#left -= 1;
      this.#arm();
      job();
    } else (options.urgent ? this.#urgent : this.#ordinary).set(key, job);
  }

  has(key: K): boolean {
    return this.#urgent.has(key) || this.#ordinary.has(key);
  }

  drop(key: K): void {
    this.#urgent.delete(key);
    this.#ordinary.delete(key);
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#urgent.clear();
    this.#ordinary.clear();
  }

  #arm(): void {
    this.#timer ??= this.#clock.setTimeout(() => this.#turn(), this.#pace.turnMs);
  }

  #turn(): void {
    this.#timer = undefined;
    this.#left = this.#pace.atOnce;
    for (const waiting of [this.#urgent, this.#ordinary]) {
      for (const [key, job] of waiting) {
        if (this.#left === 0) return;
        this.#left -= 1;
        // Before the job, so that one that fails keeps no other waiting for ever.
        this.#arm();
        waiting.delete(key);
        job();
      }
    }
  }
}
