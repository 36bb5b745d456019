import type { PublicKey } from '../../base/identity/identity.js';
import type { CandidatePair } from './candidate-pair.js';
import type { Checklist } from './checklist.js';
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

export interface OutstandingCheck extends SentCheck {
  readonly peer: PublicKey;
  /** The peer's at that time: it has another if it was removed and added again. */
  readonly checklist: Checklist;
}

/** Checks that were sent and not answered yet, by transaction id (hex). Every check has an id of its own, so round trips are exact. */
export class OutstandingChecks {
  readonly #checks = new Map<string, OutstandingCheck>();

  add(id: string, check: OutstandingCheck): void {
    for (const [oldId, { sentAt }] of this.#checks) {
      if (check.sentAt - sentAt < CHECK_EXPIRY_MS && this.#checks.size < MAX_OUTSTANDING) break;
      this.#checks.delete(oldId);
    }
    this.#checks.set(id, check);
  }

  take(id: string): OutstandingCheck | undefined {
    const check = this.#checks.get(id);
    this.#checks.delete(id);
    return check;
  }
}
