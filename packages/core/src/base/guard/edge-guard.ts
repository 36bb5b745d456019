import type { Clock } from '../time/clock.js';
import type { Guard } from './guard.js';
import { LogThrottle } from '../logging/log-throttle.js';
import type { Logger } from '../logging/logger.js';
import { reasonOf } from '../errors/reason-of.js';
import { stackOf } from '../errors/stack-of.js';

/** A failure is a problem in `status` for so long after it was last seen. */
const PROBLEM_MS = 600_000;
/** Parts and hooks are names from code, so there are few; a plugin that makes names up is cut off here. */
const PLACES_MAX = 512;

interface Place {
  readonly part: string;
  readonly what: string;
  count: number;
  reason: string;
  atMs: number;
  readonly log: LogThrottle;
}

export interface GuardOptions {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Failures of all parts of one process, by part and hook. */
class Failures {
  readonly #places = new Map<string, Place>();
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  add(part: string, what: string, error: unknown): void {
    const { clock, logger } = this.#options;
    const nowMs = clock.now();
    const place = this.#place(part, what);
    place.count += 1;
    place.atMs = nowMs;
    place.reason = reasonOf(error);
    const more = place.log.admit(nowMs);
    if (more === undefined) return;
    logger.error(`${part}: ${what} failed: ${place.reason}`, { plugin: part, hook: what, count: place.count, ...more });
    const stack = stackOf(error);
    if (stack !== undefined) logger.debug('stack of the error', { plugin: part, hook: what, stack });
  }

  counters(): Record<string, number> {
    const entries = [...this.#places.values()].map(({ part, what, count }) => [`failed.${part}: ${what}`, count]);
    return Object.fromEntries(entries) as Record<string, number>;
  }

  problems(): string[] {
    const nowMs = this.#options.clock.now();
    return [...this.#places.values()]
      .filter(({ atMs }) => nowMs - atMs < PROBLEM_MS)
      .map(({ part, what, count, reason }) => {
        const times = count === 1 ? 'once' : `${count} times`;
        return `${part}: ${what} failed ${times}, last with: ${reason}; the rest goes on without it: update or remove ${part}, or tell its author`;
      });
  }

  #place(part: string, what: string): Place {
    const key = this.#places.size < PLACES_MAX || this.#places.has(`${part}: ${what}`) ? `${part}: ${what}` : '';
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { part, what, count: 0, reason: '', atMs: 0, log: new LogThrottle() };
      this.#places.set(key, place);
    }
    return place;
  }
}

/** The process's own guard; `for` makes those of its parts and plugins. */
export class EdgeGuard implements Guard {
  readonly #part: string;
  readonly #failures: Failures;

  private constructor(part: string, failures: Failures) {
    this.#part = part;
    this.#failures = failures;
  }

  static create(part: string, options: GuardOptions): EdgeGuard {
    return new EdgeGuard(part, new Failures(options));
  }

  for(part: string): EdgeGuard {
    return new EdgeGuard(part, this.#failures);
  }

  run<T>(what: string, action: () => T): T | undefined {
    try {
      const result = action();
      // Not awaited: whoever calls goes on, and a later rejection still names its part.
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.failed(what, error));
      return result;
    } catch (error) {
      this.failed(what, error);
      return undefined;
    }
  }

  wrap<A extends readonly unknown[]>(what: string, callback: (...args: A) => unknown): (...args: A) => void {
    return (...args) => void this.run(what, () => callback(...args));
  }

  failed(what: string, error: unknown): void {
    this.#failures.add(this.#part, what, error);
  }

  /** Failures since the start, by part and hook. */
  counters(): Record<string, number> {
    return this.#failures.counters();
  }

  /** Those of the last ten minutes, a sentence each. */
  problems(): string[] {
    return this.#failures.problems();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
