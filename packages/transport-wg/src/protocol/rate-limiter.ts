/** Handshake messages per second that one source address may have processed while the device is under load. */
export const PACKETS_PER_SECOND = 20;
export const PACKETS_BURST = 5;
/** Sources that are remembered at once; while the table is full, a new source is refused. */
export const SOURCES_MAX = 8192;
/** Sources of one group that have a bucket each; those past it share one, so that no one network fills the table. */
export const SOURCES_PER_GROUP_MAX = 512;

const COST_MS = 1000 / PACKETS_PER_SECOND;
const FULL_MS = COST_MS * PACKETS_BURST;

interface Bucket {
  tokensMs: number;
  lastMs: number;
  readonly group: string;
}

/**
 * A token bucket per source, as the reference implementations have it: WireGuard's own figures, and a table whose buckets are
 * forgotten once they are full again, which core's `TokenBucket`, one bucket, does not have. Asked
 * only for sources that have proven their address, so that forged ones take no place here.
 */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>();
  /** How many sources of each group have a bucket. */
  readonly #groups = new Map<string, number>();

  /** @param group the network that the source is in, as {@link rateLimitGroup} says. @default it is one of its own */
  allow(source: string, now: number, group: string = source): boolean {
    const bucket = this.#buckets.get(source);
    if (bucket === undefined) {
      const ofGroup = this.#groups.get(group) ?? 0;
      if (ofGroup >= SOURCES_PER_GROUP_MAX && source !== group && !this.#forgetFull(now, group)) {
        return this.allow(group, now);
      }
      if (this.#buckets.size >= SOURCES_MAX && !this.#forgetFull(now)) return false;
      this.#buckets.set(source, { tokensMs: FULL_MS - COST_MS, lastMs: now, group });
      this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1);
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

  /** @returns whether there is room now: in the table, or for the group. */
  #forgetFull(now: number, group?: string): boolean {
    for (const [source, bucket] of this.#buckets) {
      if (now - bucket.lastMs < FULL_MS) break;
      this.#buckets.delete(source);
      const left = (this.#groups.get(bucket.group) ?? 1) - 1;
      if (left === 0) this.#groups.delete(bucket.group);
      else this.#groups.set(bucket.group, left);
    }
    return group === undefined
      ? this.#buckets.size < SOURCES_MAX
      : (this.#groups.get(group) ?? 0) < SOURCES_PER_GROUP_MAX;
  }
}

/**
 * What counts as one source: the IPv4 address, or the IPv6 /64 that one customer holds.
 * @param source IP address and port bytes (6 or 18); anything else stands for itself.
 */
export function rateLimitKey(source: Uint8Array): string {
  return text(source, source.length === 18 ? 8 : source.length === 6 ? 4 : source.length);
}

/** What counts as one group of sources: the IPv4 /16, or the IPv6 /32 that one provider holds. */
export function rateLimitGroup(source: Uint8Array): string {
  return `group ${text(source, source.length === 18 ? 4 : source.length === 6 ? 2 : 0)}`;
}

function text(source: Uint8Array, sizeBytes: number): string {
  return Buffer.from(source.subarray(0, sizeBytes)).toString('latin1');
}
