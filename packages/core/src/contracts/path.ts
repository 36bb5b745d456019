import { formatAddress, sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { Base } from './candidate-base.js';

/** How the transport wraps a WireGuard datagram for one peer of an allocation. */
export type RelayFraming =
  /** RFC 8656 ChannelData to `server` from `base`: 4 bytes, written by the transport itself. */
  | {
      readonly kind: 'channel';
      readonly allocationId: string;
      readonly base: Base;
      readonly server: TransportAddress;
      /** 0x4000 to 0x4FFF. */
      readonly channel: number;
    }
  /** Anything else that takes bytes: a TCP or TLS connection, or Send indications where channels have run out. */
  | { readonly kind: 'stream'; readonly allocationId: string; send(bytes: Uint8Array): void };

/** How datagrams reach a peer: from a socket of ours straight to an address, or through an allocation of ours. */
export type TransportPath =
  | { readonly kind: 'socket'; readonly base: Base; readonly remote: TransportAddress }
  /** `remote` is the address from which the relay reports the peer's data. */
  | { readonly kind: 'relayed'; readonly framing: RelayFraming; readonly remote: TransportAddress };

/** The id of the socket or allocation that a path leaves from. */
export function baseIdOf(path: TransportPath): string {
  return path.kind === 'socket' ? path.base.id : path.framing.allocationId;
}

export function samePath(a: TransportPath, b: TransportPath): boolean {
  return baseIdOf(a) === baseIdOf(b) && sameAddress(a.remote, b.remote);
}

/** Map key of a path. */
export function pathKey(path: TransportPath): string {
  return pathKeyFrom(baseIdOf(path), path.remote);
}

/** The one form of such keys. They are compared, and never taken apart. */
export function pathKeyFrom(baseId: string, remote: TransportAddress): string {
  return `${baseId}>${formatAddress(remote)}`;
}
