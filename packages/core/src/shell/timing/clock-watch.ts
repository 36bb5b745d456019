import type { Clock } from '../../base/time/clock.js';

const LOOK_MS = 2000;
/** Less is the drift of a wall clock that is being corrected, or a busy process. */
const JUMP_MS = 5000;

/**
 * Notices that the machine slept, or stood still as virtual ones do: the timer comes late by far. Mappings, allocations and
 * perhaps the network itself are gone by then. Where a clock does not count suspended time, the wall clock has moved on
 * without it. A wall clock that was set looks the same, and a look around does no harm.
 */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #onJump: (byMs: number) => void;
  #timer: Disposable | undefined;
  #offsetMs = 0;

  constructor(clock: Clock, onJump: (byMs: number) => void) {
    this.#clock = clock;
    this.#onJump = onJump;
  }

  start(): void {
    this.#offsetMs = this.#offset();
    this.#lookLater();
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #lookLater(): void {
    const dueMs = this.#clock.now() + LOOK_MS;
    this.#timer = this.#clock.setTimeout(() => {
      const lateMs = this.#clock.now() - dueMs;
      this.#lookLater();
      const byMs = this.#offset() - this.#offsetMs;
      this.#offsetMs += byMs;
      if (lateMs >= JUMP_MS) this.#onJump(lateMs);
      else if (Math.abs(byMs) >= JUMP_MS) this.#onJump(byMs);
    }, LOOK_MS);
  }

  #offset(): number {
    return this.#clock.unixMs() - this.#clock.now();
  }
}
