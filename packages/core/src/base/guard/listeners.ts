import type { Guard } from './guard.js';

interface Entry<Event> {
  /** Undefined once it is disposed of: then it is not called any more, not in a round that has begun either. */
  listener: ((event: Event) => unknown) | undefined;
}

/** Those who want to be told of something. With a guard, one that throws hurts neither the others nor whoever tells. */
export class Listeners<Event = void> {
  /** Replaced, never changed: a listener may add or remove listeners while it is called. */
  #entries: readonly Entry<Event>[] = [];
  readonly #guard: Guard | undefined;
  readonly #name: string;

  /**
   * @param guard without one, what a listener throws goes to whoever tells.
   * @param name what they listen to, for the log and the counter.
   */
  constructor(guard?: Guard, name = '') {
    this.#guard = guard;
    this.#name = name;
  }

  /** Disposing removes it; the same function may be added twice. @param listener what it returns matters to {@link offer} only. */
  add(listener: (event: Event) => unknown): Disposable {
    const entry: Entry<Event> = { listener };
    this.#entries = [...this.#entries, entry];
    return {
      [Symbol.dispose]: () => {
        entry.listener = undefined;
        this.#entries = this.#entries.filter((other) => other !== entry);
      },
    };
  }

  /** Tells them all. */
  tell(event: Event): void {
    for (const entry of this.#entries) this.#tell(entry, event);
  }

  /** Tells one after the other until one returns true. @returns whether one took it, or failed at it. */
  offer(event: Event): boolean {
    let failed = false;
    for (const entry of this.#entries) {
      const outcome = this.#tell(entry, event);
      if (outcome === true) return true;
      failed ||= outcome === FAILED;
    }
    return failed;
  }

  /** Written out, not by way of `run`: it is on the way of every packet. */
  #tell({ listener }: Entry<Event>, event: Event): unknown {
    try {
      return listener?.(event);
    } catch (error) {
      if (this.#guard === undefined) throw error;
      this.#guard.failed(`listener of ${this.#name}`, error);
      return FAILED;
    }
  }
}

const FAILED = Symbol('failed');
