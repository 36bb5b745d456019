import {
  CodedError,
  Counters,
  Listeners,
  sameAddress,
  type Base,
  type PublicKey,
  type Transport,
  type TransportAddress,
  type TransportCapabilities,
  type TransportPath,
  type TransportPeer,
  type TransportPeerStats,
} from '@wirepath/core/plugin';
import type { UapiDeviceState } from '../../uapi/device.js';
import { AttachedDevice } from '../device/attached-device.js';
import { DeviceMishaps } from '../device/device-mishaps.js';
import type { Firewall } from '../../system/firewall/firewall.js';
import { OutsideSockets } from '../../sockets/outside-sockets.js';
import { DeviceNetwork } from '../device/device-network.js';
import { DeviceWatch } from '../device/device-watch.js';
import { tryEndpoint } from './endpoint-trial.js';
import { isNewHandshake, lastHandshakeUnixMs } from '../device/handshake-clock.js';
import { requestHandshake } from '../device/handshake-request.js';
import { innerPing } from './inner-ping.js';
import { putPeer, removePeer, setEndpoint } from '../device/peer-changes.js';
import { PeerRanges } from '../device/peer-ranges.js';
import type { UapiTransportNeeds, UapiTransportOptions } from '../attached-options.js';

const BUSY_INTERVAL_MS = 100;
/** Nothing tells us of traffic but the device's counters. */
const IDLE_INTERVAL_MS = 1000;

export interface NativeTransportOptions extends UapiTransportOptions {
  /** Instead of {@link innerPing}. */
  readonly ping?: typeof innerPing;
}

interface NativePeer {
  config: TransportPeer;
  endpoint: TransportAddress | null;
  rxBytes: number;
  txBytes: number;
  lastHandshakeMs: number | null;
  /** False until the device has it: what it tells before is from before our time. */
  known: boolean;
  /** Counts the decisions over its endpoint; a trial that meets a newer one has nothing more to say. */
  decision: number;
}

/**
 * A device that somebody else runs, with the port that it owns: no datagrams can be shared with it, so there are no
 * checks, no relay, one endpoint per peer, and proof comes from the device's own reports ({@link tryEndpoint}).
 */
export class NativeTransport implements Transport {
  readonly datagrams = undefined;
  readonly packets = undefined;
  readonly killSwitch: Firewall | undefined;
  readonly #needs: UapiTransportNeeds;
  readonly #options: NativeTransportOptions;
  readonly #counters = new Counters();
  readonly #mishaps: DeviceMishaps;
  readonly #device: AttachedDevice;
  readonly #network: DeviceNetwork;
  readonly #ranges: PeerRanges;
  readonly #watch: DeviceWatch;
  readonly #peers = new Map<PublicKey, NativePeer>();
  readonly #trials = new Set<Promise<unknown>>();
  readonly #stopped = new AbortController();
  readonly #onHandshake: Listeners<{ publicKey: PublicKey; atUnixMs: number }>;
  readonly #onAuthenticated: Listeners<{ publicKey: PublicKey; path: TransportPath }>;
  readonly #outside: OutsideSockets;
  readonly openTcpOutside = (remote: TransportAddress) => this.#outside.openTcp(remote);
  readonly openUdpOutside = (remote: TransportAddress) => this.#outside.openUdp(remote);
  #port: number | undefined;
  #beginning: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(needs: UapiTransportNeeds, options: NativeTransportOptions = {}) {
    this.#needs = needs;
    this.#options = options;
    const { node, logger, clock, identity, guard } = needs;
    this.#onHandshake = new Listeners(guard, 'handshake');
    this.#onAuthenticated = new Listeners(guard, 'authenticated');
    const { command, kind, control } = options;
    const interfaceName = options.device ?? node.interfaceName;
    const mishaps = (this.#mishaps = new DeviceMishaps(clock, interfaceName, this.#counters));
    this.#device = new AttachedDevice({ interfaceName, command, kind, control, identity, logger, mishaps });
    this.#network = new DeviceNetwork(needs, { ...options, interfaceName });
    const { killSwitch, mark } = this.#network;
    this.killSwitch = killSwitch;
    if (options.listenPort) killSwitch?.setUnmarkedPort(options.listenPort);
    this.#outside = new OutsideSockets({ mark, logger, onRemote: (ip) => this.#network.addEndpoint(ip) });
    this.#ranges = new PeerRanges(this.#network);
    this.#watch = new DeviceWatch({
      clock,
      get: () => this.#device.get(),
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
    return { ownsSocket: false, multiplePaths: false, relayedPaths: false, ...this.#device.traits };
  }

  get listenPort(): number | undefined {
    return this.#port;
  }

  /** @throws CodedError KILL_SWITCH, INTERFACE_NOT_FOUND, PERMISSION_DENIED, NETWORK_CONFIG, TIMEOUT, ABORTED; UapiError. */
  listen({ signal }: { signal: AbortSignal }): Promise<void> {
    return this.#begin(async () => {
      const { listenPort = 0 } = this.#options;
      this.killSwitch?.load();
      const state = await this.#device.attach({ signal });
      this.#setPort(state.listenPort);
      if (listenPort === 0 || listenPort === state.listenPort) return;
      if (!(await this.#device.set({ listenPort, replacePeers: false, peers: [] }))) {
        throw new CodedError('ADDRESS_IN_USE', 'the device did not take the port', { subject: String(listenPort) });
      }
      this.#setPort(listenPort);
    });
  }

