import type { TransportAddress } from '@wirepath/stun-codec';
import type { CandidatePair, PairState } from './candidate-pair.js';
import type { ConnectionType } from '../connection-type.js';

/** More pairs than these are not told of: the best come first. */
export const MAX_PAIRS_TOLD = 24;

/** What one end has seen of a pair: for `explain`, its own and the peer's. */
export interface PairEvidence {
  /** From a socket, or through a relay. */
  readonly base: 'socket' | 'allocation';
  readonly family: 4 | 6;
  /** Where its checks go. */
  readonly remote: TransportAddress;
  readonly connection: ConnectionType;
  readonly state: PairState;
  /** It carries the traffic of this end. */
  readonly inUse: boolean;
  readonly checksSent: number;
  readonly responses: number;
  readonly checksReceived: number;
}

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
