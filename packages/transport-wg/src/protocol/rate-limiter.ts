/** Handshake messages per second that one source address may have processed while the device is under load. */
export const PACKETS_PER_SECOND = 20;
export const PACKETS_BURST = 5;
/** Sources that are remembered at once; while the table is full, a new source is refused. */
export const SOURCES_MAX = 8192;

const COST_MS = 1000 / PACKETS_PER_SECOND;
const FULL_MS = COST_MS * PACKETS_BURST;

interface Bucket {
  tokensMs: number;
  lastMs: number;
}

/** A token bucket per source, as the reference implementations have it. A bucket is forgotten once it is full again. */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>();

  allow(source: string, now: number): boolean {
    const bucket = this.#buckets.get(source);
    if (bucket === undefined) {
      if (this.#buckets.size >= SOURCES_MAX && !this.#forgetFull(now)) return false;
      this.#buckets.set(source, { tokensMs: FULL_MS - COST_MS, lastMs: now });
      return true;
    }
    bucket.tokensMs = Math.min(FULL_MS, bucket.tokensMs + Math.max(0, now - bucket.lastMs));
    bucket.lastMs = now;
    // Keeps the map in order of last use, so that forgetting need not look past the first living bucket.
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    if (bucket.tokensMs < COST_MS) return false;
    bucket.tokensMs -= COST_MS;
    return true;
  }

  /** @returns whether there is room now. */
  #forgetFull(now: number): boolean {
    for (const [source, bucket] of this.#buckets) {
      if (now - bucket.lastMs < FULL_MS) break;
      this.#buckets.delete(source);
    }
    return this.#buckets.size < SOURCES_MAX;
  }
}

/**
 * What counts as one source: the IPv4 address, or the IPv6 /64 that one customer holds.
 * @param source IP address and port bytes (6 or 18); anything else stands for itself.
 */
export function rateLimitKey(source: Uint8Array): string {
  const address = source.length === 18 ? source.subarray(0, 8) : source.length === 6 ? source.subarray(0, 4) : source;
  return Buffer.from(address).toString('latin1');
}
