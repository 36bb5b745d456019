import type { CandidatePair } from './candidate-pair.js';
import { CHECK_EXPIRY_MS } from '../timings.js';

/** More checks than this, over all peers, do not wait for an answer at once: the oldest is forgotten. */
const MAX_OUTSTANDING = 16_384;

export interface SentCheck {
  readonly pair: CandidatePair;
  readonly sentAt: number;
  /** Somebody waits for this answer. */
  readonly ping?: boolean;
  /** The pair is not on the checklist: it becomes one if it answers. */
  readonly guess?: boolean;
  /** Of a STUN message that was made so large to find a loop. */
  readonly sizeBytes?: number | undefined;
}

export interface OutstandingCheck<A> extends SentCheck {
  readonly agent: A;
}

/** Checks that were sent and not answered yet, by transaction id (hex). Every check has an id of its own, so round trips are exact. */
export class OutstandingChecks<A> {
  readonly #checks = new Map<string, OutstandingCheck<A>>();

  add(id: string, check: OutstandingCheck<A>): void {
    for (const [oldId, { sentAt }] of this.#checks) {
      if (check.sentAt - sentAt < CHECK_EXPIRY_MS && this.#checks.size < MAX_OUTSTANDING) break;
      this.#checks.delete(oldId);
    }
    this.#checks.set(id, check);
  }

  take(id: string): OutstandingCheck<A> | undefined {
    const check = this.#checks.get(id);
    this.#checks.delete(id);
    return check;
  }
}
