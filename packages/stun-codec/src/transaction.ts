export interface StunTransactionOptions {
  /** When the first request was sent, in ms of any monotonic clock; the same clock as in `handleTimeout`. */
  readonly now: number;
  /** Retransmission timeout before the first retransmission, in ms; doubles with each. @default 500 */
  readonly rtoMs?: number | undefined;
  /** Rc: how often the request is sent, the first time included. @default 7 */
  readonly maxAttempts?: number | undefined;
  /** Rm: how many times `rtoMs` to wait after the last one. @default 16 */
  readonly finalWaitFactor?: number | undefined;
}

/**
 * The retransmission schedule of a client transaction over UDP (RFC 8489, section 6.2.1), sans-IO: with the defaults
 * requests go out at 0, 500, 1500, 3500, 7500, 15500 and 31500 ms, and the transaction fails at 39500 ms.
 * Over TCP, where nothing is sent twice: `{ maxAttempts: 1, finalWaitFactor: 79 }` (section 6.2.2).
 *
 * The owner sends the first request itself, then calls `handleTimeout` whenever `nextTimeout` has come, and drops the
 * transaction when the response is there.
 */
export class StunTransaction {
  readonly #rtoMs: number;
  readonly #maxAttempts: number;
  readonly #finalWaitMs: number;
  #attempts = 1;
  #deadline: number;

  /** @throws {RangeError} when `rtoMs` is not positive, or `maxAttempts` not a positive integer. */
  constructor({ now, rtoMs = 500, maxAttempts = 7, finalWaitFactor = 16 }: StunTransactionOptions) {
    if (!(rtoMs > 0)) throw new RangeError(`rtoMs: ${rtoMs}`);
    if (!Number.isInteger(maxAttempts) || maxAttempts < 1) throw new RangeError(`maxAttempts: ${maxAttempts}`);
    if (!(finalWaitFactor > 0)) throw new RangeError(`finalWaitFactor: ${finalWaitFactor}`);
    this.#rtoMs = rtoMs;
    this.#maxAttempts = maxAttempts;
    this.#finalWaitMs = finalWaitFactor * rtoMs;
    this.#deadline = now + this.#waitMs();
  }

  /** How often the request has been sent; the round trip time is known only while this is 1 (Karn's rule). */
  get attempts(): number {
    return this.#attempts;
  }

  /** When `handleTimeout` is due; Infinity once failed. */
  nextTimeout(): number {
    return this.#deadline;
  }

  /**
   * `retransmit`: send the same bytes again now. `failed`: no response came; stays so. `wait`: called too early.
   * A late call costs time, never a burst: the next wait counts from it.
   */
  handleTimeout(now: number): 'retransmit' | 'failed' | 'wait' {
    if (this.#deadline === Infinity) return 'failed';
    if (now < this.#deadline) return 'wait';
    if (this.#attempts === this.#maxAttempts) {
      this.#deadline = Infinity;
      return 'failed';
    }
    this.#attempts++;
    this.#deadline = now + this.#waitMs();
    return 'retransmit';
  }

  #waitMs(): number {
    return this.#attempts === this.#maxAttempts ? this.#finalWaitMs : this.#rtoMs * 2 ** (this.#attempts - 1);
  }
}