  /** @throws CodedError PERMISSION_DENIED, NETWORK_CONFIG, ABORTED. */
  start({ signal }: { signal: AbortSignal }): Promise<void> {
    return this.#begin(async () => {
      if (this.#stopping || signal.aborted) throw new CodedError('ABORTED', undefined, { cause: signal.reason });
      await this.#network.start(this.#port ?? 0);
      this.#watch.start();
    });
  }

  stop(options?: { failed?: boolean }): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => this.killSwitch?.close(options));
    return this.#stopping;
  }

  addPeer(config: TransportPeer): void {
    const { publicKey, endpoint } = config;
    const before = this.#peers.get(publicKey);
    const peer: NativePeer = before ?? {
      config,
      endpoint: null,
      rxBytes: 0,
      txBytes: 0,
      lastHandshakeMs: null,
      known: false,
      decision: 0,
    };
    const moved = endpoint && !(before?.config.endpoint && sameAddress(before.config.endpoint, endpoint));
    peer.config = config;
    this.#peers.set(publicKey, peer);
    this.#device.manage(publicKey);
    if (moved) this.#network.addEndpoint(endpoint.ip);
    this.#put(peer, moved ? endpoint : undefined);
    this.#ranges.set(publicKey, config.allowedIps);
  }

  removePeer(publicKey: PublicKey): void {
    const peer = this.#peers.get(publicKey);
    if (!peer) return;
    peer.decision += 1;
    this.#peers.delete(publicKey);
    void this.#device.set(removePeer(publicKey));
    this.#ranges.remove(publicKey);
  }

  setAllowedIps(publicKey: PublicKey, cidrs: readonly string[]): void {
    const peer = this.#peers.get(publicKey);
    if (!peer) return;
    peer.config = { ...peer.config, allowedIps: cidrs };
    this.#put(peer, undefined);
    this.#ranges.set(publicKey, cidrs);
  }

  /** The first path's remote address becomes the endpoint. None: it stays, since a device cannot be without. */
  setPath(publicKey: PublicKey, paths: readonly TransportPath[]): void {
    const peer = this.#peers.get(publicKey);
    const path = paths.find(({ kind }) => kind === 'socket');
    if (paths.length > 0 && !path) this.#counters.count('path.unsupported');
    if (!peer || !path) return;
    peer.decision += 1;
    this.#network.addEndpoint(path.remote.ip);
    if (this.#device.traits.canModifyPeer) void this.#device.set(setEndpoint(publicKey, path.remote));
    else this.#put(peer, path.remote);
    this.#watch.nudge();
  }

  /** As of the proxy: with a live session this is a keepalive. */
  initiateHandshake(publicKey: PublicKey, options: { fresh?: boolean } = {}): void {
    const peer = this.#peers.get(publicKey);
    if (!peer) return;
    const { fresh = false } = options;
    void this.#device.inTurn(async (control) => {
      if (this.#peers.get(publicKey) !== peer) return;
      const { traits } = this.#device;
      // A device tells of all its peers at once: asked only where the peer may have to be added anew.
      const isReplaced = fresh || !traits.canModifyPeer;
      const present = isReplaced ? (await control.get()).peers.find((each) => each.publicKey === publicKey) : undefined;
      const unixMs = () => this.#needs.clock.unixMs();
      await requestHandshake(control, { peer: peer.config, endpoint: present?.endpoint, traits, fresh, unixMs });
    });
    this.#watch.nudge();
  }

  /**
   * Moves the peer to `remote`, and back where that is not proven in time. Traffic goes to `remote` meanwhile: keep it short.
   * A second call, {@link setPath} or {@link removePeer} ends the one before.
   * @returns whether it was proven.
   * @throws CodedError PEER_NOT_FOUND.
   */
  async tryEndpoint(
    publicKey: PublicKey,
    remote: TransportAddress,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<boolean> {
    const peer = this.#peers.get(publicKey);
    if (!peer) throw new CodedError('PEER_NOT_FOUND', undefined, { subject: publicKey });
    const decision = (peer.decision += 1);
    // Before the device sends to it: what goes into the tunnel that it is to open is repeated in seconds only.
    this.#network.addEndpoint(remote.ip);
    const trial = tryEndpoint({
      device: this.#device,
      clock: this.#needs.clock,
      peer: peer.config,
      candidate: remote,
      timeoutMs: options.timeoutMs,
      signal: AbortSignal.any([options.signal, this.#stopped.signal]),
      superseded: () => peer.decision !== decision,
      ping: this.#options.ping ?? innerPing,
    });
    this.#trials.add(trial);
    try {
      return await trial;
    } finally {
      this.#trials.delete(trial);
      this.#watch.nudge();
    }
  }

  stats(only?: PublicKey): TransportPeerStats[] {
    const one = only === undefined ? undefined : this.#peers.get(only);
    const peers = only === undefined ? [...this.#peers.values()] : one === undefined ? [] : [one];
    return peers.map(({ config, lastHandshakeMs, rxBytes, txBytes, endpoint }) => ({
      publicKey: config.publicKey,
      lastHandshakeMs,
      rxBytes,
      txBytes,
      endpoint,
    }));
  }

  onHandshake(listener: (event: { publicKey: PublicKey; atUnixMs: number }) => void): Disposable {
    return this.#onHandshake.add(listener);
  }

  /** From the device's counters: about once a second. */
  onAuthenticated(listener: (event: { publicKey: PublicKey; path: TransportPath }) => void): Disposable {
    return this.#onAuthenticated.add(listener);
  }

  /** Never called: the device does not tell data from keepalives. */
  onSent(_listener: (event: { publicKey: PublicKey }) => void): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  /** Never called: whoever sets an endpoint of the device has set it. */
  onEndpointSuggested(_listener: (event: { publicKey: PublicKey; endpoint: TransportAddress }) => void): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters.snapshot(), ...this.#network.counters() };
  }

  #begin(step: () => Promise<void>): Promise<void> {
    const begun = step();
    // The caller gets the error.
    this.#beginning = begun.catch(() => undefined);
    return begun;
  }

  problems(): string[] {
    return [...this.#network.problems(), ...this.#mishaps.problems()];
  }

  /** The device marks nothing, so its datagrams are known by its port. */
  #setPort(port: number): void {
    if (port === this.#port) return;
    this.#port = port;
    if (port !== 0) this.killSwitch?.setUnmarkedPort(port);
  }

  async #stop(): Promise<void> {
    this.#stopped.abort();
    await this.#beginning;
    await Promise.allSettled(this.#trials);
    await this.#watch.stop();
    await this.#network.stop();
    await this.#device.detach();
    this.#peers.clear();
  }

  #put(peer: NativePeer, endpoint: TransportAddress | undefined): void {
    const { publicKey } = peer.config;
    void this.#device.inTurn(async (control) => {
      if (this.#peers.get(publicKey) !== peer) return;
      const { canModifyPeer, handshakeClock } = this.#device.traits;
      const present = await this.#device.present(publicKey, control);
      if (!peer.known && present) {
        // A handshake from before our time is none of ours.
        peer.lastHandshakeMs = lastHandshakeUnixMs(present, handshakeClock, this.#needs.clock.unixMs());
      }
      const replace = present !== undefined && !canModifyPeer;
      await control.set(putPeer(peer.config, endpoint ?? (replace ? present.endpoint : undefined), { replace }));
      peer.known = true;
    });
  }

  #told(state: UapiDeviceState, atUnixMs: number): void {
    this.#setPort(state.listenPort);
    const { handshakeClock } = this.#device.traits;
    for (const told of state.peers) {
      const peer = this.#peers.get(told.publicKey);
      if (!peer?.known) continue;
      const { publicKey, endpoint, rxBytes, txBytes } = told;
      if (endpoint) this.#network.addEndpoint(endpoint.ip);
      const atMs = lastHandshakeUnixMs(told, handshakeClock, atUnixMs);
      if (isNewHandshake(peer.lastHandshakeMs, atMs, handshakeClock) && atMs !== null) {
        peer.lastHandshakeMs = atMs;
        this.#onHandshake.tell({ publicKey, atUnixMs: atMs });
      }
      // What was counted before the endpoint changed came from elsewhere.
      const stayed = endpoint && peer.endpoint && sameAddress(endpoint, peer.endpoint);
      if (stayed && rxBytes > peer.rxBytes) {
        const base = this.#base(endpoint.family);
        this.#onAuthenticated.tell({ publicKey, path: { kind: 'socket', base, remote: endpoint } });
      }
      peer.endpoint = endpoint ?? null;
      peer.rxBytes = rxBytes;
      peer.txBytes = txBytes;
    }
  }

  /** The device's own socket, by name only. */
  #base(family: 4 | 6): Base {
    return { id: `device${family}`, family, port: this.#port ?? 0, shared: true };
  }
}
