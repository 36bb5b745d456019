import type { TransportAddress } from '@wirepath/stun-codec';
import type { PublicKey } from '../base/identity/identity.js';

/** A peer as the rc file or a registry describes it. */
export interface Peer {
  /** For people; unique. */
  readonly name: string;
  readonly publicKey: PublicKey;
  /** 32 bytes. Never logged. */
  readonly presharedKey?: Uint8Array;
  /** CIDRs, canonical. */
  readonly allowedIps: readonly string[];
  /** Upper bound of the time between two packets that keep the path alive; 0: off. */
  readonly keepaliveSeconds: number;
  /** A plain WireGuard peer: no signalling, no traversal; WireGuard's own roaming. */
  readonly endpoint?: TransportAddress;
}

export type PeerChange =
  { readonly kind: 'set'; readonly peer: Peer } | { readonly kind: 'remove'; readonly publicKey: PublicKey };

/**
 * Says who the peers are: the rc file, a registry, the LAN. It trickles for as long as the node runs.
 *
 * Each change is checked on its own: a bad one is refused by the peer's name, told in `status`, and the next one is taken. Our
 * own key is skipped. A peer's key, name and networks belong to the discovery that named them first, the rc file going before
 * all others: what meets another's waits until that is gone, and only its owner changes or removes a peer. One that throws
 * or returns is asked again, later and later; the peers that it named stay.
 */
export interface PeerDiscovery {
  peers(options: { signal: AbortSignal }): AsyncIterable<PeerChange>;
}
