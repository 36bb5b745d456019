import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { TransportAddress } from '@wirepath/stun-codec';
import type { Datagrams } from './datagrams.js';
import type { PublicKey } from '../base/identity/identity.js';
import type { TransportPath } from './path.js';

/** Inner IP packets in this process, in the place of a TUN device (demo, tests, embedding). */
export interface PacketPort {
  /** Hands an IP packet to the tunnel; routed by allowed IPs, dropped where there is no route. */
  send(packet: Uint8Array): void;
  /** Decrypted IP packets whose source the sender's allowed IPs permit. The bytes are the listener's to keep. */
  onPacket(listener: (packet: Uint8Array) => void): Disposable;
}

export interface TransportCapabilities {
  /** The transport's socket is ours, so STUN, checks and TURN can share it; otherwise {@link Transport.datagrams} is undefined. */
  readonly ownsSocket: boolean;
  /** Takes several paths for a peer at once and sends the same ciphertext on each. */
  readonly multiplePaths: boolean;
  /** Takes {@link TransportPath} of kind `relayed`. */
  readonly relayedPaths: boolean;
  /** What the backend's "last handshake" counts from; boringtun reports seconds elapsed. Stats are unix ms all the same. */
  readonly handshakeClock: 'epoch' | 'elapsed';
  /** False where changing an existing peer is unsafe (boringtun 0.7.0 panics): it is removed and added again. */
  readonly canModifyPeer: boolean;
}

export interface TransportPeer {
  readonly publicKey: PublicKey;
  /** For people: in problems, never on the wire. */
  readonly name?: string;
  /** 32 bytes. */
  readonly presharedKey?: Uint8Array;
  /** CIDRs, canonical. */
  readonly allowedIps: readonly string[];
  /** Persistent keepalive; 0 or undefined: off. Only for plain peers: the path engine keeps the others alive. */
  readonly keepaliveSeconds?: number;
  /** A plain WireGuard peer: it has this endpoint until an authenticated packet comes from elsewhere. */
  readonly endpoint?: TransportAddress;
  /** Its endpoint follows authenticated packets, as WireGuard does; false: only `setPath` moves it. Default: whether it has an `endpoint`. */
  readonly roaming?: boolean;
}

export interface TransportPeerStats {
  readonly publicKey: PublicKey;
  /** Unix ms of the newest completed handshake; null before the first. */
  readonly lastHandshakeMs: number | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly endpoint: TransportAddress | null;
}

/** Lets nothing out that is meant for the tunnel, but by the tunnel; of a transport for which one is configured. */
export interface KillSwitch {
  /**
   * What is meant for the tunnel, whether or not its peers are added yet: the ranges of the configuration, before `listen` and
   * again whenever it was read.
   */
  expect(cidrs: readonly string[]): void;
  /** Without a start, and to stay. @returns false: none is configured. @throws CodedError KILL_SWITCH, PERMISSION_DENIED. */
  loadToStay(): boolean;
  /**
   * Without a start: removes what a killed run left of it.
   * @returns a clause for each thing that was removed. @throws CodedError KILL_SWITCH, PERMISSION_DENIED.
   */
  lift(): readonly string[];
}

/** Carries packets for peers: WireGuard, or anything that does its work. */
export interface Transport {
  readonly capabilities: TransportCapabilities;
  /** The shared sockets; from `listen` on, where `capabilities.ownsSocket`. */
  readonly datagrams: Datagrams | undefined;
  /** The local UDP port; undefined before `listen`. */
  readonly listenPort: number | undefined;
  /** In-process packets, where the transport was configured without a device. */
  readonly packets: PacketPort | undefined;
  /** Left out where the transport never has one. */
  readonly killSwitch?: KillSwitch | undefined;

