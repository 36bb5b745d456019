import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REPLAY_WINDOW_SIZE, ReplayWindow } from '../../src/protocol/replay-window.js';

/** The same by definition: a set of all counters ever seen. */
class NaiveWindow {
  readonly #seen = new Set<bigint>();
  #last = 0n;

  accept(counter: bigint): boolean {
    if (this.#seen.has(counter) || this.#last - counter >= BigInt(REPLAY_WINDOW_SIZE)) return false;
    this.#seen.add(counter);
    if (counter > this.#last) this.#last = counter;
    return true;
  }
}

const accept = (window: ReplayWindow, counter: bigint) =>
  window.accept(Number(counter >> 32n), Number(counter & 0xffff_ffffn));

describe('replay window', () => {
  it('agrees with a naive one on every walk, near and far, around every boundary', () => {
    const start = fc.constantFrom(
      0n,
      1n,
      2n ** 32n - 100n,
      2n ** 32n,
      2n ** 53n - 50n,
      2n ** 53n,
      2n ** 63n,
      2n ** 64n - 20_000n,
    );
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: -40, max: 40 }) },
      { weight: 3, arbitrary: fc.integer({ min: -REPLAY_WINDOW_SIZE - 40, max: REPLAY_WINDOW_SIZE + 40 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 31 }) },
    );
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 300 }), (from, steps) => {
        const window = new ReplayWindow();
        const naive = new NaiveWindow();
        let counter = from;
        for (const one of [0, ...steps]) {
          counter += BigInt(one);
          if (counter < 0n) counter = 0n;
          if (counter >= 2n ** 64n) counter = 2n ** 64n - 1n;
          expect(accept(window, counter)).toBe(naive.accept(counter));
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    { name: 'the oldest that is still inside', behind: REPLAY_WINDOW_SIZE - 1, accepted: true },
    { name: 'the youngest that is outside', behind: REPLAY_WINDOW_SIZE, accepted: false },
  ])('$name', ({ behind, accepted }) => {
    for (const last of [10_000, 10_031, 2 ** 32 + 5]) {
      const window = new ReplayWindow();
      accept(window, BigInt(last));
      expect(accept(window, BigInt(last - behind))).toBe(accepted);
    }
  });

  it('a jump over the whole window leaves nothing marked', () => {
    const window = new ReplayWindow();
    for (let i = 0; i < 8192; i++) accept(window, BigInt(i));
    accept(window, 2n ** 40n);
    for (let i = 1n; i < BigInt(REPLAY_WINDOW_SIZE); i++) expect(accept(window, 2n ** 40n - i)).toBe(true);
  });
});
