import type { TransportAddress } from '@wirepath/stun-codec';
import type { ConnectionType } from './connection-type.js';

export const PAIR_STATES = [
  /** No check was sent yet. */
  'waiting',
  /** Waits for the relay to let the peer in. */
  'permitting',
  'in-progress',
  /** A check of ours was answered: proven both ways. */
  'succeeded',
  /** The budget ran out, or the path died. */
  'failed',
] as const;
export type PairState = (typeof PAIR_STATES)[number];

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
