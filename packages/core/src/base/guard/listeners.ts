import type { Guard } from './guard.js';

/** Those who want to be told of something. One that throws hurts neither the others nor whoever tells. */
export class Listeners<Event = void> {
  /** Replaced, never changed: a listener may add or remove listeners while it is called. */
  #listeners: readonly { readonly call: (event: Event) => unknown }[] = [];
  readonly #guard: Guard;
  readonly #name: string;

  /** @param name what they listen to, for the log and the counter. */
  constructor(guard: Guard, name: string) {
    this.#guard = guard;
    this.#name = name;
  }

  /** Disposing removes it; the same function may be added twice. @param call what it returns matters to {@link offer} only. */
  add(call: (event: Event) => unknown): Disposable {
    const listener = { call };
    this.#listeners = [...this.#listeners, listener];
    return {
      [Symbol.dispose]: () => {
        this.#listeners = this.#listeners.filter((other) => other !== listener);
      },
    };
  }

  /** Tells them all. */
  tell(event: Event): void {
    for (const listener of this.#listeners) this.#call(listener, event);
  }

  /** Tells one after the other until one returns true. @returns whether one took it, or failed at it. */
  offer(event: Event): boolean {
    let failed = false;
    for (const listener of this.#listeners) {
      const outcome = this.#call(listener, event);
      if (outcome === true) return true;
      failed ||= outcome === FAILED;
    }
    return failed;
  }

  /** Written out, not by way of `run`: it is on the way of every packet. */
  #call(listener: { readonly call: (event: Event) => unknown }, event: Event): unknown {
    try {
      return listener.call(event);
    } catch (error) {
      this.#guard.failed(`listener of ${this.#name}`, error);
      return FAILED;
    }
  }
}

const FAILED = Symbol('failed');
