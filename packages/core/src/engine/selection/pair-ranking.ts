import type { CandidatePair } from '../pairs/candidate-pair.js';
import { FRESH_MS, RTT_GAIN_MS, RTT_GAIN_RATIO, SUSPECT_SWITCH_MS, SWITCH_INTERVAL_MS } from '../timings.js';

/** What is already in use. */
export interface Incumbent {
  readonly pair: CandidatePair;
  readonly sinceMs: number;
  /** For how long it has been silent, or the network changed under it; undefined: it is trusted. */
  readonly suspectForMs: number | undefined;
}

/**
 * The pair to send on among proven ones: one that delivers, then tier, then fewest relays, then round trip and address
 * family, with hysteresis within a tier so that near-equal paths do not flap.
 * @returns undefined when nothing is proven.
 */
export function bestPair(
  proven: readonly CandidatePair[],
  incumbent: Incumbent | undefined,
  now: number,
): CandidatePair | undefined {
  const best = proven.reduce<CandidatePair | undefined>(
    (a, b) => (a === undefined || isBetter(b, a) ? b : a),
    undefined,
  );
  if (incumbent === undefined || best === undefined) return best ?? incumbent?.pair;
  const { pair } = incumbent;
  if (best === pair) return pair;
  // A suspect path may come back, and then a worse one was a needless switch: meanwhile traffic goes on both.
  if (incumbent.suspectForMs !== undefined) {
    if (rank(best) === rank(pair) && pair.state !== 'failed')
      return incumbent.suspectForMs >= SUSPECT_SWITCH_MS ? best : pair;
    return rank(best) < rank(pair) || pair.state === 'failed' ? best : pair;
  }
  if (!proven.includes(pair)) return best;
  if (rank(best) !== rank(pair)) return rank(best) < rank(pair) ? best : pair;
  if (now - incumbent.sinceMs < SWITCH_INTERVAL_MS) return pair;
  // A round trip of long ago says nothing of now: such a path may have died unnoticed.
  return now - (best.lastHeardAt ?? -Infinity) <= FRESH_MS && rttGain(pair, best) ? best : pair;
}

/** Worse than any path that delivers; among lossy ones the order is as ever. */
const LOSSY_RANK = 100;
/** Worse than any relay that stays, however many are crossed. */
const RETIRING_RANK = 3;

function rank(pair: CandidatePair): number {
  return (pair.isLossy ? LOSSY_RANK : 0) + (pair.isRetiring ? RETIRING_RANK : 0) + pair.tier * 4 + pair.relayHops;
}

function isBetter(a: CandidatePair, b: CandidatePair): boolean {
  if (rank(a) !== rank(b)) return rank(a) < rank(b);
  if (rttGain(b, a)) return true;
  if (rttGain(a, b)) return false;
  if (a.base.family !== b.base.family) return a.base.family === 6;
  return a.remote.priority > b.remote.priority;
}

/** Is `b` faster than `a` by a gain that is worth a switch? */
function rttGain(a: CandidatePair, b: CandidatePair): boolean {
  if (a.rttMs === undefined || b.rttMs === undefined) return false;
  return a.rttMs - b.rttMs >= Math.max(RTT_GAIN_MS, a.rttMs * RTT_GAIN_RATIO);
}

/** Within a tier the controlling side chooses; nobody follows it onto a path that loses, or will be gone. */
export function mayFollow(nominated: CandidatePair, choice: CandidatePair): boolean {
  if (nominated.isRetiring && !choice.isRetiring) return false;
  return nominated.tier <= choice.tier && (!nominated.isLossy || choice.isLossy);
}
