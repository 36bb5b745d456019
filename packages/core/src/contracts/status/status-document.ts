import type { CandidateType } from '../candidate.js';
import type { Connection } from './connection.js';
import type { RelayTransport } from '../relay.js';
import type { NatBehavior } from '../nat-behavior.js';

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
    /** How the transport works here, in its own words: which cipher, how datagrams are sent. */
    readonly transport: Readonly<Record<string, string>>;
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
    transport: RelayTransport;
    /** `ready`: allocated, and another is nearer; `measured`: it answers, and none is allocated on it. */
    state: 'up' | 'ready' | 'measured' | 'connecting' | 'down';
    relayedAddress: string | null;
    rttMs: number | null;
    /** Why it is `ready` or `measured`. */
    reason: string | null;
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
