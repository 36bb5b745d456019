import type { NatBehavior, NatDependence } from '../../contracts/nat-behavior.js';
import type { CandidateType } from '../../contracts/candidate.js';
import type { Connection, ConnectionType } from '../../engine/connection-type.js';

export type { Connection };

/** `status --json`: a contract with whatever reads it. Times are unix ms where the name ends in Ms, else ISO 8601. */
export interface StatusDocument {
  readonly node: {
    /** Of the product. */
    readonly version: string;
    readonly publicKey: string;
    readonly interface: string | null;
    /** Inside the tunnel, as CIDRs. */
    readonly addresses: readonly string[];
    readonly listenPort: number | null;
    readonly natBehavior: NatBehavior;
    readonly candidates: readonly { type: CandidateType; address: string; priority: number; source: string }[];
    /** Datagrams and messages dropped since the start, by reason. */
    readonly dropped: Readonly<Record<string, number>>;
    /** What is wrong right now, one line each. */
    readonly problems: readonly string[];
  };
  readonly signaling: readonly {
    url: string;
    state: 'up' | 'connecting' | 'down';
    since: string;
    error: string | null;
  }[];
  readonly relays: readonly {
    url: string;
    state: 'up' | 'connecting' | 'down';
    relayedAddress: string | null;
    rttMs: number | null;
    error: string | null;
  }[];
  readonly peers: readonly PeerStatus[];
}

export interface PeerStatus {
  readonly name: string;
  readonly publicKey: string;
  readonly connection: Connection;
  /** Where datagrams for it go now. */
  readonly endpoint: string | null;
  /** URL of our relay, where the path goes through it; the relayed address where it goes through the peer's. */
  readonly relay: string | null;
  readonly rttMs: number | null;
  readonly lastHandshakeMs: number | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** Since when `connection` is what it is. */
  readonly since: string;
  /** Why it is not connected, or not better connected, in one line. */
  readonly reason: string | null;
}

/** `explain --json`. */
export interface ExplainDocument {
  readonly peer: string;
  readonly publicKey: string;
  readonly connection: Connection;
  /** A sentence of its own: `relayed: both NATs map per destination`. */
  readonly summary: string;
  /** The same to follow the connection type. */
  readonly cause: string;
  /** What would help; empty where nothing better can be had. */
  readonly advice: readonly string[];
  readonly localCandidates: readonly { type: CandidateType; address: string }[];
  readonly remoteCandidates: readonly { type: CandidateType; address: string }[];
  readonly pairs: readonly (ExplainedPair & { remoteType: CandidateType; rttMs: number | null })[];
  /** What the peer has seen of them, `local` and `remote` being its own and ours; null where it does not say. */
  readonly peerPairs: readonly ExplainedPair[] | null;
}

export interface ExplainedPair {
  readonly local: string;
  readonly remote: string;
  readonly connection: ConnectionType;
  readonly verdict: string;
  readonly evidence: string;
  /** It carries the traffic. */
  readonly active: boolean;
}

/** `netcheck --json`. */
export interface NetcheckDocument {
  /** False where no UDP came back from any server that was asked. */
  readonly udp: boolean;
  readonly mapping: NatDependence | null;
  readonly filtering: NatDependence | null;
  /** This node as STUN servers see it. */
  readonly reflexive: readonly string[];
  readonly egress: readonly { interfaceName: string; family: 4 | 6; ip: string; evidence: string }[];
  readonly relays: readonly { url: string; rttMs: number | null; error: string | null }[];
  /** Of those that were asked, one line each: STUN servers that do not answer. */
  readonly problems: readonly string[];
}
