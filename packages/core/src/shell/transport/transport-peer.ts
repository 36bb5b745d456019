import type { Peer } from '../../contracts/peer-discovery.js';
import type { TransportPeer } from '../../contracts/transport.js';

/** A peer as the transport is told of it. @param options.plain WireGuard alone finds and keeps its endpoint. */
export function transportPeer(peer: Peer, { plain }: { readonly plain: boolean }): TransportPeer {
  return {
    publicKey: peer.publicKey,
    name: peer.name,
    ...(peer.presharedKey && { presharedKey: peer.presharedKey }),
    allowedIps: peer.allowedIps,
    ...(plain && { keepaliveSeconds: peer.keepaliveSeconds }),
    ...(peer.endpoint && { endpoint: peer.endpoint }),
    roaming: plain,
  };
}
