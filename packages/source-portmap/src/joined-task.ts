/** One piece of work that several wait for: it is aborted when none of them waits any more. */
export class JoinedTask {
  #current: { readonly done: Promise<void>; readonly abort: AbortController; waiting: number } | undefined;

  /** Starts the work, or joins what is under way. Resolves when it is done or the signal aborts; never rejects by abort. */
  async join(signal: AbortSignal, start: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (signal.aborted) return;
    const task = this.#current ?? this.#begin(start);
    task.waiting += 1;
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
      signal.addEventListener('abort', leave, { once: true });
    });
    try {
      await Promise.race([task.done, left]);
    } finally {
      signal.removeEventListener('abort', leave);
      task.waiting -= 1;
      if (task.waiting === 0) task.abort.abort();
    }
  }

  /** Ends what is under way, and waits for its end. */
  async cancel(): Promise<void> {
    const task = this.#current;
    task?.abort.abort();
    await task?.done;
  }

  #begin(start: (signal: AbortSignal) => Promise<void>) {
    const abort = new AbortController();
    const done = start(abort.signal).finally(() => {
      if (this.#current?.abort === abort) this.#current = undefined;
    });
    // Whoever waits is told; after the last one has left nobody is.
    done.catch(() => undefined);
    this.#current = { done, abort, waiting: 0 };
    return this.#current;
  }
}
