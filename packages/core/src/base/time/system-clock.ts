import { randomBytes } from 'node:crypto';
import { uptime } from 'node:os';
import type { Boottime, Clock, RandomSource } from './clock.js';

/** Node fires at once what lies further ahead than this (24.8 days). */
const MAX_DELAY_MS = 2 ** 31 - 1;
/** An idle process, whose timers would sleep on after the machine has woken up, looks this often. */
const TICK_MS = 1000;

/** What Node and the system give: replaced by tests. */
export interface ClockSources {
  /** Monotonic, ms; stands still while the machine is suspended. */
  readonly running: () => number;
  readonly unixMs: () => number;
  readonly boottime: Boottime;
  /** By `running`. @param keepsAlive the process does not end before it has fired. */
  setTimeout(callback: () => void, delayMs: number, keepsAlive: boolean): Disposable;
}

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
  armed: Disposable | undefined;
}

/**
 * The machine's clock. Node's own stands still while the machine is suspended, and its timers with it; sessions, permissions
 * and allocations age all the same. So `now` counts that time, and timers that became due meanwhile fire as soon as it is
 * noticed: with the next look at the time, a second later at most. Timers keep the process alive.
 */
export class SystemClock implements Clock {
  readonly #sources: ClockSources;
  readonly #timers = new Set<Timer>();
  #boottime: Boottime;
  /** What the boottime is ahead of `running` but for suspended time. */
  #aheadMs: number;
  #suspendedMs = 0;
  #lookedAtMs: number;
  #ticker: Disposable | undefined;

  constructor(sources: ClockSources = SYSTEM) {
    this.#sources = sources;
    this.#boottime = sources.boottime;
    this.#lookedAtMs = sources.running();
    this.#aheadMs = this.#boottime.read() - this.#lookedAtMs;
  }

  now(): number {
    const running = this.#sources.running();
    if (running - this.#lookedAtMs >= this.#boottime.intervalMs) this.#look(running);
    return running + this.#suspendedMs;
  }

  unixMs(): number {
    return this.#sources.unixMs();
  }

  setTimeout(callback: () => void, delayMs: number): Disposable {
    const timer: Timer = { dueMs: this.now() + Math.max(0, delayMs), callback, armed: undefined };
    this.#timers.add(timer);
    this.#arm(timer, delayMs);
    this.#ticker ??= this.#tickLater();
    return { [Symbol.dispose]: () => this.#remove(timer) };
  }

  /** A finer clock than the first, as soon as there is one. `now` neither jumps nor goes back by it. */
  readBoottimeWith(boottime: Boottime): void {
    const running = this.#sources.running();
    this.#look(running);
    this.#boottime = boottime;
    this.#aheadMs = boottime.read() - running - this.#suspendedMs;
  }

  #look(running: number): void {
    this.#lookedAtMs = running;
    const missedMs = this.#boottime.read() - running - this.#aheadMs - this.#suspendedMs;
    // Less is the coarseness of the clock. It never counts back.
    if (!(missedMs >= this.#boottime.resolutionMs)) return;
    this.#suspendedMs += missedMs;
    // Those due at once fire in the order in which they are armed.
    for (const timer of [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)) {
      timer.armed?.[Symbol.dispose]();
      this.#arm(timer, timer.dueMs - running - this.#suspendedMs);
    }
  }

  #arm(timer: Timer, delayMs: number): void {
    const isLast = delayMs <= MAX_DELAY_MS;
    timer.armed = this.#sources.setTimeout(
      () => {
        if (!isLast) return this.#arm(timer, timer.dueMs - this.now());
        this.#remove(timer);
        timer.callback();
      },
      Math.min(Math.max(0, delayMs), MAX_DELAY_MS),
      true,
    );
  }

  #remove(timer: Timer): void {
    timer.armed?.[Symbol.dispose]();
    this.#timers.delete(timer);
    if (this.#timers.size > 0) return;
    this.#ticker?.[Symbol.dispose]();
    this.#ticker = undefined;
  }

  #tickLater(): Disposable {
    const tick = () => {
      this.#ticker = this.#tickLater();
      this.#look(this.#sources.running());
    };
    return this.#sources.setTimeout(tick, TICK_MS, false);
  }
}

const SYSTEM: ClockSources = {
  running: () => performance.now(),
  unixMs: () => Date.now(),
  // Whole seconds on some systems, and a file to read on others.
  boottime: { read: () => uptime() * 1000, resolutionMs: 2000, intervalMs: TICK_MS },
  setTimeout(callback, delayMs, keepsAlive) {
    const timer = setTimeout(callback, delayMs);
    if (!keepsAlive) timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** The clock of whatever is not given one. */
export const systemClock: Clock = new SystemClock();

/** The operating system's random source. */
export const systemRandom: RandomSource = { bytes: (length) => new Uint8Array(randomBytes(length)) };
