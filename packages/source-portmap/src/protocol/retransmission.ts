/**
 * RFC 6886 3.1 asks for 250 ms, doubled for 64 s. A gateway on our own link answers within milliseconds or not at all, so the
 * first four have to do: what is silent is asked again at the next look.
 */
const DELAYS_MS = [250, 500, 1000, 2000] as const;

/** When a datagram is sent again, and when no answer is expected any more. */
export class Retransmission {
  #sent = 0;
  #dueAt = Infinity;

  /** The datagram goes out for the first time. */
  start(now: number): void {
    this.#sent = 1;
    this.#dueAt = now + DELAYS_MS[0];
  }

  stop(): void {
    this.#dueAt = Infinity;
  }

  nextTimeout(): number {
    return this.#dueAt;
  }

  /** @returns what is to be done now. */
  handleTimeout(now: number): 'nothing' | 'send-again' | 'give-up' {
    if (now < this.#dueAt) return 'nothing';
    const delayMs = DELAYS_MS[this.#sent];
    this.#sent += 1;
    this.#dueAt = delayMs === undefined ? Infinity : now + delayMs;
    return delayMs === undefined ? 'give-up' : 'send-again';
  }
}
