import {
  CodedError,
  Counters,
  sameAddress,
  socketPath,
  type Datagrams,
  type PublicKey,
  type Transport,
  type TransportAddress,
  type TransportCapabilities,
  type TransportPath,
  type TransportPeer,
  type TransportPeerStats,
} from '@wirepath/core/plugin';
import { DGRAM_SOCKET_BYTES, PacketMemory } from '@wirepath/linux';
import { TransportEvents } from '../../events/transport-events.js';
import { OutsideSockets } from '../../sockets/outside-sockets.js';
import { openPreferring } from '../../sockets/open-preferring.js';
import { PacketBuffers } from '../../protocol/packet-buffers.js';
import { Sockets } from '../../sockets/sockets.js';
import type { Firewall } from '../../system/firewall/firewall.js';
import { prepareSocket } from '../../sockets/prepare-socket.js';
import { bindToInterface } from '../../sockets/socket-options.js';
import { PATH_CHANGE_HANDSHAKE_SPACING_MS } from '../../protocol/constants.js';
import { MESSAGE_TRANSPORT_DATA, messageType, TRANSPORT_MIN_BYTES } from '../../protocol/messages.js';
import type { UapiDeviceState } from '../../uapi/device.js';
import type { UapiTransportNeeds, UapiTransportOptions } from '../attached-options.js';
import { AttachedDevice } from '../device/attached-device.js';
import { DeviceMishaps } from '../device/device-mishaps.js';
import { Mishaps } from '../../events/mishaps.js';
import { DeviceNetwork } from '../device/device-network.js';
import { DeviceWatch } from '../device/device-watch.js';
import { isNewHandshake, lastHandshakeUnixMs } from '../device/handshake-clock.js';
import { requestHandshake } from '../device/handshake-request.js';
import { IncomingSorter, tellOfDropped } from './incoming-sorter.js';
import { putPeer, removePeer, setEndpoint } from '../device/peer-changes.js';
import { PeerRanges } from '../device/peer-ranges.js';
import { ProxiedPeer } from './proxied-peer.js';

/** The device is asked at most so often while traffic passes. */
const BUSY_INTERVAL_MS = 100;
/** And so often otherwise: for what `wg` does to it. */
const IDLE_INTERVAL_MS = 10_000;

/**
 * A device that somebody else runs, behind sockets of ours: each peer has one fixed loopback endpoint in the device, and
 * every path change happens between that and the network, unseen by WireGuard. Costs one pass through this process.
 */
