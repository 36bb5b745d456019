import {
  CodedError,
  Counters,
  sameAddress,
  samePath,
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
import { firewallMark, routingTable, type FirewallMark } from '../system/firewall-mark.js';
import { Device } from '../protocol/device.js';
import { parseKey } from '../protocol/keys.js';
import type { DeviceSink } from '../protocol/sink.js';
import { TunInterface } from '../inner/tun-interface.js';
import { createFirewall } from '../system/firewall/create-firewall.js';
import type { Firewall } from '../system/firewall/firewall.js';
import { UapiServer } from '../uapi/socket/server.js';
import { sourceBytes } from './cookie-source.js';
import { EmbeddedUapi, type KnownPeer } from './embedded-uapi.js';
import { pinSockets, prepareSockets } from './prepare-sockets.js';
import { EventThrottle } from '../events/event-throttle.js';
import { InProcessPort } from '../inner/in-process-port.js';
import type { InnerSide } from '../inner/inner-side.js';
import { Mishaps } from '../events/mishaps.js';
import { counted } from '../events/counted.js';
import { TransportEvents } from '../events/transport-events.js';
import { openPreferring } from '../sockets/open-preferring.js';
import { OutsideSockets } from '../sockets/outside-sockets.js';
import { Sockets } from '../sockets/sockets.js';
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
  readonly #sockets: Sockets;
  readonly #inner: InnerSide;
  readonly #port: InProcessPort | undefined;
  readonly #tun: TunInterface | undefined;
  readonly #peers = new Map<PublicKey, PeerRecord>();
  readonly #events: TransportEvents;
  readonly #outside: OutsideSockets;
  readonly openTcpOutside = (remote: TransportAddress) => this.#outside.openTcp(remote);
  readonly openUdpOutside = (remote: TransportAddress) => this.#outside.openUdp(remote);
  #device: Device<TransportPath> | undefined;
  #uapi: UapiServer | undefined;
  #timer: Disposable | undefined;
  #timerDueMs = Infinity;
  #listening = false;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(needs: EmbeddedTransportNeeds, options: EmbeddedTransportOptions = {}) {
    this.#needs = needs;
    this.#options = options;
    const { node, logger, guard, clock } = needs;
    const counters = this.#counters;
    this.#mishaps = new Mishaps(clock, (publicKey) => this.#peers.get(publicKey)?.config.name);
    const mark = (this.#mark = firewallMark(options.fwmark));
    const table = routingTable(node.interfaceName, options.fwmark);
    this.#events = new TransportEvents(guard);
    const onPacket = (packet: Uint8Array) => this.#handlePacket(packet);
    if (options.tun ?? true) {
      const onLoop = (packet: Uint8Array) => this.#mishaps.looped(packet, mark.value);
      this.#tun = new TunInterface({ node, mark, table, logger, clock, guard, counters, onPacket, onLoop });
      this.#inner = this.#tun;
      this.killSwitch = createFirewall(needs, { ...options, mark });
    } else {
      this.#inner = this.#port = new InProcessPort(onPacket, guard);
    }
    const onRemote = (ip: string) => this.#inner.addEndpoint(ip);
    this.#outside = new OutsideSockets({ mark: this.#tun && mark.value, logger, onRemote });
    this.#sockets = new Sockets({
      guard,
      counters,
      onWireGuard: (bytes, from) => this.#handleDatagram(bytes, from),
      onRemote,
      onSendFailed: (code) => this.#mishaps.sendFailed(code),
      openSocket: options.openSocket,
      onAddresses: (ips) => this.#tun?.setMachineAddresses(ips),
      follow: options.openSocket ? undefined : { clock, logger, ownInterface: node.interfaceName, mark: mark.value },
    });
  }

  get datagrams(): Datagrams | undefined {
    return this.#listening ? this.#sockets : undefined;
  }

  get listenPort(): number | undefined {
    return this.#sockets.port;
  }

  get packets(): PacketPort | undefined {
    return this.#port;
  }

  /** @throws CodedError KILL_SWITCH, ADDRESS_IN_USE, PERMISSION_DENIED, INTERFACE_NOT_FOUND, NETWORK_CONFIG, ABORTED. */
  async listen({ signal, preferredPort }: Parameters<Transport['listen']>[0]): Promise<void> {
    const { identity, random, clock, node } = this.#needs;
    this.killSwitch?.load();
    const privateKey = identity.exportPrivateKey();
    this.#device = new Device({
      privateKey,
      sink: this.#sink,
      samePath: (a, b) => a === b || samePath(a, b),
      sourceBytes,
      random: (sizeBytes) => random.bytes(sizeBytes),
      wallClockMs: () => clock.unixMs(),
      mtu: node.mtu,
      onRange: (cidr, isRouted) => {
        this.killSwitch?.setRouted(cidr, isRouted);
        this.#inner.setRouted(cidr, isRouted);
      },
    });
    privateKey.fill(0);
    const { bindInterface, listenPort: configured = 0 } = this.#options;
    await openPreferring(this.#sockets, { configured, preferred: preferredPort, signal });
    this.#listening = true;
    if (bindInterface !== undefined) pinSockets(this.#sockets, bindInterface, this.#needs.logger);
    if (this.killSwitch?.holds) prepareSockets(this.#sockets, this.#mark.value, this.#needs.logger);
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
    this.#device?.removePeer(publicKey);
    this.#peers.delete(publicKey);
    this.#mishaps.forget(publicKey);
  }

  setAllowedIps(publicKey: PublicKey, cidrs: readonly string[]): void {
    this.#listeningDevice().updatePeer(publicKey, { allowedIps: cidrs }, this.#now());
  }

  setPath(publicKey: PublicKey, paths: readonly TransportPath[]): void {
    for (const path of paths) this.#sockets.announce(path);
    this.#device?.setPaths(publicKey, paths, this.#now());
    this.#rearm();
  }

  initiateHandshake(publicKey: PublicKey, options: { fresh?: boolean } = {}): void {
    this.#device?.initiateHandshake(publicKey, this.#now(), { force: options.fresh ?? false });
    this.#rearm();
  }

  stats(publicKey?: PublicKey): TransportPeerStats[] {
    const device = this.#device;
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
    const drops = { ...counted('wireguard.', this.#device?.drops), ...counted('tun.write-', this.#tun?.drops()) };
    return { ...this.#counters.snapshot(), ...this.killSwitch?.counters(), ...drops };
  }

  problems(): string[] {
    const own = [...(this.killSwitch?.problems() ?? []), ...(this.#tun?.problems() ?? [])];
    return [...own, ...this.#mishaps.problems(), ...this.#sockets.problems()];
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
    if (this.#tun && !this.killSwitch?.holds) prepareSockets(this.#sockets, this.#mark.value, this.#needs.logger);
    await this.#inner.start({ signal, listenPort });
    this.killSwitch?.start();
    if (this.#tun) await this.#serveUapi(signal);
  }

  async #stop(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    await this.#starting;
    await this.#uapi?.stop();
    await this.#inner.stop();
    for (const publicKey of this.#peers.keys()) this.#device?.removePeer(publicKey);
    this.#peers.clear();
    await this.#sockets.close();
    // Whatever happened meanwhile may have set it again.
    (this.#timer as Disposable | undefined)?.[Symbol.dispose]();
    this.#timer = undefined;
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
    const status = this.#device?.peer(publicKey);
    return record && status && { config: record.config, plain: record.plain, status };
  }

  #listeningDevice(): Device<TransportPath> {
    if (!this.#device) throw new Error('the transport takes peers from listen() on');
    return this.#device;
  }

  #now(): number {
    return this.#needs.clock.now();
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
    try {
      if (before) device.updatePeer(publicKey, config, this.#now());
      else device.addPeer({ publicKey, ...config }, this.#now());
    } catch (cause) {
      const code = parseKey(publicKey) ? 'CONFIG' : 'INVALID_KEY';
      throw new CodedError(code, `peer: ${(cause as Error).message}`, { subject: publicKey, cause });
    }
    this.#peers.set(publicKey, { throttle: before?.throttle ?? new EventThrottle(), config: peer, plain });
    this.#rearm();
  }

  #pathsTo(endpoint: TransportAddress): TransportPath[] {
    const base = this.#sockets.sharedBase(endpoint.family);
    if (base) {
      const path = socketPath(base, endpoint);
      this.#sockets.announce(path);
      return [path];
    }
    this.#needs.logger.warn('no socket of the endpoint\u2019s family', {
      endpoint: endpoint.ip,
      family: endpoint.family,
    });
    return [];
  }

  #handlePacket(packet: Uint8Array): void {
    this.#events.inner.show(packet);
    if (this.#device?.handlePacket(packet, this.#now()) === 'no-route') this.#mishaps.noPeerFor(packet);
    this.#rearm();
  }

  #handleDatagram(bytes: Uint8Array, from: TransportPath): void {
    this.#device?.handleDatagram(bytes, from, this.#now());
    this.#rearm();
  }

  /** One timer for all: deadlines mostly move away, so an early one is left to fire in vain. */
  #rearm(): void {
    const dueMs = this.#device?.nextTimeout();
    if (dueMs === undefined || dueMs >= this.#timerDueMs || this.#stopping) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerDueMs = dueMs;
    this.#timer = this.#needs.clock.setTimeout(this.#onTimer, Math.max(1, Math.ceil(dueMs - this.#now())));
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
    // Whatever fails, the timer is armed again: it is all peers' only one.
    this.#needs.guard.run('WireGuard timer', () => this.#device?.handleTimeout(this.#now()));
    this.#rearm();
  };

  readonly #sink: DeviceSink<TransportPath> = {
    send: (datagram, paths) => {
      for (const path of paths) this.#sockets.send(path, datagram);
    },
    reply: (datagram, to) => this.#sockets.reply(to, datagram),
    deliver: (packet) => this.#inner.deliver(packet),
    onHandshake: ({ publicKey }, { unixMs }) => {
      this.#mishaps.shookHands(publicKey);
      this.#events.handshake.tell({ publicKey, atUnixMs: unixMs });
    },
    onHandshakeRefused: (why, publicKey, { remote }) => this.#mishaps.handshakeRefused(why, publicKey, remote),
    onAuthenticated: ({ publicKey }, path, _kind, now) => {
      this.#sockets.authenticated(path);
      if (this.#peers.get(publicKey)?.throttle.admitAuthenticated(path, now)) {
        this.#events.authenticated.tell({ publicKey, path });
      }
    },
    onSent: ({ publicKey }, now) => {
      if (this.#peers.get(publicKey)?.throttle.admitSent(now)) this.#events.sent.tell({ publicKey });
    },
    onSourceNotAllowed: ({ publicKey }, source) => this.#mishaps.sourceNotAllowed(publicKey, source),
    onPathWanted: ({ publicKey }, now) => {
      if (this.#peers.get(publicKey)?.throttle.admitPathWanted(now)) this.#events.pathWanted.tell({ publicKey });
    },
  };
}
