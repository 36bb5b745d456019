/** Lets `burst` through at once and `perSecond` in the long run. Time is passed in. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(options: { perSecond: number; burst: number }, nowMs: number) {
    this.#perMs = options.perSecond / 1000;
    this.#burst = options.burst;
    this.#tokens = options.burst;
    this.#filledAtMs = nowMs;
  }

  /** @returns false, and takes nothing, when fewer than `count` are there. */
  take(count: number, nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Ms until {@link take} of `count` will succeed; Infinity when it never can. */
  waitMs(count: number, nowMs: number): number {
    this.#fill(nowMs);
    if (count > this.#burst) return Infinity;
    return Math.max(0, Math.ceil((count - this.#tokens) / this.#perMs));
  }

  #fill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsedMs * this.#perMs);
    this.#filledAtMs = nowMs;
  }
}