export class ProxyTransport implements Transport {
  readonly packets = undefined;
  readonly killSwitch: Firewall | undefined;
  readonly #needs: UapiTransportNeeds;
  readonly #options: UapiTransportOptions;
  readonly #counters = new Counters();
  readonly #ofDevice: DeviceMishaps;
  readonly #ofPeers: Mishaps;
  readonly #sockets: Sockets;
  readonly #device: AttachedDevice;
  readonly #network: DeviceNetwork;
  readonly #ranges: PeerRanges;
  readonly #watch: DeviceWatch;
  readonly #peers = new Map<PublicKey, ProxiedPeer>();
  readonly #closing = new Set<Promise<void>>();
  readonly #events: TransportEvents;
  readonly #outside: OutsideSockets;
  readonly openTcpOutside = (remote: TransportAddress) => this.#outside.openTcp(remote);
  readonly openUdpOutside = (remote: TransportAddress) => this.#outside.openUdp(remote);
  #sorter: IncomingSorter | undefined;
  #devicePort = 0;
  #listening = false;
  #beginning: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(needs: UapiTransportNeeds, options: UapiTransportOptions = {}) {
    this.#needs = needs;
    this.#options = options;
    const { node, logger, clock, identity, guard } = needs;
    const counters = this.#counters;
    this.#events = new TransportEvents(guard);
    const { command, kind, control } = options;
    const interfaceName = options.device ?? node.interfaceName;
    const mishaps = (this.#ofDevice = new DeviceMishaps(clock, interfaceName, counters));
    this.#device = new AttachedDevice({ interfaceName, command, kind, control, identity, logger, mishaps });
    this.#ofPeers = new Mishaps(clock, (publicKey) => this.#peers.get(publicKey)?.config.name);
    this.#network = new DeviceNetwork(needs, { ...options, interfaceName });
    const { killSwitch, mark } = this.#network;
    this.killSwitch = killSwitch;
    const onRemote = (ip: string) => this.#network.addEndpoint(ip);
    this.#outside = new OutsideSockets({ mark, logger, onRemote });
    const buffers = new PacketBuffers(new PacketMemory(PacketBuffers.SIZE_BYTES + DGRAM_SOCKET_BYTES));
    this.#sockets = new Sockets({
      guard,
      counters,
      buffers,
      onWireGuard: (offset, sizeBytes, { path }) => this.#fromNetwork(buffers.copyOf(offset, sizeBytes), path),
      onRemote,
      onSendFailed: (code) => this.#ofPeers.sendFailed(code),
      follow: { clock, logger, ownInterface: interfaceName, mark: mark ?? 0 },
    });
    this.#ranges = new PeerRanges(this.#network);
    this.#watch = new DeviceWatch({
      clock,
      get: () => this.#device.get(),
      onAsk: () => {
        for (const peer of this.#peers.values()) peer.evidence.asked();
      },
      onState: (state, atUnixMs) => {
        mishaps.answered();
        this.#told(state, atUnixMs);
      },
      onFailure: (error) => mishaps.silent(error),
      busyIntervalMs: BUSY_INTERVAL_MS,
      idleIntervalMs: IDLE_INTERVAL_MS,
    });
  }

  get capabilities(): TransportCapabilities {
    return { ownsSocket: true, multiplePaths: true, relayedPaths: true, ...this.#device.traits };
  }

  get datagrams(): Datagrams | undefined {
    return this.#listening ? this.#sockets : undefined;
  }

  get listenPort(): number | undefined {
    return this.#sockets.port;
  }

  /** @throws CodedError KILL_SWITCH, INTERFACE_NOT_FOUND, ADDRESS_IN_USE, PERMISSION_DENIED, NETWORK_CONFIG, TIMEOUT, ABORTED; UapiError. */
  listen(options: Parameters<Transport['listen']>[0]): Promise<void> {
    return this.#begin(() => this.#listen(options));
  }

  /** @throws CodedError PERMISSION_DENIED, NETWORK_CONFIG, ABORTED. */
  start({ signal }: { signal: AbortSignal }): Promise<void> {
    return this.#begin(async () => {
      if (this.#stopping || signal.aborted) throw new CodedError('ABORTED', undefined, { cause: signal.reason });
      await this.#network.start(this.listenPort ?? 0);
      this.#watch.start();
    });
  }

  stop(options?: { failed?: boolean }): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => this.killSwitch?.close(options));
    return this.#stopping;
  }

  addPeer(config: TransportPeer): void {
    const { publicKey, endpoint } = config;
    const known = this.#peers.get(publicKey);
    const before = known?.config.endpoint;
    const peer = known ?? this.#newPeer(config);
    peer.config = config;
    if (!known) {
      peer.leg.setDevicePort(this.#devicePort);
      this.#peers.set(publicKey, peer);
      this.#sorter?.addPeer(publicKey);
    }
    // One that has roamed stays where it is until somebody says otherwise.
    if (endpoint && !(before && sameAddress(before, endpoint))) this.setPath(publicKey, this.#pathsTo(endpoint));
    this.#device.manage(publicKey);
    this.#putPeer(peer);
    this.#ranges.set(publicKey, config.allowedIps);
  }

  removePeer(publicKey: PublicKey): void {
    const peer = this.#peers.get(publicKey);
    if (!peer) return;
    this.#peers.delete(publicKey);
    this.#sorter?.removePeer(publicKey);
    void this.#device.set(removePeer(publicKey));
    this.#close(peer);
    this.#ranges.remove(publicKey);
  }

  setAllowedIps(publicKey: PublicKey, cidrs: readonly string[]): void {
    const peer = this.#peers.get(publicKey);
    if (!peer) return;
    peer.config = { ...peer.config, allowedIps: cidrs };
    this.#putPeer(peer);
    this.#ranges.set(publicKey, cidrs);
  }

  setPath(publicKey: PublicKey, paths: readonly TransportPath[]): void {
    const peer = this.#peers.get(publicKey);
    if (!peer) return;
    peer.paths = [...paths];
    this.#sorter?.setPaths(publicKey, paths);
    if (paths.length > 0) for (const datagram of peer.release()) this.#send(peer.paths, datagram);
  }

  /** With a live session this is a keepalive: a device can be made to shake hands anew only by ending the session. */
  initiateHandshake(publicKey: PublicKey, options: { fresh?: boolean } = {}): void {
    const peer = this.#peers.get(publicKey);
    if (!peer) return;
    const now = this.#needs.clock.now();
    const fresh = (options.fresh ?? false) && now - peer.freshAtMs >= PATH_CHANGE_HANDSHAKE_SPACING_MS;
    if (fresh) peer.freshAtMs = now;
    void this.#device.inTurn(async (control) => {
      if (this.#peers.get(publicKey) !== peer) return;
      const { traits } = this.#device;
      const unixMs = () => this.#needs.clock.unixMs();
      await requestHandshake(control, { peer: peer.config, endpoint: peer.endpoint, traits, fresh, unixMs });
    });
  }

  stats(only?: PublicKey): TransportPeerStats[] {
    const peers = only === undefined ? [...this.#peers.values()] : [this.#peers.get(only)];
    return peers.flatMap((peer) => peer?.stats() ?? []);
  }

  onHandshake(listener: (event: { publicKey: PublicKey; atUnixMs: number }) => void): Disposable {
    return this.#events.handshake.add(listener);
  }

  /**
   * Inferred, since the device says nothing of paths: at once where it answers a handshake, else within some 100 ms from
   * the bytes that it counts ({@link PathEvidence}).
   */
  onAuthenticated(listener: (event: { publicKey: PublicKey; path: TransportPath }) => void): Disposable {
    return this.#events.authenticated.add(listener);
  }

  onSent(listener: (event: { publicKey: PublicKey }) => void): Disposable {
    return this.#events.sent.add(listener);
  }

  /** The device wants to send to a peer that has no path. At most one call per peer in 20 ms. */
  onPathWanted(listener: (event: { publicKey: PublicKey }) => void): Disposable {
    return this.#events.pathWanted.add(listener);
  }

  onEndpointSuggested(listener: (event: { publicKey: PublicKey; endpoint: TransportAddress }) => void): Disposable {
    return this.#events.endpointSuggested.add(listener);
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters.snapshot(), ...this.#network.counters() };
  }

  problems(): string[] {
    const parts = [this.#network, this.#ofDevice, this.#ofPeers, this.#sockets];
    return parts.flatMap((part) => part.problems());
  }

  /** stop() waits for what was begun. */
  #begin(step: () => Promise<void>): Promise<void> {
    const begun = step();
    // The caller gets the error.
    this.#beginning = begun.catch(() => undefined);
    return begun;
  }

  async #listen({ signal, preferredPort }: Parameters<Transport['listen']>[0]): Promise<void> {
    const { listenPort = 0, bindInterface } = this.#options;
    this.killSwitch?.load();
    const state = await this.#device.attach({ signal, portToFree: listenPort });
    const privateKey = this.#needs.identity.exportPrivateKey();
    this.#sorter = new IncomingSorter(privateKey);
    privateKey.fill(0);
    for (const publicKey of this.#peers.keys()) this.#sorter.addPeer(publicKey);
    this.#setDevicePort(state.listenPort);
    await openPreferring(this.#sockets, { configured: listenPort, preferred: preferredPort, signal });
    this.#listening = true;
    this.#sockets.forEachSocket(({ descriptor: fd }, { family }) => {
      if (fd === undefined || process.platform !== 'linux') return;
      if (this.#network.mark !== undefined) prepareSocket({ fd, family }, this.#network.mark, this.#needs.logger);
      if (bindInterface !== undefined) bindToInterface(fd, bindInterface);
    });
  }

  async #stop(): Promise<void> {
    await this.#beginning;
    await this.#watch.stop();
    // Its port may have been the device's.
    await this.#sockets.close();
    await this.#network.stop();
    await this.#device.detach();
    for (const peer of this.#peers.values()) this.#close(peer);
    this.#peers.clear();
    await Promise.all(this.#closing);
  }

  #close(peer: ProxiedPeer): void {
    const closing = peer.leg.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #setDevicePort(port: number): void {
    if (port === this.#devicePort) return;
    this.#devicePort = port;
    for (const peer of this.#peers.values()) peer.leg.setDevicePort(port);
    if (port === 0)
      this.#needs.logger.warn('the device has no port: is it up?', { interface: this.#device.interfaceName });
  }

  #putPeer(peer: ProxiedPeer): void {
    void this.#device.inTurn(async (control) => {
      const endpoint = await peer.leg.endpoint;
      if (this.#peers.get(peer.publicKey) !== peer) return;
      const present = await this.#device.present(peer.publicKey, control);
      // A session from before our time is of no use: what comes in for it names an index that went past other sockets.
      const replace = present !== undefined && (peer.endpoint === undefined || !this.#device.traits.canModifyPeer);
      await control.set(putPeer(peer.config, endpoint, { replace }));
      peer.known(endpoint);
    });
  }

  #pathsTo(endpoint: TransportAddress): TransportPath[] {
    const base = this.#sockets.sharedBase(endpoint.family);
    if (base) return [socketPath(base, endpoint)];
    this.#needs.logger.warn('no socket of the endpoint’s family', { endpoint: endpoint.ip, family: endpoint.family });
    return [];
  }

  #fromNetwork(datagram: Uint8Array, from: TransportPath): void {
    const sorted = this.#sorter?.sort(datagram, from, this.#needs.clock.now());
    if (sorted === undefined) return;
    if ('dropped' in sorted) tellOfDropped(sorted, from, this.#ofPeers);
    if ('dropped' in sorted) return this.#counters.count(`wireguard.${sorted.dropped}`);
    const peer = this.#peers.get(sorted.publicKey);
    if (!peer) return this.#counters.count('wireguard.unknown-peer');
    peer.toDevice(from, datagram);
    this.#watch.nudge();
  }

  #newPeer(config: TransportPeer): ProxiedPeer {
    const peer: ProxiedPeer = new ProxiedPeer(config, {
      counters: this.#counters,
      mishaps: this.#ofDevice,
      guard: this.#needs.guard,
      onFromDevice: (bytes) => this.#fromDevice(peer, bytes),
    });
    return peer;
  }

  #fromDevice(peer: ProxiedPeer, datagram: Uint8Array): void {
    if (this.#peers.get(peer.publicKey) !== peer) return;
    this.#sorter?.learn(peer.publicKey, datagram);
    // A response goes back where the initiation came from while the peer has no path of its own.
    const answered = peer.paths.length === 0 ? peer.evidence.initiationPath(datagram) : undefined;
    const proven = peer.evidence.deviceSent(datagram);
    if (proven) this.#authenticated(peer, proven);
    const paths = peer.paths.length > 0 ? peer.paths : answered ? [answered] : [];
    if (paths.length > 0) this.#send(paths, datagram);
    else this.#hold(peer, datagram);
    const isData = messageType(datagram) === MESSAGE_TRANSPORT_DATA && datagram.length > TRANSPORT_MIN_BYTES;
    if (isData && peer.throttle.admitSent(this.#needs.clock.now()))
      this.#events.sent.tell({ publicKey: peer.publicKey });
    this.#watch.nudge();
  }

  #hold(peer: ProxiedPeer, datagram: Uint8Array): void {
    if (!peer.hold(datagram)) this.#counters.count('send.no-path');
    if (peer.throttle.admitPathWanted(this.#needs.clock.now()))
      this.#events.pathWanted.tell({ publicKey: peer.publicKey });
  }

  #send(paths: readonly TransportPath[], datagram: Uint8Array): void {
    for (const path of paths) this.#sockets.send(path, datagram);
  }

  #authenticated(peer: ProxiedPeer, path: TransportPath): void {
    const { publicKey } = peer;
    this.#sockets.authenticated(this.#sockets.packetPath(path));
    if (peer.roaming && !peer.isOn(path)) this.setPath(publicKey, [path]);
    if (peer.throttle.admitAuthenticated(path, this.#needs.clock.now()))
      this.#events.authenticated.tell({ publicKey, path });
  }

  #told(state: UapiDeviceState, atUnixMs: number): void {
    this.#setDevicePort(state.listenPort);
    const { handshakeClock } = this.#device.traits;
    for (const told of state.peers) {
      const peer = this.#peers.get(told.publicKey);
      if (peer?.endpoint === undefined) continue;
      const { publicKey } = peer;
      peer.count(told.rxBytes, told.txBytes);
      for (const path of peer.evidence.told(told.rxBytes)) this.#authenticated(peer, path);
      const atMs = lastHandshakeUnixMs(told, handshakeClock, atUnixMs);
      if (isNewHandshake(peer.lastHandshakeMs, atMs, handshakeClock) && atMs !== null) {
        peer.lastHandshakeMs = atMs;
        this.#events.handshake.tell({ publicKey, atUnixMs: atMs });
      }
      if (told.endpoint && !sameAddress(told.endpoint, peer.endpoint)) {
        this.#movedAway(peer, told.endpoint, peer.endpoint);
      }
    }
  }

  /** Somebody used `wg set`, or an authentic packet reached the device's own port: back behind our sockets. */
  #movedAway(peer: ProxiedPeer, endpoint: TransportAddress, ours: TransportAddress): void {
    const { publicKey } = peer;
    this.#counters.count('device.endpoint-moved');
    if (this.#device.traits.canModifyPeer) void this.#device.set(setEndpoint(publicKey, ours));
    else this.#putPeer(peer);
    if (peer.roaming) this.setPath(publicKey, this.#pathsTo(endpoint));
    else this.#events.endpointSuggested.tell({ publicKey, endpoint });
  }
}
