import { CHECK_GAPS_MS } from '../timings.js';

/** When the ordinary checks of one pair are due, and when one of the peer's may trigger another. */
export class CheckSchedule {
  /** When the next ordinary check is due; undefined when none is. */
  nextAt: number | undefined;
  /** Checks sent since probing (re)started. */
  attempts = 0;
  lastSentAt: number | undefined;
  #triggered = 0;

  /** Probing starts (anew); the first check is due at once. */
  start(now: number): void {
    this.attempts = 0;
    this.#triggered = 0;
    this.nextAt = now;
  }

  stop(): void {
    this.nextAt = undefined;
  }

  /**
   * May a check of the peer trigger one of ours now? The first may at once: the hole has just been opened. Later ones keep
   * the gaps of ordinary checks, so that two sides whose answers get lost do not trigger each other without end.
   */
  mayTrigger(now: number): boolean {
    if (this.#triggered > 0 && now - (this.lastSentAt ?? -Infinity) < gapAfter(this.#triggered)) return false;
    this.#triggered += 1;
    return true;
  }

  sent(now: number): void {
    this.attempts += 1;
    this.lastSentAt = now;
    this.nextAt = now + gapAfter(this.attempts);
  }
}

/** After the first, second, ... check; the last gap repeats. */
function gapAfter(checks: number): number {
  return CHECK_GAPS_MS[Math.min(checks, CHECK_GAPS_MS.length) - 1] ?? 0;
}
