import type { Clock, Logger } from '@wirepath/core/plugin';
import type { Counters } from './counters.js';

/** A broken listener must not flood the log at the rate of the packets. */
const LOG_INTERVAL_MS = 60_000;

interface Entry<Event> {
  readonly listener: (event: Event) => boolean | void;
  loggedAtMs: number | undefined;
}

export interface ListenersOptions {
  /** What they listen to, for the log and the counter. */
  readonly name: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** Listeners of one event. One that throws hurts neither the others nor the socket handler that called. */
export class Listeners<Event> {
  /** Replaced, never changed: a listener may add or remove listeners while it is called. */
  #entries: readonly Entry<Event>[] = [];
  readonly #options: ListenersOptions;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** @param listener what it returns matters to {@link offer} only. */
  add(listener: (event: Event) => boolean | void): Disposable {
    const entry: Entry<Event> = { listener, loggedAtMs: undefined };
    this.#entries = [...this.#entries, entry];
    return {
      [Symbol.dispose]: () => {
        this.#entries = this.#entries.filter((other) => other !== entry);
      },
    };
  }

  /** Tells them all. */
  emit(event: Event): void {
    for (const entry of this.#entries) this.#call(entry, event);
  }

  /** Tells one after the other until one takes it. @returns false when nobody had a use for it; a failure is counted as such. */
  offer(event: Event): boolean {
    let failed = false;
    for (const entry of this.#entries) {
      const outcome = this.#call(entry, event);
      if (outcome === 'taken') return true;
      failed ||= outcome === 'failed';
    }
    return failed;
  }

  #call(entry: Entry<Event>, event: Event): 'taken' | 'left' | 'failed' {
    try {
      return entry.listener(event) === true ? 'taken' : 'left';
    } catch (error) {
      this.#failed(entry, error);
      return 'failed';
    }
  }

  #failed(entry: Entry<Event>, error: unknown): void {
    const { name, logger, clock, counters } = this.#options;
    counters.count(`listener-failed.${name}`);
    const now = clock.now();
    if (entry.loggedAtMs !== undefined && now - entry.loggedAtMs < LOG_INTERVAL_MS) return;
    entry.loggedAtMs = now;
    logger.error('a listener threw', { event: name, error: error instanceof Error ? error.stack : String(error) });
  }
}
