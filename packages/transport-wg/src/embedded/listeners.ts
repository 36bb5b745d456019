import type { Clock, Logger } from '@wirepath/core/plugin';
import type { Counters } from './counters.js';

/** A broken listener must not flood the log at the rate of the packets. */
const LOG_INTERVAL_MS = 60_000;

interface Entry<Event> {
  readonly listener: (event: Event) => void;
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

  add(listener: (event: Event) => void): Disposable {
    const entry: Entry<Event> = { listener, loggedAtMs: undefined };
    this.#entries = [...this.#entries, entry];
    return {
      [Symbol.dispose]: () => {
        this.#entries = this.#entries.filter((other) => other !== entry);
      },
    };
  }

  emit(event: Event): void {
    for (const entry of this.#entries) {
      try {
        entry.listener(event);
      } catch (error) {
        this.#failed(entry, error);
      }
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
