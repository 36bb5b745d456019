/** Callbacks of one kind, in the order in which they came. */
export class Listeners<Event> {
  readonly #listeners = new Set<{ readonly call: (event: Event) => void }>();

  add(call: (event: Event) => void): Disposable {
    const listener = { call };
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  call(event: Event): void {
    for (const listener of [...this.#listeners]) listener.call(event);
  }
}
