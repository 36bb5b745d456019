import { CALL_BACKOFF_MAX_MS, CALL_BACKOFF_MS, MESSAGE_SPACING_MS } from '../timings.js';

/** With doubling delays from a second on, half a minute. */
const FADE_OUT_RETRIES = 5;

/**
 * When to send the peer our description: at once when something is new or asked for, at most one per spacing, and, for
 * as long as the peer is not well connected, again and again with jittered, doubling delays. It never gives up for good.
 */
export class CallSchedule {
  #wantedAt: number | undefined;
  #retryAt: number | undefined;
  #lastSentAt = -Infinity;
  #retries = 0;

  /** Something new to say: send as soon as the spacing allows. */
  request(now: number): void {
    this.#wantedAt ??= Math.max(now, this.#lastSentAt + MESSAGE_SPACING_MS);
  }

  /** Keep calling, from short delays on. */
  retrySoon(now: number, jitter: number): void {
    this.#retries = 0;
    this.#scheduleRetry(now, jitter);
  }

  /** There is a path without a relay, but a better one may turn up in the next half minute: no more calls after that. */
  fadeOut(): void {
    if (this.#retries >= FADE_OUT_RETRIES) this.settle();
  }

  /** Nothing more to hope for: stop calling. */
  settle(): void {
    this.#retryAt = undefined;
    this.#retries = 0;
  }

  get isRetrying(): boolean {
    return this.#retryAt !== undefined;
  }

  nextTimeout(): number | undefined {
    if (this.#wantedAt === undefined) return this.#retryAt;
    return this.#retryAt === undefined ? this.#wantedAt : Math.min(this.#wantedAt, this.#retryAt);
  }

  /**
   * @param jitter 0 to 1, random.
   * @returns what is due: an answer or news, or a retry, with which probing starts anew.
   */
  takeDue(now: number, jitter: number): 'news' | 'retry' | undefined {
    if (this.#retryAt !== undefined && now >= this.#retryAt) {
      this.#retries += 1;
      this.#scheduleRetry(now, jitter);
      this.#sent(now);
      return 'retry';
    }
    if (this.#wantedAt !== undefined && now >= this.#wantedAt) {
      this.#sent(now);
      return 'news';
    }
    return undefined;
  }

  #sent(now: number): void {
    this.#wantedAt = undefined;
    this.#lastSentAt = now;
  }

  #scheduleRetry(now: number, jitter: number): void {
    const delay = Math.min(CALL_BACKOFF_MAX_MS, CALL_BACKOFF_MS * 2 ** Math.min(this.#retries, 10));
    this.#retryAt = now + delay * (0.75 + jitter * 0.5);
  }
}