  /**
   * Opens the sockets: from here on `datagrams`, peers and paths work. Everything slower waits for `start`.
   * @param options.preferredPort had before a restart: where any port will do, this one if it is free.
   */
  listen(options: { signal: AbortSignal; preferredPort?: number | undefined }): Promise<void>;
  /** Brings the device up (TUN, addresses, routes) or attaches to it. */
  start(options: { signal: AbortSignal }): Promise<void>;
  /**
   * Safe before, during and after start; idempotent; leaves nothing behind.
   * @param options.failed the node ends because something failed: a kill switch stays.
   */
  stop(options?: { failed?: boolean }): Promise<void>;

  /** Replaces the peer of that key where there is one, keeping its session. */
  addPeer(peer: TransportPeer): void;
  removePeer(publicKey: PublicKey): void;
  setAllowedIps(publicKey: PublicKey, cidrs: readonly string[]): void;
  /** From the next packet on, dropping none. Several: the same ciphertext on each. Empty: packets wait (bounded). */
  setPath(publicKey: PublicKey, paths: readonly TransportPath[]): void;
  /**
   * Starts a handshake on the current path.
   * @param options.fresh a pending one does not count (its path changed); still at least 50 ms apart.
   */
  initiateHandshake(publicKey: PublicKey, options?: { fresh?: boolean }): void;

  /** @param publicKey of this peer alone, without looking at all others. One that does not know the argument gives all. */
  stats(publicKey?: PublicKey): TransportPeerStats[];
  /** Every completed handshake, as initiator or responder. */
  onHandshake(listener: (event: { publicKey: PublicKey; atUnixMs: number }) => void): Disposable;
  /** An authenticated packet came in on `path`. At most one call per peer and path in 20 ms. */
  onAuthenticated(listener: (event: { publicKey: PublicKey; path: TransportPath }) => void): Disposable;
  /** What calls for an answer was sent: data, or a handshake initiation; not a keepalive. At most one call per peer in 20 ms. */
  onSent(listener: (event: { publicKey: PublicKey }) => void): Disposable;
  /** Somebody set an endpoint from outside (`wg set`) on a peer that is not a plain one. */
  onEndpointSuggested(listener: (event: { publicKey: PublicKey; endpoint: TransportAddress }) => void): Disposable;
  /**
   * A TCP socket, not connected yet, for a connection of this node's own to `remote` (signalling, a resolver) that stays out of the
   * tunnel, also where a peer's allowed IPs cover it. Left out: ordinary sockets will do.
   */
  openTcpOutside?(remote: TransportAddress): Socket;
  /** As {@link Transport.openTcpOutside}: a UDP socket, bound to a port of its own. {@link Transport.datagrams} need no such help. */
  openUdpOutside?(remote: TransportAddress): Promise<DatagramSocket>;
  /**
   * Where the transport owns no socket, and so nothing can be checked beforehand: moves the peer to `remote`, and back
   * to where it was when that is not proven in time. A later call for the peer ends the one before.
   * @returns whether it was proven.
   */
  tryEndpoint?(
    publicKey: PublicKey,
    remote: TransportAddress,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<boolean>;
  /**
   * What this machine sends into the tunnel, packet by packet, before it is encrypted; for as long as somebody listens, which
   * is seldom. The bytes are valid only during the call; packets of more than 1,280 bytes may be left out. Missing where
   * the packets are read by somebody else (a device of the kernel's): then networks that ride on the tunnel are not recognised.
   */
  onInnerPacket?(listener: (packet: Uint8Array) => void): Disposable;
  /** Datagrams dropped since the start, by reason. */
  counters(): Readonly<Record<string, number>>;
  /** How it works here, in a few words each, for `status`: `{ crypto: 'openssl', datagrams: 'recvmmsg, GRO' }`. */
  describe?(): Readonly<Record<string, string>>;
  /** What was dropped lately and can mean somebody's mistake: a sentence each, with the cure, for `status`. */
  problems?(): readonly string[];
}

/** What a transport says of one peer. */
export function statsOf(transport: Pick<Transport, 'stats'>, publicKey: PublicKey): TransportPeerStats | undefined {
  return transport.stats(publicKey).find((peer) => peer.publicKey === publicKey);
}
