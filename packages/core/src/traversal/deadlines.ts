/** Who is due next: a binary heap of (time, key), where only the newest time of a key counts. */
export class Deadlines<K> {
  readonly #heap: { at: number; key: K }[] = [];
  readonly #current = new Map<K, number>();

  set(key: K, at: number | undefined): void {
    if (this.#current.get(key) === at) return;
    if (at === undefined) {
      this.#current.delete(key);
      return;
    }
    this.#current.set(key, at);
    this.#push({ at, key });
  }

  /** The earliest time; undefined when nothing is due ever. */
  next(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.at;
  }

  /** Removes and returns a key that is due at `now`. */
  takeDue(now: number): K | undefined {
    this.#dropStale();
    const top = this.#heap[0];
    if (top === undefined || top.at > now) return undefined;
    this.#pop();
    this.#current.delete(top.key);
    return top.key;
  }

  #dropStale(): void {
    for (let top = this.#heap[0]; top !== undefined && this.#current.get(top.key) !== top.at; top = this.#heap[0]) {
      this.#pop();
    }
  }

  #push(item: { at: number; key: K }): void {
    const heap = this.#heap;
    let index = heap.push(item) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= item.at) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const l = heap[left];
      const r = heap[left + 1];
      const child = r !== undefined && l !== undefined && r.at < l.at ? left + 1 : left;
      const below = heap[child];
      if (below === undefined || below.at >= last.at) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}
