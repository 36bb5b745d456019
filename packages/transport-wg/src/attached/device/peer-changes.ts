import type { PublicKey, TransportAddress, TransportPeer } from '@wirepath/core/plugin';
import type { UapiChange, UapiPeerChange } from '../../uapi/device.js';

/** The changes that a transport makes to a device's peers. */

/** @param options.replace removes the peer first: its session is lost, and a handshake can start at once. */
export function putPeer(
  peer: Pick<TransportPeer, 'publicKey' | 'allowedIps'> & {
    readonly presharedKey?: Uint8Array | undefined;
    readonly keepaliveSeconds?: number | undefined;
  },
  endpoint: TransportAddress | undefined,
  options: { replace: boolean; keepaliveSeconds?: number },
): UapiChange {
  const put: UapiPeerChange = {
    ...unchanged(peer.publicKey),
    presharedKey: peer.presharedKey ?? null,
    endpoint,
    keepaliveSeconds: options.keepaliveSeconds ?? peer.keepaliveSeconds ?? 0,
    replaceAllowedIps: true,
    allowedIps: peer.allowedIps.map((cidr) => ({ cidr, remove: false })),
  };
  return { replacePeers: false, peers: options.replace ? [removed(peer.publicKey), put] : [put] };
}

export function removePeer(publicKey: PublicKey): UapiChange {
  return { replacePeers: false, peers: [removed(publicKey)] };
}

export function setEndpoint(publicKey: PublicKey, endpoint: TransportAddress): UapiChange {
  return updating({ ...unchanged(publicKey), updateOnly: true, endpoint });
}

export function setKeepalive(publicKey: PublicKey, keepaliveSeconds: number): UapiChange {
  return updating({ ...unchanged(publicKey), updateOnly: true, keepaliveSeconds });
}

function updating(peer: UapiPeerChange): UapiChange {
  return { replacePeers: false, peers: [peer] };
}

function removed(publicKey: PublicKey): UapiPeerChange {
  return { ...unchanged(publicKey), remove: true };
}

function unchanged(publicKey: PublicKey): UapiPeerChange {
  return { publicKey, remove: false, updateOnly: false, replaceAllowedIps: false, allowedIps: [] };
}
