import { MAX_CHANNEL, MIN_CHANNEL } from '@wirepath/stun-codec';

/**
 * How long after its last binding a number may not be bound to another peer: the channel's 10 minutes and 5 more
 * (RFC 8656, section 12).
 */
export const CHANNEL_QUARANTINE_MS = 15 * 60_000;

/** Hands out the 4,096 channel numbers of one allocation. */
export class ChannelNumbers {
  #next = MIN_CHANNEL;
  /** Numbers given back, in the order in which their quarantine ends. */
  readonly #resting: { readonly number: number; readonly freeAtMs: number }[] = [];

  /** Undefined when all are bound or resting. */
  take(nowMs: number): number | undefined {
    if (this.#next <= MAX_CHANNEL) return this.#next++;
    const [first] = this.#resting;
    if (first === undefined || first.freeAtMs > nowMs) return undefined;
    this.#resting.shift();
    return first.number;
  }

  giveBack(number: number, freeAtMs: number): void {
    const later = this.#resting.findIndex((resting) => resting.freeAtMs > freeAtMs);
    this.#resting.splice(later === -1 ? this.#resting.length : later, 0, { number, freeAtMs });
  }
}
