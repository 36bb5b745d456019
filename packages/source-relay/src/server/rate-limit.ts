const BUCKETS = 8192;
const COLON = 0x3a;

export interface RateLimits {
  /** Requests per second of one source: an IPv4 address or an IPv6 /64. */
  readonly perSourcePerSecond: number;
  readonly perSourceBurst: number;
  /** Requests per second of all sources together, for forged ones. */
  readonly totalPerSecond: number;
  readonly totalBurst: number;
}

/** Enough for a campus behind one NAT, little enough to make the server useless for aiming at third parties. */
export const DEFAULT_RATE_LIMITS: RateLimits = {
  perSourcePerSecond: 200,
  perSourceBurst: 1000,
  totalPerSecond: 5000,
  totalBurst: 10_000,
};

/**
 * Token buckets for what nobody has authenticated. Sources are hashed into a fixed number of buckets: no table that
 * grows, no timer. Two sources may share a bucket, and with the seed secret nobody can choose whose.
 */
export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #seed: number;
  readonly #tokens = new Float64Array(BUCKETS);
  readonly #filledAtMs = new Float64Array(BUCKETS).fill(-Infinity);
  #totalTokens: number;
  #totalFilledAtMs = -Infinity;

  constructor(limits: RateLimits, seed: number) {
    this.#limits = limits;
    this.#seed = seed | 0;
    this.#totalTokens = limits.totalBurst;
  }

  /** Takes a token; false when there is none, so the request is to be dropped. */
  admit(ip: string, nowMs: number): boolean {
    const { perSourcePerSecond, perSourceBurst, totalPerSecond, totalBurst } = this.#limits;
    const bucket = this.#bucketOf(ip);
    const tokens = refill(
      this.#tokens[bucket] ?? 0,
      nowMs - (this.#filledAtMs[bucket] ?? 0),
      perSourcePerSecond,
      perSourceBurst,
    );
    this.#filledAtMs[bucket] = nowMs;
    this.#tokens[bucket] = tokens;
    if (tokens < 1) return false;
    // What one source has too many of must not use up what is left for all.
    this.#totalTokens = refill(this.#totalTokens, nowMs - this.#totalFilledAtMs, totalPerSecond, totalBurst);
    this.#totalFilledAtMs = nowMs;
    if (this.#totalTokens < 1) return false;
    this.#totalTokens--;
    this.#tokens[bucket] = tokens - 1;
    return true;
  }

  /** FNV-1a. */
  #bucketOf(ip: string): number {
    let hash = 0x811c9dc5 ^ this.#seed;
    for (let i = 0, groups = 0; i < ip.length; i++) {
      const code = ip.charCodeAt(i);
      // The first four groups of an IPv6 address are a /64; where zeros are left out before that it is a little more.
      if (code === COLON && (++groups === 4 || ip.charCodeAt(i + 1) === COLON)) break;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
    return (hash ^ (hash >>> 15)) & (BUCKETS - 1);
  }
}

function refill(tokens: number, elapsedMs: number, perSecond: number, burst: number): number {
  return elapsedMs === Infinity ? burst : Math.min(burst, tokens + (Math.max(0, elapsedMs) * perSecond) / 1000);
}
