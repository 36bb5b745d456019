import type { TransportAddress } from '@wirepath/stun-codec';
import type { PublicKey } from '../../base/identity/identity.js';
import type { TokenBucket } from '../../base/limits/token-bucket.js';
import type { EngineEffect } from '../effects.js';
import type { LocalDescription } from '../events.js';
import type { DescriptionId } from '../messages.js';
import type { OutstandingChecks } from '../pairs/outstanding-checks.js';

/** What all agents of one engine share. */
export interface Surroundings<Agent> {
  readonly ownKey: PublicKey;
  readonly runId: string;
  readonly tieBreaker: bigint;
  holePunchTimeoutMs: number;
  /** Of agents that are made from now on. */
  maxCandidatePairs: number;
  /** Whether to spend many checks and sockets on NATs that map per destination. */
  hardNat: boolean;
  /** The one peer that an attempt is made for: two at once would double the load on the NAT. */
  hardNatHolder: PublicKey | undefined;
  readonly pacer: TokenBucket;
  readonly outstanding: OutstandingChecks<Agent>;
  random(length: number): Uint8Array;
  /** This node's present description. */
  local: LocalDescription;
  localId: DescriptionId;
  signalingUp: boolean;
  inOwnNetwork(address: TransportAddress): boolean;
  emit(effect: EngineEffect): void;
}
