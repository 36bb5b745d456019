import { TokenBucket } from '@wirepath/core/plugin';

/** The largest datagram fits, however low the limit. */
const MIN_BURST_BYTES = 65_536;

export type Direction = 'toPeers' | 'toClients';

/** What one allocation may carry, each way: so much in the long run, and a second's worth at once. Time is passed in. */
export class BandwidthLimit {
  #bitsPerSecond: number | undefined;
  #buckets = new WeakMap<object, Readonly<Record<Direction, TokenBucket>>>();

  get bitsPerSecond(): number | undefined {
    return this.#bitsPerSecond;
  }

  /** @param bitsPerSecond undefined: no limit. */
  set(bitsPerSecond: number | undefined): void {
    if (bitsPerSecond === this.#bitsPerSecond) return;
    this.#bitsPerSecond = bitsPerSecond;
    this.#buckets = new WeakMap();
  }

  /** @returns whether it may go. */
  take(allocation: object, direction: Direction, sizeBytes: number, nowMs: number): boolean {
    if (this.#bitsPerSecond === undefined) return true;
    let buckets = this.#buckets.get(allocation);
    if (buckets === undefined) {
      const bytesPerSecond = this.#bitsPerSecond / 8;
      const bucket = () => new TokenBucket(bytesPerSecond, Math.max(MIN_BURST_BYTES, bytesPerSecond));
      buckets = { toPeers: bucket(), toClients: bucket() };
      this.#buckets.set(allocation, buckets);
    }
    return buckets[direction].take(nowMs, sizeBytes);
  }
}
