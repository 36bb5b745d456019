import { BinaryHeap, type Clock } from '@wirepath/core';

class Timer implements Disposable {
  constructor(
    readonly dueMs: number,
    readonly order: number,
    /** Undefined once it has fired or was cancelled. */
    public callback: (() => void) | undefined,
    readonly onCancel: () => void,
  ) {}

  [Symbol.dispose](): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    this.onCancel();
  }
}

/**
 * A clock for simulations: time jumps from timer to timer. Unlike `FakeClock` it runs synchronously and keeps its timers
 * in a heap, so that a hundred nodes can live through hours of it in a moment.
 */
export class VirtualTime implements Clock {
  #nowMs = 0;
  #order = 0;
  #pending = 0;
  readonly #heap = new BinaryHeap<Timer>(isBefore);
  readonly #cancelled = () => void (this.#pending -= 1);
  readonly #startUnixMs = Date.UTC(2026, 0, 1);

  now(): number {
    return this.#nowMs;
  }

  unixMs(): number {
    return this.#startUnixMs + this.#nowMs;
  }

  setTimeout(callback: () => void, delayMs: number): Disposable {
    const timer = new Timer(this.#nowMs + Math.max(0, delayMs), this.#order++, callback, this.#cancelled);
    this.#pending += 1;
    this.#heap.push(timer);
    return timer;
  }

  /** Timers that have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#pending;
  }

  /** Fires everything that is due until then, in order. Promise callbacks do not get to run in between. */
  runUntil(untilMs: number): void {
    while (this.#fireNext(untilMs));
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** As {@link runUntil}, for subjects that await: between two timers, promise callbacks get to run. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#fireNext(untilMs));
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #fireNext(untilMs: number): boolean {
    for (let top = this.#heap.first; top !== undefined && top.dueMs <= untilMs; top = this.#heap.first) {
      this.#heap.pop();
      const { callback } = top;
      if (callback === undefined) continue;
      top.callback = undefined;
      this.#pending -= 1;
      this.#nowMs = Math.max(this.#nowMs, top.dueMs);
      callback();
      return true;
    }
    return false;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
