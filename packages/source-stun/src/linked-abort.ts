/**
 * Aborts with another signal, or by itself. Disposing lets go of the other one: unlike `AbortSignal.any`, nothing is left
 * on a signal that lives as long as the node.
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #onAbort = () => this.abort();

  constructor(parent: AbortSignal) {
    this.#parent = parent;
    if (parent.aborted) this.abort();
    else parent.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    this.#parent.removeEventListener('abort', this.#onAbort);
  }
}
