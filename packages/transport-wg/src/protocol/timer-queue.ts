/**
 * DueTimes for thousands of peers: a binary min-heap that is corrected late. Moving a deadline further away, which
 * most packets do to some keepalive, only writes a field; the heap learns of it when the old deadline comes to the
 * top.
 */

/** One deadline. It is off while `dueMs` is infinite. */
export interface Timer {
  readonly onDue: (now: number) => void;
  dueMs: number;
  /** The time that the heap is ordered by: never later than `dueMs`. */
  queuedMs: number;
  /** Position in the heap, -1 outside. */
  slot: number;
}

export class TimerQueue {
  readonly #heap: Timer[] = [];

  create(onDue: (now: number) => void): Timer {
    return { onDue, dueMs: Infinity, queuedMs: Infinity, slot: -1 };
  }

  /** Sets the deadline, whatever it was before. */
  set(timer: Timer, dueMs: number): void {
    timer.dueMs = dueMs;
    if (timer.slot === -1) {
      timer.queuedMs = dueMs;
      timer.slot = this.#heap.length;
      this.#heap.push(timer);
      this.#siftUp(timer);
    } else if (dueMs < timer.queuedMs) {
      timer.queuedMs = dueMs;
      this.#siftUp(timer);
    }
  }

  cancel(timer: Timer): void {
    timer.dueMs = Infinity;
  }

  /** Takes a timer out at once, so that it keeps nothing alive. */
  remove(timer: Timer): void {
    timer.dueMs = Infinity;
    if (timer.slot !== -1) this.#takeOut(timer);
  }

  /** The earliest deadline, or undefined when every timer is off. */
  next(): number | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return undefined;
      if (top.dueMs === top.queuedMs) return top.dueMs;
      if (top.dueMs === Infinity) {
        this.#takeOut(top);
      } else {
        top.queuedMs = top.dueMs;
        this.#siftDown(top);
      }
    }
  }

  /**
   * Fires every timer that is due, in order; a timer is off while it fires and may set itself again, later than `now`.
   */
  run(now: number): void {
    for (let due = this.next(); due !== undefined && due <= now; due = this.next()) {
      const top = this.#heap[0];
      if (top === undefined) return;
      this.remove(top);
      top.onDue(now);
    }
  }

  #takeOut(timer: Timer): void {
    const slot = timer.slot;
    const last = this.#heap.pop();
    timer.slot = -1;
    if (last === undefined || last === timer) return;
    this.#heap[slot] = last;
    last.slot = slot;
    this.#siftUp(last);
    this.#siftDown(last);
  }

  #siftUp(timer: Timer): void {
    while (timer.slot > 0) {
      const parent = this.#heap[(timer.slot - 1) >> 1];
      if (parent === undefined || parent.queuedMs <= timer.queuedMs) return;
      this.#swap(parent, timer);
    }
  }

  #siftDown(timer: Timer): void {
    for (;;) {
      const left = this.#heap[2 * timer.slot + 1];
      const right = this.#heap[2 * timer.slot + 2];
      const least = right !== undefined && left !== undefined && right.queuedMs < left.queuedMs ? right : left;
      if (least === undefined || timer.queuedMs <= least.queuedMs) return;
      this.#swap(timer, least);
    }
  }

  /** `upper` is the parent of `lower`. */
  #swap(upper: Timer, lower: Timer): void {
    const slot = lower.slot;
    lower.slot = upper.slot;
    upper.slot = slot;
    this.#heap[lower.slot] = lower;
    this.#heap[slot] = upper;
  }
}
