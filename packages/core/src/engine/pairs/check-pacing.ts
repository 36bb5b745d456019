import { TokenBucket } from '../../base/limits/token-bucket.js';
import { CHECK_PACING_MS, PEER_CHECKS_PER_SECOND, PEER_CHECK_BURST } from '../timings.js';
import type { CandidatePair } from './candidate-pair.js';

/** Which check to one peer goes out next, and when: the best that is due, at a pace, within a budget. */
export class CheckPacing {
  readonly #pairs: ReadonlyMap<string, CandidatePair>;
  readonly #budget = new TokenBucket(PEER_CHECKS_PER_SECOND, PEER_CHECK_BURST);
  #nextSlotAt = -Infinity;

  /** @param pairs may change at any time. */
  constructor(pairs: ReadonlyMap<string, CandidatePair>) {
    this.#pairs = pairs;
  }

  nextTimeout(): number | undefined {
    let next: number | undefined;
    for (const { schedule } of this.#pairs.values()) {
      const { nextAt } = schedule;
      if (nextAt !== undefined && (next === undefined || nextAt < next)) next = nextAt;
    }
    return next === undefined ? undefined : Math.max(next, this.#nextSlotAt);
  }

  /**
   * The best pair whose check is due, if the pace allows one now.
   * @param pacer of all peers together.
   */
  takeDue(now: number, pacer: TokenBucket): CandidatePair | undefined {
    if (now < this.#nextSlotAt) return undefined;
    let due: CandidatePair | undefined;
    for (const pair of this.#pairs.values()) {
      const { nextAt } = pair.schedule;
      if (nextAt === undefined || nextAt > now) continue;
      if (due === undefined || comesBefore(pair, due)) due = pair;
    }
    if (due === undefined) return undefined;
    for (const limit of [this.#budget, pacer]) {
      if (limit.take(now)) continue;
      this.#nextSlotAt = now + limit.waitMs(now);
      return undefined;
    }
    this.#nextSlotAt = now + CHECK_PACING_MS;
    return due;
  }

  /** May a check go now that was triggered by one of the peer's? It goes out of turn, but at the peer's expense. */
  takeTriggered(now: number): boolean {
    return this.#budget.take(now);
  }
}

/**
 * Pairs never tried go before pairs tried less recently; of the first round those with one relay go first, which work
 * behind any NAT; then the better tier and the higher priority.
 */
function comesBefore(a: CandidatePair, b: CandidatePair): boolean {
  const attempts = a.schedule.attempts - b.schedule.attempts;
  if (attempts !== 0) return attempts < 0;
  if (a.schedule.attempts === 0 && (a.relayHops === 1) !== (b.relayHops === 1)) return a.relayHops === 1;
  if (a.tier !== b.tier) return a.tier < b.tier;
  return a.remote.priority > b.remote.priority;
}
