import type { TransportAddress } from '@wirepath/stun-codec';
import type { CandidateType } from '../contracts/candidate.js';
import type { NatBehavior } from '../contracts/nat-behavior.js';
import type { PairEvidence } from './pair-evidence.js';

/** At most this many candidates in a message; more are not read, so that a peer cannot aim us at a crowd. */
export const MAX_SIGNALLED_CANDIDATES = 32;

/** Of these for relayed candidates: their priority is lowest, but they always work. */
export const MAX_SIGNALLED_RELAYED = 4;

export interface SignalledCandidate {
  readonly type: CandidateType;
  readonly address: TransportAddress;
  readonly priority: number;
}

/** Which description of a node a message carries. `generation` counts network changes, `revision` anything else. */
export interface DescriptionId {
  /** Random, new at every start of the node. */
  readonly runId: string;
  readonly generation: number;
  readonly revision: number;
}

/** The "call me" message: where and with which secrets its sender can be checked. It travels sealed. */
export interface CallMessage extends DescriptionId {
  /** Short-term credential of checks *to* the sender (RFC 8445 ufrag and password). */
  readonly ufrag: string;
  readonly password: string;
  readonly candidates: readonly SignalledCandidate[];
  /** What the sender's NAT does, as far as it knows. */
  readonly natBehavior: NatBehavior;
  /** "Call me": the sender checks all pairs now, and wants the recipient to do the same. False in a mere answer. */
  readonly call: boolean;
  /** The newest description of the recipient that the sender knows; null for none: the recipient answers. */
  readonly seen: DescriptionId | null;
  /** The sender wants to know what the recipient has seen of the pairs. */
  readonly asksForEvidence: boolean;
  /** What the sender has seen of its pairs, the best first; null where it was not asked. */
  readonly evidence: readonly PairEvidence[] | null;
}

export function sameDescription(a: DescriptionId | null, b: DescriptionId | null): boolean {
  if (a === null || b === null) return a === b;
  return a.runId === b.runId && a.generation === b.generation && a.revision === b.revision;
}

/**
 * What a message tells beyond the one before it from the same peer.
 * @param previous null: it is the first.
 */
export function whatIsNew(
  previous: DescriptionId | null,
  message: DescriptionId,
): {
  /** The peer was restarted: its end of everything is gone. */
  readonly restarted: boolean;
  /** It was restarted, or its network changed: nothing that was learnt of it counts. */
  readonly moved: boolean;
  /** Anything at all. */
  readonly isNews: boolean;
} {
  const restarted = previous !== null && previous.runId !== message.runId;
  const moved = previous === null || restarted || previous.generation !== message.generation;
  return { restarted, moved, isNews: moved || previous.revision !== message.revision };
}
