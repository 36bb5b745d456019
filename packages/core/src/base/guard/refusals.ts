import type { Clock } from '../time/clock.js';
import { LogThrottle } from '../logging/log-throttle.js';
import type { Logger } from '../logging/logger.js';
import { reasonOf } from '../errors/reason-of.js';

/** Subjects that are remembered; what comes on top is counted. */
const SUBJECTS_MAX = 256;
/** Lines in `status`: who needs more of them reads the log, or mends the first ones. */
const PROBLEMS_MAX = 5;
const TEXT_MAX = 200;

export interface RefusalsOptions {
  /** The plugin or part whose words are refused, as the rc file names it. */
  readonly plugin: string;
  /** What is refused, for counters: `peer`, `candidate`. */
  readonly what: string;
  /** What whoever reads `status` can do. */
  readonly cure: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * What a plugin gave that could not be taken: counted, logged at most once a minute, and a problem for as long as the plugin
 * stands by it. The plugin goes on.
 */
export class Refusals {
  readonly #options: RefusalsOptions;
  /** Those that still hold. */
  readonly #open = new Map<string, { readonly subject: string; readonly why: string }>();
  #count = 0;
  readonly #log = new LogThrottle();

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /**
   * @param subject names the one thing, such as a peer; not a secret.
   * @param why a clause that follows it.
   * @param key what {@link settle} is called with.
   */
  refuse(subject: string, why: string, key: string = subject): void {
    const { plugin, what, logger, clock, cure } = this.#options;
    this.#count += 1;
    if (this.#open.size < SUBJECTS_MAX || this.#open.has(key)) this.#open.set(key, { subject, why: oneLine(why) });
    const more = this.#log.admit(clock.now());
    if (more === undefined) return;
    logger.warn(`${plugin}: ${subject} is refused: ${oneLine(why)}`, {
      plugin,
      what,
      count: this.#count,
      cure,
      ...more,
    });
  }

  /** It is right now, or nobody speaks of it any more. */
  settle(key: string): void {
    this.#open.delete(key);
  }

  settleAll(): void {
    this.#open.clear();
  }

  /** A sentence each, the last one for all that is left out. */
  problems(): string[] {
    const { plugin, what, cure } = this.#options;
    const lines: string[] = [];
    for (const { subject, why } of this.#open.values()) {
      if (lines.length === PROBLEMS_MAX) {
        lines.push(`${plugin}: ${this.#open.size - PROBLEMS_MAX} more refused (${what})`);
        break;
      }
      lines.push(`${plugin}: ${subject} is refused: ${why}; the others are taken: ${cure}`);
    }
    return lines;
  }

  /** Since the start. */
  counters(): Record<string, number> {
    const { plugin, what } = this.#options;
    return { [`refused.${plugin}: ${what}`]: this.#count };
  }
}

/** A plugin's own text in a line of ours: nothing that moves a cursor, and not without end. */
export function oneLine(text: string): string {
  const plain = text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ');
  return plain.length > TEXT_MAX ? `${plain.slice(0, TEXT_MAX)}...` : plain;
}

/** As {@link reasonOf}, in one line. */
export function reasonInLine(error: unknown): string {
  return oneLine(reasonOf(error));
}

/** What stands where something else should, in a few words. Not for what may be a secret. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'string') return JSON.stringify(oneLine(value).slice(0, 60));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
