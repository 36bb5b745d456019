import type { RandomSource } from '../time/clock.js';
import { KeyedHash } from './keyed-hash.js';

/** What one key may use: so much per second, and `burst` at once after it was quiet. In whatever unit the user counts. */
export interface Share {
  readonly perSecond: number;
  readonly burst: number;
}

/** 512 KiB: with a hundred thousand keys a second over it, each bucket meets one or two. */
const DEFAULT_BUCKETS = 65_536;

/**
 * A share for each key, in a table of fixed size: no table that grows, no timer, nothing to throw away. Keys are hashed
 * under a secret, so two may have one bucket, and nobody can choose whose. A key that was never seen has its whole share,
 * so a flood under ever new names takes nothing from anybody (the generic cell rate algorithm, one number per bucket).
 */
export class KeyedShares {
  readonly #share: Share;
  readonly #hash: KeyedHash;
  /** When each bucket is full again, ms of the clock. */
  readonly #fullAtMs: Float64Array;
  readonly #mask: number;

  /** @param buckets a power of two. */
  constructor(share: Share, random: RandomSource, buckets = DEFAULT_BUCKETS) {
    if (!(buckets > 0) || (buckets & (buckets - 1)) !== 0) throw new RangeError(`not a power of two: ${buckets}`);
    this.#share = share;
    this.#hash = new KeyedHash(random);
    this.#fullAtMs = new Float64Array(buckets).fill(-Infinity);
    this.#mask = buckets - 1;
  }

  /** Takes `amount`, or nothing where there is less. @param nowMs of a clock that does not go back. */
  take(key: string, amount: number, nowMs: number): boolean {
    const bucket = this.#hash.of(key) & this.#mask;
    const fullAtMs = this.#after(bucket, amount, nowMs);
    if (fullAtMs === undefined) return false;
    this.#fullAtMs[bucket] = fullAtMs;
    return true;
  }

  /** Whether {@link take} would. */
  has(key: string, amount: number, nowMs: number): boolean {
    return this.#after(this.#hash.of(key) & this.#mask, amount, nowMs) !== undefined;
  }

  #after(bucket: number, amount: number, nowMs: number): number | undefined {
    const { perSecond, burst } = this.#share;
    const fullAtMs = Math.max(nowMs, this.#fullAtMs[bucket] ?? -Infinity) + (amount * 1000) / perSecond;
    return fullAtMs - nowMs <= (burst * 1000) / perSecond ? fullAtMs : undefined;
  }
}
