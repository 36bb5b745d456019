import {
  pathKey,
  type PublicKey,
  type TransportAddress,
  type TransportPath,
  type TransportPeer,
  type TransportPeerStats,
} from '@wirepath/core/plugin';
import { EventThrottle } from '../../events/event-throttle.js';
import { LoopbackLeg, type LoopbackLegOptions } from './loopback-leg.js';
import { PathEvidence } from './path-evidence.js';

/** Datagrams that wait for a first path: the device repeats handshakes and keeps packets itself. */
const HELD_MAX = 32;
/** Datagrams that wait until the device knows the peer: an initiation that comes too early would cost 5 s. */
const EARLY_MAX = 8;

/** One peer of a proxied device: its leg, its paths, and what is known of it. */
export class ProxiedPeer {
  readonly leg: LoopbackLeg;
  readonly evidence = new PathEvidence();
  readonly throttle = new EventThrottle();
  config: TransportPeer;
  paths: readonly TransportPath[] = [];
  /** As the device told last; never smaller than before, though the device forgets when a peer is added anew. */
  rxBytes = 0;
  txBytes = 0;
  lastHandshakeMs: number | null = null;
  /** The loopback endpoint, once the device has it. What the device tells before is not about us. */
  endpoint: TransportAddress | undefined;
  freshAtMs = -Infinity;
  #told = { rxBytes: 0, txBytes: 0 };
  readonly #held: Uint8Array[] = [];
  readonly #early: { path: TransportPath; datagram: Uint8Array }[] = [];

  constructor(config: TransportPeer, leg: LoopbackLegOptions) {
    this.config = config;
    this.leg = new LoopbackLeg(leg);
  }

  get publicKey(): PublicKey {
    return this.config.publicKey;
  }

  /** Plain peers go where their authenticated packets come from, as WireGuard has it. */
  get roaming(): boolean {
    return this.config.endpoint !== undefined;
  }

  /** Keeps a datagram until there is a path. @returns false when another one made room. */
  hold(datagram: Uint8Array): boolean {
    this.#held.push(datagram);
    if (this.#held.length <= HELD_MAX) return true;
    this.#held.shift();
    return false;
  }

  /** What was held, in order, once. */
  release(): Uint8Array[] {
    return this.#held.splice(0);
  }

  /** To the device, or kept until it knows the peer. */
  toDevice(path: TransportPath, datagram: Uint8Array): void {
    if (this.endpoint === undefined) {
      if (this.#early.length < EARLY_MAX) this.#early.push({ path, datagram: Uint8Array.from(datagram) });
      return;
    }
    this.evidence.forwarded(path, datagram);
    this.leg.send(datagram);
  }

  /** The device knows the peer, under this endpoint. */
  known(endpoint: TransportAddress): void {
    this.endpoint = endpoint;
    for (const { path, datagram } of this.#early.splice(0)) this.toDevice(path, datagram);
  }

  /** Adds what the device counted since it told last. A count that fell began anew. */
  count(rxBytes: number, txBytes: number): void {
    this.rxBytes += rxBytes >= this.#told.rxBytes ? rxBytes - this.#told.rxBytes : rxBytes;
    this.txBytes += txBytes >= this.#told.txBytes ? txBytes - this.#told.txBytes : txBytes;
    this.#told = { rxBytes, txBytes };
  }

  stats(): TransportPeerStats {
    const { publicKey, lastHandshakeMs, rxBytes, txBytes, paths } = this;
    return { publicKey, lastHandshakeMs, rxBytes, txBytes, endpoint: paths[0]?.remote ?? null };
  }

  isOn(path: TransportPath): boolean {
    const key = pathKey(path);
    return this.paths.some((each) => pathKey(each) === key);
  }
}
