/**
 * Ctrl-C and SIGTERM as an AbortSignal, for as long as it is not disposed.
 * A second Ctrl-C does not wait for anything: the process exits with 130, after {@link onForced}.
 */
export class Interrupt implements Disposable {
  readonly #abort = new AbortController();
  readonly #again = new AbortController();
  /** What even a forced exit must do. */
  onForced: () => void = () => undefined;

  constructor() {
    process.on('SIGINT', this.#onInterrupt);
    process.on('SIGTERM', this.#onTerminate);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** A second SIGTERM: what takes its time to end must not. */
  get again(): AbortSignal {
    return this.#again.signal;
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#onInterrupt);
    process.off('SIGTERM', this.#onTerminate);
  }

  readonly #onInterrupt = (): void => {
    if (this.signal.aborted) {
      this.onForced();
      process.exit(130);
    }
    this.#abort.abort();
  };

  readonly #onTerminate = (): void => {
    if (this.signal.aborted) this.#again.abort();
    this.#abort.abort();
  };
}

/** Resolves when the signal aborts; at once when it has. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
