/** Those who want to be told of something. */
export class Listeners<T> {
  readonly #listeners = new Set<{ readonly call: (event: T) => void }>();

  /** Disposing removes it; the same function may be added twice. */
  add(call: (event: T) => void): Disposable {
    const entry = { call };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  tell(event: T): void {
    for (const { call } of [...this.#listeners]) call(event);
  }

  clear(): void {
    this.#listeners.clear();
  }
}
