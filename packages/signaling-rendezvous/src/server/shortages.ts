import type { Logger } from '@wirepath/core/plugin';

const LOG_INTERVAL_MS = 60_000;
const PROBLEM_MS = 600_000;

/** What a counter that grows says to whoever runs the server. */
export interface Shortage {
  /** As in `status`: `closed.full`. */
  readonly counter: string;
  /** @param count since the server started. */
  readonly describe: (count: number) => string;
}

/** Turns counters that grow into a line of the log, once a minute at most for each, and a sentence in `status`. */
export class Shortages {
  readonly #shortages: readonly Shortage[];
  readonly #logger: Logger;
  readonly #seen = new Map<string, { count: number; atMs: number; loggedAtMs: number; loggedCount: number }>();

  constructor(shortages: readonly Shortage[], logger: Logger) {
    this.#shortages = shortages;
    this.#logger = logger;
  }

  /** To be called about once a second. @param counters since the start, by name. */
  look(counters: Readonly<Record<string, number>>, nowMs: number): void {
    for (const shortage of this.#shortages) {
      const { counter } = shortage;
      const count = counters[counter] ?? 0;
      const seen = this.#seen.get(counter) ?? { count: 0, atMs: 0, loggedAtMs: -Infinity, loggedCount: 0 };
      if (count > seen.count) {
        seen.count = count;
        seen.atMs = nowMs;
        this.#seen.set(counter, seen);
      }
      if (seen.count === seen.loggedCount || nowMs < seen.loggedAtMs + LOG_INTERVAL_MS) continue;
      seen.loggedAtMs = nowMs;
      seen.loggedCount = seen.count;
      this.#logger.warn(`rendezvous: ${shortage.describe(count)}`, { counter, count });
    }
  }

  /** Those of the last ten minutes. */
  problems(nowMs: number): string[] {
    return this.#shortages.flatMap(({ counter, describe }) => {
      const seen = this.#seen.get(counter);
      return seen && nowMs < seen.atMs + PROBLEM_MS ? [describe(seen.count)] : [];
    });
  }
}
