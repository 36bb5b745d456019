import type { PublicKey } from '../../base/identity/identity.js';
import type { Connection } from '../status/connection.js';
import type { Peer } from '../peer-discovery.js';
import type { PeerStatus, StatusDocument } from '../status/status-document.js';

/** What `status --json` prints, of the running node. To be asked from `start` on. */
export interface LiveStatus {
  /** Made anew at each call. */
  document(): StatusDocument;
  /** Something in it has changed; figures that only grow, bytes and counters, tell nobody. */
  onChange(listener: () => void): Disposable;
}

/** A peer without its secret. */
export type KnownPeer = Omit<Peer, 'presharedKey'>;

/** Who the peers are, from every discovery, and what becomes of each. To be asked from `start` on. */
export interface NodePeers {
  list(): readonly KnownPeer[];
  /** @returns undefined where there is none of that key. */
  status(publicKey: PublicKey): PeerStatus | undefined;
}

/** What became of a peer. */
export interface PeerEvent {
  readonly name: string;
  readonly publicKey: PublicKey;
  /** Undefined for a peer that is new. */
  readonly before: Connection | undefined;
  /** Undefined for a peer that is gone. */
  readonly connection: Connection | undefined;
}

/** What happens to the peers, one event for each change of a connection. To be asked from `start` on. */
export interface NodeEvents {
  on(listener: (event: PeerEvent) => void): Disposable;
}
