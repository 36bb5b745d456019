import type { PairEvidence } from '../pair-evidence.js';
import type { CandidatePair } from './candidate-pair.js';

/** @param active the pair in use. */
export function evidenceOf(pair: CandidatePair, active: CandidatePair | undefined): PairEvidence {
  return {
    base: pair.base.kind,
    family: pair.base.family,
    remote: pair.remote.address,
    connection: pair.connection,
    state: pair.state,
    inUse: pair === active,
    checksSent: pair.checksSent,
    responses: pair.responses,
    checksReceived: pair.checksReceived,
  };
}

/** For `sort`: the better type and the higher priority first. */
export function byTypeAndPriority(a: CandidatePair, b: CandidatePair): number {
  return a.tier - b.tier || b.remote.priority - a.remote.priority;
}
