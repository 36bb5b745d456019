import { TokenBucket } from '@wirepath/core/plugin';
import { BEACON_BURST, BEACON_GAPS_MS, BEACONS_PER_SECOND, MAX_STRETCH, SEGMENT_BEACONS_PER_SECOND } from './lan-v1.js';

/** Over which the beacons of others are averaged. */
const HEARD_WINDOW_MS = 10_000;

/** When a node looks for peers by multicast: quickly at first, then rarely, and more rarely where many do. */
export class BeaconSchedule {
  readonly #bucket = new TokenBucket(BEACONS_PER_SECOND, BEACON_BURST);
  #round = 0;
  #at: number | undefined;
  /** Beacons heard, decaying with the window. */
  #heard = 0;
  #heardAt = 0;

  /** There is somebody new to find, or another network: from short gaps on. */
  hurry(now: number): void {
    this.#round = 0;
    this.#at = Math.min(this.#at ?? Infinity, now);
  }

  /** Somebody is looked for: what is scheduled already comes first. */
  want(now: number): void {
    this.#at ??= now;
  }

  /** There is nobody to find. */
  rest(): void {
    this.#at = undefined;
    this.#round = 0;
  }

  nextTimeout(): number {
    return this.#at ?? Infinity;
  }

  /** A beacon of somebody was heard, whoever it was. */
  heard(now: number): void {
    this.#decay(now);
    this.#heard += 1;
  }

  /**
   * @param count beacons of the round. @param jitter 0 to 1, random.
   * @returns how many of them may go now; the next round is scheduled.
   */
  takeRound(now: number, count: number, jitter: number): number {
    let granted = 0;
    while (granted < count && this.#bucket.take(now)) granted += 1;
    const gapMs = BEACON_GAPS_MS[Math.min(this.#round, BEACON_GAPS_MS.length - 1)] ?? 0;
    this.#round += 1;
    const waitMs = granted < count ? this.#bucket.waitMs(now) : 0;
    this.#at = now + Math.max(waitMs, gapMs * this.#stretch(now) * (0.75 + jitter * 0.5));
    return granted;
  }

  /** How many times as long as alone to wait. */
  #stretch(now: number): number {
    this.#decay(now);
    const perSecond = (this.#heard * 1000) / HEARD_WINDOW_MS;
    return Math.min(MAX_STRETCH, Math.max(1, perSecond / SEGMENT_BEACONS_PER_SECOND));
  }

  #decay(now: number): void {
    this.#heard *= Math.exp(-Math.max(0, now - this.#heardAt) / HEARD_WINDOW_MS);
    this.#heardAt = now;
  }
}
