/**
 * The sliding window that accepts each message counter once (RFC 6479). Counters are 64 bit, in two unsigned 32-bit
 * halves. The bitmap is a ring of 8192 bits in 32-bit blocks; the block that is being entered is cleared, so that the
 * window proper is one block smaller.
 */

const RING_BITS = 8192;
const BLOCK_BITS = 32;
const RING_BLOCKS = RING_BITS / BLOCK_BITS;
export const REPLAY_WINDOW_SIZE = RING_BITS - BLOCK_BITS;

export class ReplayWindow {
  readonly #ring = new Uint32Array(RING_BLOCKS);
  #lastHigh = 0;
  #lastLow = 0;

  /** Marks the counter as seen. @returns false when it was seen before or lies behind the window. */
  accept(high: number, low: number): boolean {
    // Almost always: the next one, or one soon after it.
    const step = (low - this.#lastLow) | 0;
    if (high === this.#lastHigh && step > 0 && step < BLOCK_BITS && low > this.#lastLow) {
      const block = low >>> 5;
      if (block !== this.#lastLow >>> 5) this.#ring[block % RING_BLOCKS] = 0;
      this.#lastLow = low;
      return this.#mark(low);
    }
    // Exact where it matters: the halves differ by little whenever the counter is near the window.
    const ahead = (high - this.#lastHigh) * 0x1_0000_0000 + (low - this.#lastLow);
    if (ahead > 0) {
      // 2^32 is a multiple of the ring, so the low half alone finds a block.
      const blocksAhead = Math.min(Math.floor(((this.#lastLow % BLOCK_BITS) + ahead) / BLOCK_BITS), RING_BLOCKS);
      const lastBlock = this.#lastLow >>> 5;
      for (let i = 1; i <= blocksAhead; i++) this.#ring[(lastBlock + i) % RING_BLOCKS] = 0;
      this.#lastHigh = high;
      this.#lastLow = low;
    } else if (-ahead >= REPLAY_WINDOW_SIZE) {
      return false;
    }
    return this.#mark(low);
  }

  /** @returns false when it is marked already. */
  #mark(low: number): boolean {
    const block = (low >>> 5) % RING_BLOCKS;
    const bit = 1 << (low % BLOCK_BITS);
    const bits = this.#ring[block] ?? 0;
    if ((bits & bit) !== 0) return false;
    this.#ring[block] = bits | bit;
    return true;
  }
}
