import type {
  UapiAllowedIpChange,
  UapiChange,
  UapiDevice,
  UapiDeviceState,
  UapiPeerState,
} from '../../src/uapi/device.js';

/** A device that remembers: what the specification says of `set=1`, in the fewest lines. */
export class FakeDevice implements UapiDevice {
  readonly changes: UapiChange[] = [];
  state: UapiDeviceState = { listenPort: 0, fwmark: 0, peers: [] };

  describe(): UapiDeviceState {
    return this.state;
  }

  apply(change: UapiChange): void {
    this.changes.push(change);
    const peers = new Map<string, UapiPeerState>();
    if (!change.replacePeers) for (const peer of this.state.peers) peers.set(peer.publicKey, peer);
    for (const { publicKey, remove, updateOnly, replaceAllowedIps, ...set } of change.peers) {
      const old = peers.get(publicKey);
      if (remove) peers.delete(publicKey);
      if (remove || (updateOnly && !old)) continue;
      const peer = old ?? { publicKey, rxBytes: 0, txBytes: 0, keepaliveSeconds: 0, allowedIps: [] };
      peers.set(publicKey, {
        ...peer,
        presharedKey: set.presharedKey === null ? undefined : (set.presharedKey ?? peer.presharedKey),
        endpoint: set.endpoint ?? peer.endpoint,
        keepaliveSeconds: set.keepaliveSeconds ?? peer.keepaliveSeconds,
        allowedIps: allowedIps(replaceAllowedIps ? [] : peer.allowedIps, set.allowedIps),
      });
    }
    this.state = {
      privateKey: change.privateKey === null ? undefined : (change.privateKey ?? this.state.privateKey),
      listenPort: change.listenPort ?? this.state.listenPort,
      fwmark: change.fwmark ?? this.state.fwmark,
      peers: [...peers.values()],
    };
  }
}

function allowedIps(old: readonly string[], changes: readonly UapiAllowedIpChange[]): string[] {
  const set = new Set(old);
  for (const { cidr, remove } of changes) {
    if (remove) set.delete(cidr);
    else set.add(cidr);
  }
  return [...set];
}
