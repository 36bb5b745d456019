import { BinaryHeap } from './binary-heap.js';

/** Who is due next: a binary heap of (time, key), where only the newest time of a key counts. */
export class DueTimes<K> {
  readonly #heap = new BinaryHeap<{ readonly at: number; readonly key: K }>((a, b) => a.at < b.at);
  readonly #current = new Map<K, number>();

  set(key: K, at: number | undefined): void {
    if (this.#current.get(key) === at) return;
    if (at === undefined) {
      this.#current.delete(key);
      return;
    }
    this.#current.set(key, at);
    this.#heap.push({ at, key });
  }

  /** The earliest time; undefined when nothing is due ever. */
  next(): number | undefined {
    this.#dropStale();
    return this.#heap.first?.at;
  }

  /** Removes and returns a key that is due at `now`. */
  takeDue(now: number): K | undefined {
    this.#dropStale();
    const top = this.#heap.first;
    if (top === undefined || top.at > now) return undefined;
    this.#heap.pop();
    this.#current.delete(top.key);
    return top.key;
  }

  #dropStale(): void {
    for (
      let top = this.#heap.first;
      top !== undefined && this.#current.get(top.key) !== top.at;
      top = this.#heap.first
    ) {
      this.#heap.pop();
    }
  }
}
