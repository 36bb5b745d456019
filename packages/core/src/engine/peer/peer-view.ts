import type { TransportAddress } from '@wirepath/stun-codec';
import type { CandidateType } from '../../contracts/candidate.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import type { Connection } from '../connection-type.js';
import type { LocalBase } from '../engine-path.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import type { Rejection, RemoteCandidate } from '../pairs/remote-candidates.js';
import type { PairEvidence } from '../pair-evidence.js';
import type { PhaseName } from '../selection/phase.js';
import type { World } from '../world.js';
import type { Search } from './search.js';
import type { Standing } from './standing.js';

/** What this end knows of one of its pairs. */
export interface PairView extends PairEvidence {
  readonly localBase: LocalBase;
  readonly remoteType: CandidateType;
  /** Smoothed round trip of checks, ms. */
  readonly rttMs: number | undefined;
  /** How the peer saw us, as its answer says. */
  readonly mappedAddress: TransportAddress | undefined;
  /** Why it is not usable, where it is not just a lack of answers. */
  readonly refusal: string | undefined;
}

/** What the engine knows of one peer, at one moment. Frozen. */
export interface PeerView {
  /** What proves its pairs: checks of ours, or a device that tries its endpoints. */
  readonly means: 'checks' | 'trials';
  readonly phase: PhaseName;
  readonly connection: Connection;
  /** Ordinary checks are going on. */
  readonly isProbing: boolean;
  /** The rendezvous has said that the peer is not there; the peer has said nothing since. */
  readonly undeliverable: boolean;
  /** Carries the traffic, or did until it went silent. */
  readonly pairInUse: PairView | undefined;
  readonly pairs: {
    readonly count: number;
    /** Of these, through no relay. */
    readonly unrelayed: number;
  };
  /** What the peer has seen of the pairs, as it last told; undefined before it was asked. */
  readonly peerEvidence: readonly PairEvidence[] | undefined;
  readonly ownNat: NatBehavior;
  /** Undefined before the peer has said where it is. */
  readonly remoteNat: NatBehavior | undefined;
  readonly hardNat: {
    /** As configured. */
    readonly isOn: boolean;
    /** What an attempt under way has done so far. */
    readonly progress: string | undefined;
    /** Attempts that ended without a path. */
    readonly failures: number;
  };
}

/** What came of every pair with a peer, at one moment: for `explain`. Frozen. */
export interface PairsView {
  /** The better type and the higher priority first. */
  readonly pairs: readonly PairView[];
  /** Candidates of the peer that make no pair, and why. */
  readonly rejections: readonly Rejection[];
  readonly remoteCandidates: readonly RemoteCandidate[];
}

/** What others have told of a peer, for those who ask. */
export interface Told {
  undeliverable: boolean;
  peerEvidence: readonly PairEvidence[] | undefined;
}

export function peerView(standing: Standing, search: Search, told: Readonly<Told>, world: World): PeerView {
  const { phase, connection, remote, path } = standing;
  const { checklist, probing, hardNat } = search;
  let unrelayed = 0;
  for (const pair of checklist.pairs.values()) if (pair.connection !== 'relayed') unrelayed += 1;
  return Object.freeze({
    ...told,
    means: 'checks',
    phase: phase.name,
    connection,
    isProbing: probing.isUnderWay,
    pairInUse: path && pairView(path.pair, path.pair),
    pairs: Object.freeze({ count: checklist.pairs.size, unrelayed }),
    ownNat: world.local.natBehavior,
    remoteNat: remote?.natBehavior,
    hardNat: Object.freeze({
      isOn: world.settings.hardNat,
      progress: hardNat.progress,
      failures: hardNat.failures,
    }),
  });
}

/** @param inUse the pair in use. */
export function pairsView(search: Search, inUse: CandidatePair | undefined): PairsView {
  return Object.freeze({
    pairs: Object.freeze(search.sortedPairs().map((pair) => pairView(pair, inUse))),
    rejections: Object.freeze([...search.checklist.rejections]),
    remoteCandidates: Object.freeze([...search.checklist.remotes.all]),
  });
}

function pairView(pair: CandidatePair, inUse: CandidatePair | undefined): PairView {
  return Object.freeze({
    ...evidenceOf(pair, inUse),
    localBase: pair.base,
    remoteType: pair.remote.type,
    rttMs: pair.rttMs,
    mappedAddress: pair.mappedAddress,
    refusal: pair.refusal,
  });
}

/** What a peer may be told that this end has seen of a pair. @param inUse the pair in use. */
export function evidenceOf(pair: CandidatePair, inUse: CandidatePair | undefined): PairEvidence {
  return {
    base: pair.base.kind,
    family: pair.base.family,
    remote: pair.remote.address,
    connection: pair.connection,
    state: pair.state,
    inUse: pair === inUse,
    checksSent: pair.checksSent,
    responses: pair.responses,
    checksReceived: pair.checksReceived,
  };
}
