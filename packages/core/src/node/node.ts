import { formatAddress } from '@wirepath/stun-codec';
import { loadCheckEncoder } from '../shell/transport/connectivity-checks.js';
import { TOKENS } from '../assembly/container/tokens.js';
import { createContainer, type Environment, type WiredNode } from '../assembly/container/create-container.js';
import { stopSources } from '../assembly/container/stop-sources.js';
import type { LoadedConfig } from '../assembly/loaded-config.js';
import type { KillSwitch, PacketPort } from '../contracts/transport.js';
import type { PublicKey } from '../base/identity/identity.js';
import type { Service } from '../contracts/service.js';
import { statsOf } from '../contracts/transport.js';
import { CodedError } from '../base/errors/coded-error.js';
import type { EdgeGuard } from '../base/guard/edge-guard.js';
import { guardedClock } from '../base/guard/guarded-clock.js';
import { Listeners } from '../base/guard/listeners.js';
import { Lifecycle } from './lifecycle.js';
import { NatTraversal } from '../shell/nat-traversal.js';
import { PeerDiscoveries } from '../shell/peers/peer-discoveries.js';
import type { Product } from '../assembly/product/product.js';
import { explainPeer } from './documents/explain-peer.js';
import { findPeer, peerNamed } from './documents/find-peer.js';
import { netcheck } from './documents/netcheck.js';
import { PeerConnections } from './peers/peer-connections.js';
import { NodeReload } from './reload-node.js';
import { rememberedPathsOf } from './remembered-paths.js';
import type { RememberedPaths } from '../shell/remembered/remembered-paths.js';
import { peerStatus, statusDocument } from './documents/status-document.js';
import { CONNECTION_TYPES, type ConnectionType } from '../engine/connection-type.js';
import { until } from '../shell/timing/until.js';
import type {
  Connection,
  ExplainDocument,
  NetcheckDocument,
  PeerStatus,
  StatusDocument,
} from './documents/documents.js';

/** Answer to a path ping. */
export interface PingReply {
  readonly rttMs: number;
  readonly connection: ConnectionType;
  /** The address that answered, and the relay where one is between. */
  readonly via: string;
}

/** A running node: everything that an rc file describes, started and stopped together. */
export interface Node extends Service {
  /** Its plugins and the container they are wired in. */
  readonly wired: WiredNode;
  readonly traversal: NatTraversal;
  /** In-process packets, where the transport runs without a device. */
  readonly packets: PacketPort | undefined;
  status(): StatusDocument;
  /** Asks the peer too, which takes a moment. @param peer name or public key. @throws CodedError PEER_NOT_FOUND, ABORTED. */
  explain(peer: string, options?: { signal?: AbortSignal }): Promise<ExplainDocument>;
  /** @returns undefined when nothing answered in time. @throws CodedError PEER_NOT_FOUND. */
  ping(peer: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<PingReply | undefined>;
  /**
   * Waits until the peer has a path with a session, however long that takes: end it with `signal`. The peer may be one that
   * the node does not know yet.
   * @param peer name or public key. @throws CodedError ABORTED.
   */
  connected(peer: string, options?: { signal?: AbortSignal }): Promise<ConnectionType>;
  /** What this machine's network lets through; works on a running node and on one that was never started. */
  netcheck(options: { signal: AbortSignal }): Promise<NetcheckDocument>;
  /**
   * The rc file was read again: peers are added, changed and removed, settings of traversal and options of plugins that can take
   * them are taken over; living sessions stay.
   * @returns what has changed besides and takes a restart, one clause each; `status` tells it too, until then.
   */
  reload(config: LoadedConfig): Promise<readonly string[]>;
  /** What `status` shows of one peer; undefined where there is none of that key. */
  peerStatus(publicKey: PublicKey): PeerStatus | undefined;
  /** Of the transport, where it has one; it knows what is meant for the tunnel. */
  readonly killSwitch: KillSwitch | undefined;
  /** Something that `status` shows has changed: of this peer, which may be gone, or of the node. */
  onChange(listener: (peer: PublicKey | undefined) => void): Disposable;
}

/**
 * Creates a node and all its plugins. No I/O until `start`.
 * @throws CodedError CONFIG when the rc file has no node, or lacks a transport; PLUGIN_FAILED.
 */
export async function createNode(product: Product, config: LoadedConfig, environment: Environment): Promise<Node> {
  const wired = await createContainer(product, config, environment);
  return new WiredTraversalNode(wired, product, config);
}

class WiredTraversalNode implements Node {
  readonly traversal: NatTraversal;
  readonly #lifecycle: Lifecycle;
  readonly #guard: EdgeGuard;
  readonly #listeners: Listeners<PublicKey | undefined>;
  readonly #connections: PeerConnections;
  readonly #discoveries: PeerDiscoveries;
  readonly #reload: NodeReload;
  readonly #remembered: RememberedPaths | undefined;
  /** Of the rc file as it was read last: what takes a restart. */
  #untaken: readonly string[] = [];
  #started = false;

