import {
  CodedError,
  Counters,
  sameAddress,
  socketPath,
  type Datagrams,
  type PacketPort,
  type PublicKey,
  type Transport,
  type TransportAddress,
  type TransportPath,
  type TransportPeer,
  type TransportPeerStats,
} from '@wirepath/core/plugin';
import { setImmediate } from 'node:timers/promises';
import { firewallMark, type FirewallMark } from '../system/firewall-mark.js';
import type { Device } from '../protocol/device.js';
import { parseKey } from '../protocol/keys.js';
import { createFirewall } from '../system/firewall/create-firewall.js';
import type { Firewall } from '../system/firewall/firewall.js';
import { UapiServer } from '../uapi/socket/server.js';
import { atExit } from './at-exit.js';
import { DataPlane } from './data-plane.js';
import { EmbeddedUapi, type KnownPeer } from './embedded-uapi.js';
import { pinSockets, prepareSockets } from './prepare-sockets.js';
import { EventThrottle } from '../events/event-throttle.js';
import { Mishaps } from '../events/mishaps.js';
import { counted } from '../events/counted.js';
import { TransportEvents } from '../events/transport-events.js';
import { openPreferring } from '../sockets/open-preferring.js';
import { OutsideSockets } from '../sockets/outside-sockets.js';
import type { PacketPath } from '../sockets/packet-path.js';
import type { EmbeddedTransportNeeds, EmbeddedTransportOptions } from './embedded-options.js';

const NO_PRESHARED_KEY = new Uint8Array(32);

/** What the transport keeps of a peer beside the protocol's state. */
interface PeerRecord {
  readonly throttle: EventThrottle;
  /** As configured; where the peer is now, the device knows. */
  readonly config: TransportPeer;
  /** Roams as WireGuard does; otherwise it is signalled, and the path engine owns its endpoint. */
  readonly plain: boolean;
}

/** WireGuard in this process: one UDP socket per family, shared with STUN, checks and TURN. */
export class EmbeddedTransport implements Transport {
  readonly capabilities = {
    ownsSocket: true,
    multiplePaths: true,
    relayedPaths: true,
    handshakeClock: 'epoch',
    canModifyPeer: true,
  } as const;

