import type { CandidatePair } from '../pairs/candidate-pair.js';
import { WARM_INTERVAL_MS, WARM_MS } from '../timings.js';

/** Proven pairs that have lost the choice and are asked now and then, so that they can take over. */
export class WarmPaths {
  readonly #pairs = new Map<CandidatePair, { readonly until: number; nextAt: number }>();

  keep(pair: CandidatePair, now: number): void {
    this.#pairs.set(pair, { until: now + WARM_MS, nextAt: now + WARM_INTERVAL_MS });
  }

  drop(pair: CandidatePair): void {
    this.#pairs.delete(pair);
  }

  nextTimeout(): number {
    let next = Infinity;
    for (const { nextAt } of this.#pairs.values()) next = Math.min(next, nextAt);
    return next;
  }

  /** @param isKnown whether a pair is still on the checklist. @returns the pairs to ask now. */
  takeDue(now: number, isKnown: (pair: CandidatePair) => boolean): CandidatePair[] {
    const due: CandidatePair[] = [];
    for (const [pair, warm] of this.#pairs) {
      if (now < warm.nextAt) continue;
      // One that loses is asked for as long as it does, to see when that ends.
      const isOver = now >= warm.until && !pair.isLossy;
      if (isOver || !isKnown(pair)) this.#pairs.delete(pair);
      else {
        warm.nextAt = now + WARM_INTERVAL_MS;
        due.push(pair);
      }
    }
    return due;
  }
}