  constructor(
    readonly wired: WiredNode,
    readonly product: Product,
    readonly config: LoadedConfig,
  ) {
    this.#guard = wired.get(TOKENS.Guard);
    this.#listeners = new Listeners(this.#guard, 'changes of status');
    const clock = guardedClock(wired.get(TOKENS.Clock), this.#guard);
    const logger = wired.get(TOKENS.Logger);
    const { instance: transport, plugin: carrier } = wired.get(TOKENS.Transport);
    const { phases } = wired;
    const remembered = rememberedPathsOf(wired, product, config, { clock, traversal: () => this.traversal });
    this.#remembered = remembered;
    const recall = remembered === undefined ? [] : [{ plugin: 'remembered peers', instance: remembered.signaling }];
    this.traversal = new NatTraversal({
      identity: wired.get(TOKENS.Identity),
      transport,
      candidateSources: wired.get(TOKENS.CandidateSources),
      relays: wired.get(TOKENS.Relays),
      signalings: [...wired.get(TOKENS.Signalings), ...recall],
      settings: wired.get(TOKENS.TraversalSettings),
      addresses: wired.get(TOKENS.NodeSettings).addresses,
      clock,
      random: wired.get(TOKENS.RandomSource),
      logger,
      guard: this.#guard.for('traversal'),
      outside: wired.get(TOKENS.Outside),
      phases,
    });
    this.#connections = new PeerConnections({
      traversal: this.traversal,
      transport,
      signalings: wired.get(TOKENS.Signalings).map(({ instance }) => instance),
      clock,
      changes: this.#listeners,
      resolveAgain: (publicKey) => wired.rcFilePeers.resolveAgain(publicKey),
    });
    this.#reload = new NodeReload(config, { traversal: this.traversal, contributions: wired.contributions, logger });
    this.#discoveries = new PeerDiscoveries({
      discoveries: wired.get(TOKENS.PeerDiscoveries),
      sink: {
        set: (peer) => {
          this.traversal.setPeer(peer);
          this.#connections.set(peer.publicKey);
        },
        remove: (publicKey) => {
          this.traversal.removePeer(publicKey);
          this.#connections.remove(publicKey);
        },
      },
      identity: wired.get(TOKENS.Identity),
      clock,
      logger,
    });
    wired.get(TOKENS.NodeView).use({
      status: () => this.status(),
      peers: () => this.traversal.peers(),
      peerStatus: (publicKey) => this.peerStatus(publicKey),
      onChange: (listener) => this.onChange(listener),
    });
    this.#expectRanges(config);
    // Whatever connects comes before the device, which takes longest and is needed last.
    this.#lifecycle = new Lifecycle(
      [
        {
          name: 'remembered peers',
          service: { start: async () => remembered?.load(), stop: async () => remembered?.stop() },
        },
        {
          name: `${carrier}: sockets`,
          plugin: true,
          service: {
            start: (options) =>
              phases.track(carrier, 'start', () =>
                transport.listen({ ...options, preferredPort: remembered?.listenPort }),
              ),
            stop: (options) => transport.stop(options),
          },
        },
        // Whatever sources hold elsewhere goes back after the last gather, while the sockets are open.
        { name: 'candidate sources', service: { start: async () => undefined, stop: () => stopSources(wired) } },
        { name: 'traversal', service: this.traversal },
        { name: 'peer discovery', service: this.#discovery() },
        {
          name: `${carrier}: device`,
          plugin: true,
          service: {
            start: (options) => {
              // The device is mostly waited for, and so are signalling's answers: time for what is needed next.
              setImmediate(loadCheckEncoder);
              return phases.track(carrier, 'start', () => transport.start(options));
            },
            stop: async () => undefined,
          },
        },
        ...wired.get(TOKENS.Services).map(({ plugin, instance }) => ({
          name: plugin,
          plugin: true,
          service: {
            start: (options: { signal: AbortSignal }) => phases.track(plugin, 'start', () => instance.start(options)),
            stop: (options?: { failed?: boolean }) => instance.stop(options),
          },
        })),
      ],
      { clock, logger },
    );
  }

  get packets(): PacketPort | undefined {
    return this.wired.get(TOKENS.Transport).instance.packets;
  }

  start(options: { signal: AbortSignal }): Promise<void> {
    this.#started = true;
    return this.#lifecycle.start(options);
  }

  stop(options?: { failed?: boolean }): Promise<void> {
    return this.#lifecycle.stop(options);
  }

  get killSwitch(): KillSwitch | undefined {
    return this.wired.get(TOKENS.Transport).instance.killSwitch;
  }

  status(): StatusDocument {
    const { wired, traversal } = this;
    const settings = wired.get(TOKENS.NodeSettings);
    const transport = wired.get(TOKENS.Transport).instance;
    return statusDocument({
      version: this.product.version,
      publicKey: wired.get(TOKENS.Identity).publicKey,
      addresses: settings.addresses,
      interfaceName: transport.packets === undefined ? settings.interfaceName : null,
      traversal,
      transport,
      counting: [
        ...[...wired.get(TOKENS.CandidateSources), ...wired.get(TOKENS.Relays)].map(({ instance }) => instance),
        ...(this.#remembered === undefined ? [] : [this.#remembered]),
      ],
      reporting: [
        this.#guard,
        this.#discoveries,
        wired.get(TOKENS.Outside),
        ...this.wired.refusals,
        ...(this.#remembered === undefined ? [] : [this.#remembered]),
        { problems: () => this.#restartLines() },
      ],
      services: wired.get(TOKENS.Services).map(({ instance }) => instance),
      signaling: this.#signaling(),
      nowMs: wired.get(TOKENS.Clock).unixMs(),
      since: (publicKey, connection) => this.#connections.since(publicKey, connection),
    });
  }

  peerStatus(publicKey: PublicKey): PeerStatus | undefined {
    const { traversal, wired } = this;
    const peer = traversal.peer(publicKey);
    if (peer === undefined) return undefined;
    const sources = {
      traversal,
      signaling: this.#signaling(),
      nowMs: wired.get(TOKENS.Clock).unixMs(),
      since: (key: PublicKey, connection: Connection) => this.#connections.since(key, connection),
    };
    return peerStatus(peer, sources, statsOf(wired.get(TOKENS.Transport).instance, publicKey));
  }

  async explain(name: string, { signal }: { signal?: AbortSignal } = {}): Promise<ExplainDocument> {
    const peer = findPeer(this.traversal, name);
    const status = this.peerStatus(peer.publicKey);
    if (status === undefined) throw new CodedError('PEER_NOT_FOUND', undefined, { subject: name });
    const signalingUp = this.#signaling().some(({ state }) => state === 'up');
    return explainPeer(peer, { traversal: this.traversal, signalingUp, status, signal });
  }

  async ping(name: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<PingReply | undefined> {
    const pong = await this.traversal.ping(findPeer(this.traversal, name).publicKey, options);
    if (pong === undefined) return undefined;
    const relay = this.traversal.relayUrl(pong.path.baseId);
    const via = formatAddress(pong.path.remote) + (relay === undefined ? '' : ` through ${relay}`);
    return { rttMs: pong.rttMs, connection: pong.connection, via };
  }

  async connected(name: string, { signal }: { signal?: AbortSignal } = {}): Promise<ConnectionType> {
    const connection = await until(() => this.#connectionOf(name), {
      clock: this.wired.get(TOKENS.Clock),
      signal,
      onChange: (listener) => this.onChange(listener),
    });
    // Without a time limit it ends with one, or throws.
    return connection as ConnectionType;
  }

  #connectionOf(name: string): ConnectionType | undefined {
    const peer = peerNamed(this.traversal, name);
    const connection = peer && this.peerStatus(peer.publicKey)?.connection;
    return CONNECTION_TYPES.find((type) => type === connection);
  }

  netcheck({ signal }: { signal: AbortSignal }): Promise<NetcheckDocument> {
    return netcheck({ wired: this.wired, traversal: this.traversal, isStarted: this.#started, signal });
  }

  async reload(config: LoadedConfig): Promise<readonly string[]> {
    if (config.node === undefined) throw new CodedError('CONFIG', 'the rc file no longer describes a node');
    this.wired.rcFilePeers.update(config.node.peers);
    this.#expectRanges(config);
    this.#connections.hurry();
    this.traversal.hurry();
    this.#untaken = this.#reload.take(config);
    this.#listeners.tell(undefined);
    return this.#untaken;
  }

  onChange(listener: (peer: PublicKey | undefined) => void): Disposable {
    return this.#listeners.add(listener);
  }

  #restartLines(): string[] {
    return this.#untaken.map((clause) => `the rc file: ${clause}: this needs a restart`);
  }

  #expectRanges({ node }: LoadedConfig): void {
    const ranges = (node?.peers ?? []).flatMap(({ allowedIps }) => allowedIps);
    this.killSwitch?.expect(ranges);
  }

  #signaling() {
    return this.wired.get(TOKENS.Signalings).flatMap(({ instance }) => instance.states());
  }

  /** Follows every peer discovery, and what becomes of the peers, for as long as the node runs. */
  #discovery(): Service {
    return {
      start: async () => {
        await this.#connections.start();
        this.#remembered?.follow();
        this.#discoveries.start();
      },
      stop: async () => {
        this.#discoveries.stop();
        await this.#connections.stop();
      },
    };
  }
}
