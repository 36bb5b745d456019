/** RFC 8489, section 6.3.1: the answer to a retransmission may be kept for 40 s. */
export const REMEMBERED_MS = 40_000;
const MAX_REMEMBERED = 1024;

interface Deletion {
  readonly transactionKey: string;
  readonly response: Uint8Array;
  readonly untilMs: number;
}

/**
 * Answers to Refresh 0, one for each 5-tuple: its retransmission meets no allocation any more. Asked only for requests that
 * were authenticated like the first.
 */
export class RememberedDeletions {
  readonly #byTuple = new Map<string, Deletion>();

  get size(): number {
    return this.#byTuple.size;
  }

  add(tuple: string, transactionKey: string, response: Uint8Array, nowMs: number): void {
    // Anew at the end: the Map's order is that of age.
    this.#byTuple.delete(tuple);
    this.#byTuple.set(tuple, { transactionKey, response, untilMs: nowMs + REMEMBERED_MS });
    const [oldest] = this.#byTuple.keys();
    // Who then asks again is told 437, which says the same.
    if (oldest !== undefined && this.#byTuple.size > MAX_REMEMBERED) this.#byTuple.delete(oldest);
  }

  find(tuple: string, transactionKey: string, nowMs: number): Uint8Array | undefined {
    const deletion = this.#byTuple.get(tuple);
    return deletion?.transactionKey === transactionKey && deletion.untilMs > nowMs ? deletion.response : undefined;
  }

  expire(nowMs: number): void {
    for (const [tuple, { untilMs }] of this.#byTuple) if (untilMs <= nowMs) this.#byTuple.delete(tuple);
  }

  clear(): void {
    this.#byTuple.clear();
  }
}