  readonly killSwitch: Firewall | undefined;
  readonly #needs: EmbeddedTransportNeeds;
  readonly #options: EmbeddedTransportOptions;
  readonly #mark: FirewallMark;
  readonly #counters = new Counters();
  readonly #mishaps: Mishaps;
  readonly #plane: DataPlane;
  readonly #peers = new Map<PublicKey, PeerRecord>();
  readonly #events: TransportEvents;
  readonly #outside: OutsideSockets;
  readonly openTcpOutside = (remote: TransportAddress) => this.#outside.openTcp(remote);
  readonly openUdpOutside = (remote: TransportAddress) => this.#outside.openUdp(remote);
  #uapi: UapiServer | undefined;
  #atExit: Disposable | undefined;
  #listening = false;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(needs: EmbeddedTransportNeeds, options: EmbeddedTransportOptions = {}) {
    this.#needs = needs;
    this.#options = options;
    const { logger, guard, clock } = needs;
    const counters = this.#counters;
    const mishaps = (this.#mishaps = new Mishaps(clock, (publicKey) => this.#peers.get(publicKey)?.config.name));
    const mark = (this.#mark = firewallMark(options.fwmark));
    const events = (this.#events = new TransportEvents(guard));
    const plane = (this.#plane = new DataPlane({ needs, options, mark, counters, mishaps, events }));
    if (plane.tun) this.killSwitch = createFirewall(needs, { ...options, mark });
    const onRemote = (ip: string) => plane.inner.addEndpoint(ip);
    this.#outside = new OutsideSockets({ mark: plane.tun && mark.value, logger, onRemote });
  }

  get datagrams(): Datagrams | undefined {
    return this.#listening ? this.#plane.sockets : undefined;
  }

  get listenPort(): number | undefined {
    return this.#plane.sockets.port;
  }

  get packets(): PacketPort | undefined {
    return this.#plane.port;
  }

  /** @throws CodedError KILL_SWITCH, ADDRESS_IN_USE, PERMISSION_DENIED, INTERFACE_NOT_FOUND, NETWORK_CONFIG, ABORTED. */
  async listen({ signal, preferredPort }: Parameters<Transport['listen']>[0]): Promise<void> {
    this.killSwitch?.load();
    this.#plane.open((cidr, isRouted) => {
      this.killSwitch?.setRouted(cidr, isRouted);
      this.#plane.inner.setRouted(cidr, isRouted);
    });
    const { bindInterface, listenPort: configured = 0 } = this.#options;
    const { sockets } = this.#plane;
    await openPreferring(sockets, { configured, preferred: preferredPort, signal });
    this.#listening = true;
    if (bindInterface !== undefined) pinSockets(sockets, bindInterface, this.#needs.logger);
    if (this.killSwitch?.holds) prepareSockets(sockets, this.#mark.value, this.#needs.logger);
  }

  /** @throws CodedError PERMISSION_DENIED, INTERFACE_IN_USE, NETWORK_CONFIG, CONFIG, ABORTED. */
  start({ signal }: { signal: AbortSignal }): Promise<void> {
    const starting = this.#start(signal);
    this.#starting = starting.catch(() => undefined); // The caller of start() gets the error; stop() only waits for the end.
    return starting;
  }

  stop(options?: { failed?: boolean }): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => this.killSwitch?.close(options));
    return this.#stopping;
  }

  addPeer(peer: TransportPeer): void {
    const before = this.#peers.get(peer.publicKey)?.config.endpoint;
    const moved = peer.endpoint !== undefined && !(before && sameAddress(before, peer.endpoint));
    this.#putPeer(peer, { plain: peer.roaming ?? peer.endpoint !== undefined, moved });
  }

  removePeer(publicKey: PublicKey): void {
    this.#plane.removePeer(publicKey);
    this.#peers.delete(publicKey);
    this.#mishaps.forget(publicKey);
  }

  setAllowedIps(publicKey: PublicKey, cidrs: readonly string[]): void {
    this.#listeningDevice().updatePeer(publicKey, { allowedIps: cidrs }, this.#now());
  }

  setPath(publicKey: PublicKey, paths: readonly TransportPath[]): void {
    for (const path of paths) this.#plane.sockets.announce(path);
    const packetPaths = paths.map((path) => this.#plane.sockets.packetPath(path));
    this.#plane.device?.setPaths(publicKey, packetPaths, this.#now());
    this.#plane.settle();
  }

  initiateHandshake(publicKey: PublicKey, options: { fresh?: boolean } = {}): void {
    this.#plane.device?.initiateHandshake(publicKey, this.#now(), { force: options.fresh ?? false });
    this.#plane.settle();
  }

  stats(publicKey?: PublicKey): TransportPeerStats[] {
    const device = this.#plane.device;
    const one = publicKey === undefined ? undefined : device?.peer(publicKey);
    const peers = publicKey === undefined ? [...(device?.peers() ?? [])] : one === undefined ? [] : [one];
    return peers.map((peer) => ({
      publicKey: peer.publicKey,
      lastHandshakeMs: peer.lastHandshakeUnixMs ?? null,
      rxBytes: peer.rxBytes,
      txBytes: peer.txBytes,
      endpoint: peer.paths[0]?.remote ?? null,
    }));
  }

  onHandshake(listener: (event: { publicKey: PublicKey; atUnixMs: number }) => void): Disposable {
    return this.#events.handshake.add(listener);
  }

  onAuthenticated(listener: (event: { publicKey: PublicKey; path: TransportPath }) => void): Disposable {
    return this.#events.authenticated.add(listener);
  }

  onSent(listener: (event: { publicKey: PublicKey }) => void): Disposable {
    return this.#events.sent.add(listener);
  }

  onEndpointSuggested(listener: (event: { publicKey: PublicKey; endpoint: TransportAddress }) => void): Disposable {
    return this.#events.endpointSuggested.add(listener);
  }

  onInnerPacket(listener: (packet: Uint8Array) => void): Disposable {
    return this.#events.inner.add(listener);
  }

  /** A packet or handshake waits for a peer that has no path. At most one call per peer in 20 ms. */
  onPathWanted(listener: (event: { publicKey: PublicKey }) => void): Disposable {
    return this.#events.pathWanted.add(listener);
  }

  counters(): Record<string, number> {
    const drops = {
      ...counted('wireguard.', this.#plane.device?.drops),
      ...counted('tun.write-', this.#plane.tun?.drops()),
    };
    return { ...this.#counters.snapshot(), ...this.killSwitch?.counters(), ...drops };
  }

  describe(): Record<string, string> {
    return this.#plane.describe();
  }

  problems(): string[] {
    const own = [...(this.killSwitch?.problems() ?? []), ...(this.#plane.tun?.problems() ?? [])];
    return [...own, ...this.#mishaps.problems(), ...this.#plane.sockets.problems()];
  }

  async #start(signal: AbortSignal): Promise<void> {
    // A turn of the event loop, after what is left of this one: answers of servers and peers come first, for making the
    // device keeps the loop busy.
    await setImmediate();
    await setImmediate();
    const { listenPort } = this;
    if (this.#stopping || signal.aborted || listenPort === undefined) {
      throw new CodedError('ABORTED', 'the transport is not listening', { cause: signal.reason });
    }
    if (this.#plane.tun && !this.killSwitch?.holds)
      prepareSockets(this.#plane.sockets, this.#mark.value, this.#needs.logger);
    if (this.#plane.tun)
      this.#atExit = atExit(() => {
        this.#uapi?.removeNow();
        this.#plane.tun?.removeRulesNow();
      });
    await this.#plane.inner.start({ signal, listenPort });
    this.#plane.speedUp();
    this.killSwitch?.start();
    if (this.#plane.tun) await this.#serveUapi(signal);
  }

  async #stop(): Promise<void> {
    this.#plane.stopTimer();
    await this.#starting;
    await this.#uapi?.stop();
    await this.#plane.inner.stop();
    this.#atExit?.[Symbol.dispose]();
    for (const publicKey of this.#peers.keys()) this.#plane.removePeer(publicKey);
    this.#peers.clear();
    this.#plane.sockets.flush();
    await this.#plane.sockets.close();
  }

  async #serveUapi(signal: AbortSignal): Promise<void> {
    const { node, identity, logger, guard } = this.#needs;
    const device = new EmbeddedUapi({
      identity,
      listenPort: () => this.listenPort ?? 0,
      fwmark: () => this.#mark.value,
      peers: () => [...this.#peers.keys()].flatMap((publicKey) => this.#knownPeer(publicKey) ?? []),
      peer: (publicKey) => this.#knownPeer(publicKey),
      put: (peer, how) => this.#putPeer(peer, how),
      remove: (publicKey) => this.removePeer(publicKey),
      check: (publicKey) => this.#listeningDevice().checkPublicKey(publicKey),
      suggestEndpoint: (publicKey, endpoint) => this.#events.endpointSuggested.tell({ publicKey, endpoint }),
    });
    const folder = this.#options.uapiFolder;
    const { interfaceName } = node;
    this.#uapi = new UapiServer({ interfaceName, device, logger, guard, ...(folder === undefined ? {} : { folder }) });
    const path = this.#uapi.path;
    try {
      if ((await this.#uapi.start({ signal })) === 'serving') return;
      logger.warn('another process serves a WireGuard device of this name; `wg` shows that one', { path });
    } catch (error) {
      if (signal.aborted) throw error;
      logger.warn('no UAPI socket: `wg` will not show this interface', { path, error: (error as Error).message });
    }
  }

  #knownPeer(publicKey: PublicKey): KnownPeer | undefined {
    const record = this.#peers.get(publicKey);
    const status = this.#plane.device?.peer(publicKey);
    return record && status && { config: record.config, plain: record.plain, status };
  }

  #listeningDevice(): Device<PacketPath> {
    const { device } = this.#plane;
    if (!device) throw new Error('the transport takes peers from listen() on');
    return device;
  }

  #now(): number {
    return this.#plane.now();
  }

  #putPeer(peer: TransportPeer, { plain, moved }: { plain: boolean; moved: boolean }): void {
    const device = this.#listeningDevice();
    const { publicKey, endpoint } = peer;
    const before = this.#peers.get(publicKey);
    const config = {
      allowedIps: peer.allowedIps,
      persistentKeepaliveSeconds: peer.keepaliveSeconds ?? 0,
      roaming: plain,
      presharedKey: peer.presharedKey ?? NO_PRESHARED_KEY,
      // One that has roamed stays where it is until somebody says otherwise.
      ...(endpoint && moved ? { paths: this.#pathsTo(endpoint) } : {}),
    };
    const throttle = before?.throttle ?? new EventThrottle();
    try {
      if (before) device.updatePeer(publicKey, config, this.#now());
      else this.#plane.watch(device.addPeer({ publicKey, ...config }, this.#now()), throttle);
    } catch (cause) {
      const code = parseKey(publicKey) ? 'CONFIG' : 'INVALID_KEY';
      throw new CodedError(code, `peer: ${(cause as Error).message}`, { subject: publicKey, cause });
    }
    this.#peers.set(publicKey, { throttle, config: peer, plain });
    this.#plane.settle();
  }

  #pathsTo(endpoint: TransportAddress): PacketPath[] {
    const base = this.#plane.sockets.sharedBase(endpoint.family);
    if (base) {
      const path = socketPath(base, endpoint);
      this.#plane.sockets.announce(path);
      return [this.#plane.sockets.packetPath(path)];
    }
    this.#needs.logger.warn('no socket of the endpoint\u2019s family', {
      endpoint: endpoint.ip,
      family: endpoint.family,
    });
    return [];
  }
}
