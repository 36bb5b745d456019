import { randomBytes } from 'node:crypto';
import type { Clock, RandomSource } from '../contracts/clock.js';

/** The machine's clock. Its timers keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  unixMs: () => Date.now(),
  setTimeout(callback, delayMs) {
    // Node fires at once what lies further ahead than 2^31 - 1 ms (24.8 days).
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), 2 ** 31 - 1));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** The operating system's random source. */
export const systemRandom: RandomSource = { bytes: (length) => new Uint8Array(randomBytes(length)) };
