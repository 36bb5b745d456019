import type { RandomSource } from '../time/clock.js';
import { KeyedShares, type Share } from './keyed-shares.js';
import { sourceGroup } from './source-group.js';

/** How many times the share of an IPv6 /64 all of its /48 have together: somebody may hold every one of them. */
const SITE_FACTOR = 16;
const SITE_BUCKETS = 16_384;

/**
 * A share for each source of datagrams or connections: an IPv4 address, an IPv6 /64, and above that a /48. For what is not
 * authenticated: no source, forged or not, uses up another's.
 */
export class SourceShares {
  readonly #groups: KeyedShares;
  readonly #sites: KeyedShares;

  constructor(share: Share, random: RandomSource) {
    this.#groups = new KeyedShares(share, random);
    this.#sites = new KeyedShares(
      { perSecond: share.perSecond * SITE_FACTOR, burst: share.burst * SITE_FACTOR },
      random,
      SITE_BUCKETS,
    );
  }

  /** Takes `amount`, or nothing where there is less. @param ip as for {@link sourceGroup}. */
  take(ip: string, amount: number, nowMs: number): boolean {
    const { key, site } = sourceGroup(ip);
    if (site === undefined) return this.#groups.take(key, amount, nowMs);
    // What one /64 has too many of is not taken from its /48.
    if (!this.#groups.has(key, amount, nowMs) || !this.#sites.take(site, amount, nowMs)) return false;
    return this.#groups.take(key, amount, nowMs);
  }
}
