import type { Clock } from './clock.js';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that moves only when told to, for tests. */
export class FakeClock implements Clock {
  #nowMs: number;
  #order = 0;
  #unixOffsetMs: number;
  readonly #timers = new Set<Timer>();

  constructor(options: { nowMs?: number; unixMs?: number } = {}) {
    this.#nowMs = options.nowMs ?? 0;
    this.#unixOffsetMs = (options.unixMs ?? Date.UTC(2026, 0, 1)) - this.#nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  unixMs(): number {
    return this.#unixOffsetMs + this.#nowMs;
  }

  /** Moves the wall clock alone, as a machine that slept finds it, or as somebody sets it. */
  jumpWallClock(byMs: number): void {
    this.#unixOffsetMs += byMs;
  }

  setTimeout(callback: () => void, delayMs: number): Disposable {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** The machine is suspended: both clocks go on, and what became due meanwhile fires only then. */
  async suspend(byMs: number): Promise<void> {
    this.#nowMs += byMs;
    await this.advance(0);
  }

  /** Timers that have neither fired nor been cancelled: 0 after a clean stop. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** When the next timer is due, on the scale of `now()`. */
  nextDueMs(): number | undefined {
    return this.#next()?.dueMs;
  }

  /** Moves time on, firing timers in order; between two of them everything that awaits gets to run. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await settle();
    for (let timer = this.#next(); timer !== undefined && timer.dueMs <= untilMs; timer = this.#next()) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.callback();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order))
        next = timer;
    }
    return next;
  }
}

/** Lets pending promise callbacks run: setImmediate comes after all microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
