/** Those who want to be told of something. */
export class Listeners<T> {
  readonly #listeners = new Set<{ readonly call: (event: T) => boolean | void }>();

  /** Disposing removes it; the same function may be added twice. */
  add(call: (event: T) => boolean | void): Disposable {
    const entry = { call };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  tell(event: T): void {
    for (const { call } of [...this.#listeners]) call(event);
  }

  /** Tells one after the other until one returns true. @returns whether one did. */
  offer(event: T): boolean {
    for (const { call } of this.#listeners) if (call(event) === true) return true;
    return false;
  }

  clear(): void {
    this.#listeners.clear();
  }
}
