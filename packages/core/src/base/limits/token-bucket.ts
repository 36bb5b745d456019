/** A token bucket: `perSecond` in the long run, at most `burst` at once. Time is passed in; one that goes back fills nothing. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number | undefined;

  /** It is full. */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** @returns whether `count` may go now; otherwise nothing is taken. */
  take(nowMs: number, count = 1): boolean {
    this.#fill(nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Ms until {@link take} of `count` will succeed; Infinity where it never can. */
  waitMs(nowMs: number, count = 1): number {
    this.#fill(nowMs);
    if (count > this.#burst) return Infinity;
    return Math.max(0, Math.ceil(((count - this.#tokens) * 1000) / this.#perSecond));
  }

  #fill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - (this.#filledAtMs ?? nowMs));
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#perSecond) / 1000);
    this.#filledAtMs = nowMs;
  }
}
