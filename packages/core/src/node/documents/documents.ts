import type { NatDependence } from '../../contracts/nat-behavior.js';
import type { CandidateType } from '../../contracts/candidate.js';
import type { Connection, ConnectionType } from '../../contracts/status/connection.js';

export type { Connection } from '../../contracts/status/connection.js';
export type { PeerStatus, StatusDocument } from '../../contracts/status/status-document.js';

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
  /** What is wrong at this node with finding candidates, one line each: a gateway that stands behind another NAT. */
  readonly problems: readonly string[];
  /** `source`: the plugin that found it. */
  readonly localCandidates: readonly { type: CandidateType; address: string; source: string }[];
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
  /** What gateways forward to this node, and which by what protocol: `NAT-PMP at 192.168.1.1`. */
  readonly forwarded: readonly { address: string; by: string }[];
  readonly egress: readonly { interfaceName: string; family: 4 | 6; ip: string; evidence: string }[];
  readonly relays: readonly { url: string; rttMs: number | null; error: string | null }[];
  /** Of those that were asked, one line each: STUN servers that do not answer. */
  readonly problems: readonly string[];
}
