/** A token bucket: `rate` a second, at most `burst` at once. */
export class TokenBucket {
  #tokens: number;
  #updatedAt: number | undefined;

  constructor(
    readonly rate: number,
    readonly burst: number,
  ) {
    this.#tokens = burst;
  }

  /** @returns whether one may go now. */
  take(now: number): boolean {
    if (this.#updatedAt !== undefined) {
      this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#updatedAt) * this.rate) / 1000);
    }
    this.#updatedAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** ms until one may go. */
  waitMs(): number {
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) * 1000) / this.rate);
  }
}
