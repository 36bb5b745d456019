import { formatAddress, sameAddress, type TransportAddress } from '@wirepath/stun-codec';
import type { Base } from './datagrams.js';
import type { RelayFraming } from './relay.js';

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
  return `${baseIdOf(path)}>${formatAddress(path.remote)}`;
}
