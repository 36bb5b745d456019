import type { Clock } from '@wirepath/core/plugin';

/**
 * Aborts with another signal, or by itself. Disposing lets go of the other one: unlike `AbortSignal.any`, nothing is left
 * on a signal that lives as long as the node.
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  #timer: Disposable | undefined;
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

  /** Aborts in so many ms, unless {@link abortAfter} is called again or it is disposed. */
  abortAfter(delayMs: number, clock: Clock): void {
    this.#timer?.[Symbol.dispose]();
    // In a process that was busy timers come before the datagrams that have long arrived: those are read between two timers.
    this.#timer = clock.setTimeout(() => {
      this.#timer = clock.setTimeout(() => this.abort(), 0);
    }, delayMs);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#parent.removeEventListener('abort', this.#onAbort);
  }
}
