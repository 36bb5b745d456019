import type { Identity, PublicKey, TransportAddress, TransportPeer } from '@wirepath/core/plugin';
import { formatKey, publicKeyOf } from '../protocol/keys.js';
import type { DevicePeer } from '../protocol/sink.js';
import type { PacketPath } from '../sockets/packet-path.js';
import type { UapiChange, UapiDevice, UapiDeviceState, UapiPeerChange, UapiPeerState } from '../uapi/device.js';
import { UAPI_ERRNO, UapiError } from '../uapi/errno.js';

/** A peer as the transport has it. */
export interface KnownPeer {
  readonly config: TransportPeer;
  /** Roams as WireGuard does; otherwise the path engine owns its endpoint. */
  readonly plain: boolean;
  readonly status: DevicePeer<PacketPath>;
}

/** What UAPI requests act on. */
export interface PeerControl {
  readonly identity: Identity;
  readonly listenPort: () => number;
  readonly fwmark: () => number;
  readonly peers: () => Iterable<KnownPeer>;
  readonly peer: (publicKey: PublicKey) => KnownPeer | undefined;
  /** Adds or replaces; `moved`: its endpoint is new even if it looks the same. */
  readonly put: (peer: TransportPeer, how: { plain: boolean; moved: boolean }) => void;
  readonly remove: (publicKey: PublicKey) => void;
  /** Changes nothing. Throws where there can be no peer with this public key. */
  readonly check: (publicKey: PublicKey) => void;
  readonly suggestEndpoint: (publicKey: PublicKey, endpoint: TransportAddress) => void;
}

/**
 * The embedded transport as `wg` sees and changes it. Peers can be added, changed and removed; the key, the port and the
 * mark belong to the configuration. The endpoint of a signalled peer is a suggestion only: the path engine decides.
 */
export class EmbeddedUapi implements UapiDevice {
  readonly #control: PeerControl;

  constructor(control: PeerControl) {
    this.#control = control;
  }

  describe(): UapiDeviceState {
    const { identity, listenPort, fwmark, peers } = this.#control;
    return {
      privateKey: identity.exportPrivateKey(),
      listenPort: listenPort(),
      fwmark: fwmark(),
      peers: [...peers()].map(describePeer),
    };
  }

  /** All or nothing: what cannot be is found before the first change. */
  apply(change: UapiChange): void {
    this.#refuseFixed(change);
    for (const { publicKey, remove } of change.peers) if (!remove) this.#refuseImpossible(publicKey);
    if (change.replacePeers)
      for (const { config } of [...this.#control.peers()]) this.#control.remove(config.publicKey);
    for (const peer of change.peers) this.#applyPeer(peer);
  }

  /** A value that equals the present one, or 0 ("none", as `wg setconf` sends for what its file leaves out), changes nothing. */
  #refuseFixed({ privateKey, listenPort, fwmark }: UapiChange): void {
    const fixed = (what: string) =>
      new UapiError(UAPI_ERRNO.EOPNOTSUPP, `the ${what} is set in the configuration file`);
    const { identity } = this.#control;
    if (privateKey && formatKey(publicKeyOf(privateKey)) !== identity.publicKey) throw fixed('private key');
    if (listenPort && listenPort !== this.#control.listenPort()) throw fixed('listen port');
    if (fwmark && fwmark !== this.#control.fwmark()) throw fixed('fwmark');
  }

  /** Of a peer that is new, only the key can still be wrong: the request's reader has checked every value by itself. */
  #refuseImpossible(publicKey: PublicKey): void {
    if (this.#control.peer(publicKey) !== undefined || publicKey === this.#control.identity.publicKey) return;
    try {
      this.#control.check(publicKey);
    } catch {
      throw new UapiError(UAPI_ERRNO.EINVAL, 'there can be no peer with this public key');
    }
  }

  #applyPeer(change: UapiPeerChange): void {
    const control = this.#control;
    const { publicKey, endpoint } = change;
    if (change.remove) return control.remove(publicKey);
    const known = control.peer(publicKey);
    // WireGuard ignores its own key as a peer: configuration files are shared among machines.
    if ((!known && change.updateOnly) || publicKey === control.identity.publicKey) return;

    const plain = known?.plain ?? true;
    const allowedIps = new Set(change.replaceAllowedIps ? [] : known?.status.allowedIps);
    for (const { cidr, remove } of change.allowedIps) {
      if (remove) allowedIps.delete(cidr);
      else allowedIps.add(cidr);
    }
    const presharedKey = change.presharedKey === undefined ? known?.config.presharedKey : change.presharedKey;
    const keepaliveSeconds = change.keepaliveSeconds ?? known?.config.keepaliveSeconds;
    const nextEndpoint = plain ? (endpoint ?? known?.config.endpoint) : undefined;
    control.put(
      {
        publicKey,
        allowedIps: [...allowedIps],
        ...(presharedKey ? { presharedKey } : {}),
        ...(keepaliveSeconds === undefined ? {} : { keepaliveSeconds }),
        ...(nextEndpoint === undefined ? {} : { endpoint: nextEndpoint }),
      },
      { plain, moved: endpoint !== undefined },
    );
    if (!plain && endpoint !== undefined) control.suggestEndpoint(publicKey, endpoint);
  }
}

function describePeer({ config, status }: KnownPeer): UapiPeerState {
  const unixMs = status.lastHandshakeUnixMs;
  return {
    publicKey: status.publicKey,
    presharedKey: config.presharedKey,
    endpoint: status.paths[0]?.remote,
    lastHandshake:
      unixMs === undefined
        ? undefined
        : { seconds: Math.floor(unixMs / 1000), nanoseconds: Math.floor(unixMs % 1000) * 1_000_000 },
    rxBytes: status.rxBytes,
    txBytes: status.txBytes,
    keepaliveSeconds: status.persistentKeepaliveSeconds,
    allowedIps: status.allowedIps,
  };
}
