/** What one datagram costs beside its bytes, so that many empty ones are not free. */
const OVERHEAD_BYTES = 256;

/**
 * What waits to be sent while the kernel takes nothing, by destination. One whose datagrams pile up (a client of this link
 * that is gone holds the socket's buffer until nobody answers for it) may fill a part of the queue, and the others go on.
 */
export class SendBacklog {
  readonly #maxBytes: number;
  readonly #maxBytesEach: number;
  readonly #waiting = new Map<string, number>();
  #bytes = 0;

  constructor(limits: { readonly maxBytes: number; readonly maxBytesEach: number }) {
    this.#maxBytes = limits.maxBytes;
    this.#maxBytesEach = limits.maxBytesEach;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** @returns to be called when it is sent; undefined where there is no room. */
  add(destination: string, sizeBytes: number): (() => void) | undefined {
    const cost = sizeBytes + OVERHEAD_BYTES;
    const waiting = this.#waiting.get(destination) ?? 0;
    if (this.#bytes + cost > this.#maxBytes || waiting + cost > this.#maxBytesEach) return undefined;
    this.#bytes += cost;
    this.#waiting.set(destination, waiting + cost);
    return () => this.#remove(destination, cost);
  }

  #remove(destination: string, cost: number): void {
    this.#bytes -= cost;
    const left = (this.#waiting.get(destination) ?? 0) - cost;
    if (left > 0) this.#waiting.set(destination, left);
    else this.#waiting.delete(destination);
  }
}
