import type { Clock } from '@wirepath/core';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/**
 * A clock for simulations: time jumps from timer to timer. Unlike `FakeClock` it runs synchronously and keeps its timers
 * in a heap, so that a hundred nodes can live through hours of it in a moment.
 */
export class VirtualTime implements Clock {
  #nowMs = 0;
  #order = 0;
  #pending = 0;
  readonly #heap: Timer[] = [];
  readonly #startUnixMs = Date.UTC(2026, 0, 1);

  now(): number {
    return this.#nowMs;
  }

  unixMs(): number {
    return this.#startUnixMs + this.#nowMs;
  }

  setTimeout(callback: () => void, delayMs: number): Disposable {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#pending += 1;
    this.#push(timer);
    return {
      [Symbol.dispose]: () => {
        if (timer.callback === undefined) return;
        timer.callback = undefined;
        this.#pending -= 1;
      },
    };
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
    for (let top = this.#heap[0]; top !== undefined && top.dueMs <= untilMs; top = this.#heap[0]) {
      this.#pop();
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

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, timer)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const [child, at] =
        right !== undefined && left !== undefined && isBefore(right, left)
          ? [right, 2 * index + 2]
          : [left, 2 * index + 1];
      if (child === undefined || isBefore(last, child)) break;
      heap[index] = child;
      index = at;
    }
    heap[index] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
