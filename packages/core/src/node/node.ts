import { formatAddress } from '@wirepath/stun-codec';
import { loadCheckEncoder } from '../shell/adapters/connectivity-checks.js';
import { TOKENS } from '../assembly/container/tokens.js';
import { createContainer, type Environment, type WiredNode } from '../assembly/container/create-container.js';
import type { LoadedConfig } from '../assembly/loaded-config.js';
import type { PacketPort } from '../contracts/packet-port.js';
import type { Peer } from '../contracts/peer-discovery.js';
import type { PublicKey } from '../base/identity/identity.js';
import type { Service } from '../contracts/service.js';
import { statsOf, type TransportPeerStats } from '../contracts/transport.js';
import { CodedError } from '../base/errors/coded-error.js';
import type { EdgeGuard } from '../base/guard/edge-guard.js';
import { guardedClock } from '../base/guard/guarded-clock.js';
import { Listeners } from '../base/guard/listeners.js';
import { Lifecycle } from './lifecycle.js';
import { NatTraversal } from '../shell/nat-traversal.js';
import { PeerDiscoveries } from '../shell/peers/peer-discoveries.js';
import type { Product } from '../assembly/product/product.js';
import { explainDocument } from './explain-document.js';
import { PlainPeers } from './plain-peers.js';
import { connectionOf, peerStatus, SESSION_MS, statusDocument } from './status-document.js';
import type { ConnectionType } from '../engine/connection-type.js';
import type { RelayState } from '../shell/driver/allocations.js';
import type { Connection, ExplainDocument, NetcheckDocument, PeerStatus, StatusDocument } from './status.js';

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
  /** What this machine's network lets through; works on a running node and on one that was never started. */
  netcheck(options: { signal: AbortSignal }): Promise<NetcheckDocument>;
  /** The rc file was read again: peers are added, changed and removed; living sessions stay. */
  reload(config: LoadedConfig): Promise<void>;
  /** What `status` shows of one peer; undefined where there is none of that key. */
  peerStatus(publicKey: PublicKey): PeerStatus | undefined;
  /** Something that `status` shows has changed: of this peer, which may be gone, or of the node. */
  onChange(listener: (peer: PublicKey | undefined) => void): Disposable;
}

/**
 * Creates a node and all its plugins. No I/O until `start`.
 * @throws CodedError CONFIG when the rc file has no node, or lacks a transport; PLUGIN_FAILED.
 */
export async function createNode(product: Product, config: LoadedConfig, environment: Environment): Promise<Node> {
  const wired = await createContainer(product, config, environment);
  return new WiredTraversalNode(wired);
}

/** A peer that does not say by then what it has seen is explained without. */
const PEER_EVIDENCE_MS = 1500;

/** Names in an error: who has thousands of peers looks for one in `status`. */
const NAMES_TOLD = 20;

class WiredTraversalNode implements Node {
  readonly traversal: NatTraversal;
  readonly #lifecycle: Lifecycle;
  readonly #guard: EdgeGuard;
  readonly #listeners: Listeners<PublicKey | undefined>;
  readonly #plain: PlainPeers;
  #started = false;
  readonly #seen = new Map<PublicKey, { connection: Connection; sinceMs: number }>();
  readonly #discoveries: PeerDiscoveries;

  constructor(readonly wired: WiredNode) {
    this.#guard = wired.get(TOKENS.Guard);
    this.#listeners = new Listeners(this.#guard, 'changes of status');
    const clock = guardedClock(wired.get(TOKENS.Clock), this.#guard);
    const logger = wired.get(TOKENS.Logger);
    const { instance: transport, plugin: carrier } = wired.get(TOKENS.Transport);
    const { phases } = wired;
    this.traversal = new NatTraversal({
      identity: wired.get(TOKENS.Identity),
      transport,
      candidateSources: wired.get(TOKENS.CandidateSources),
      relays: wired.get(TOKENS.Relays),
      signalings: wired.get(TOKENS.Signalings),
      settings: wired.get(TOKENS.TraversalSettings),
      addresses: wired.get(TOKENS.NodeSettings).addresses,
      clock,
      random: wired.get(TOKENS.RandomSource),
      logger,
      guard: this.#guard.for('traversal'),
      phases,
    });
    this.#plain = new PlainPeers(clock, (publicKey) => this.#look(publicKey, statsOf(transport, publicKey)));
    this.#discoveries = new PeerDiscoveries({
      discoveries: wired.get(TOKENS.PeerDiscoveries),
      sink: {
        set: (peer) => {
          this.traversal.setPeer(peer);
          if (this.traversal.agent(peer.publicKey) === undefined) this.#plain.add(peer.publicKey);
          else this.#plain.remove(peer.publicKey);
        },
        remove: (publicKey) => {
          this.traversal.removePeer(publicKey);
          this.#plain.remove(publicKey);
          if (this.#seen.delete(publicKey)) this.#listeners.tell(publicKey);
        },
      },
      identity: wired.get(TOKENS.Identity),
      clock,
      logger,
    });
    // Whatever connects comes before the device, which takes longest and is needed last.
    this.#lifecycle = new Lifecycle(
      [
        {
          name: `${carrier}: sockets`,
          plugin: true,
          service: {
            start: (options) => phases.track(carrier, 'start', () => transport.listen(options)),
            stop: () => transport.stop(),
          },
        },
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

  stop(): Promise<void> {
    return this.#lifecycle.stop();
  }

  status(): StatusDocument {
    const { wired, traversal } = this;
    const settings = wired.get(TOKENS.NodeSettings);
    const transport = wired.get(TOKENS.Transport).instance;
    return statusDocument({
      publicKey: wired.get(TOKENS.Identity).publicKey,
      interfaceName: transport.packets === undefined ? settings.interfaceName : null,
      traversal,
      transport,
      counting: [...wired.get(TOKENS.CandidateSources), ...wired.get(TOKENS.Relays)].map(({ instance }) => instance),
      reporting: [this.#guard, this.#discoveries, ...this.wired.refusals],
      signaling: this.#signaling(),
      nowMs: wired.get(TOKENS.Clock).unixMs(),
      since: (publicKey, connection) => this.#since(publicKey, connection),
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
      since: (key: PublicKey, connection: Connection) => this.#since(key, connection),
    };
    return peerStatus(peer, sources, statsOf(wired.get(TOKENS.Transport).instance, publicKey));
  }

  async explain(name: string, { signal }: { signal?: AbortSignal } = {}): Promise<ExplainDocument> {
    const peer = this.#find(name);
    const agent = this.traversal.agent(peer.publicKey);
    if (agent === undefined) {
      const { connection } = this.peerStatus(peer.publicKey) ?? { connection: 'idle' as const };
      const summary = 'a plain WireGuard peer: its endpoint is configured and roams, nothing is probed';
      const none = { advice: [], localCandidates: [], remoteCandidates: [], pairs: [], peerPairs: null };
      return { peer: peer.name, publicKey: peer.publicKey, connection, summary, ...none };
    }
    const signalingUp = this.#signaling().some(({ state }) => state === 'up');
    const waiting = { timeoutMs: PEER_EVIDENCE_MS, ...(signal && { signal }) };
    const peerPairs = signalingUp ? await this.traversal.peerEvidence(peer.publicKey, waiting) : undefined;
    return explainDocument({
      peer,
      agent,
      peerPairs,
      localCandidates: this.traversal.localCandidates(),
      signalingUp,
      relayUrl: (allocationId) => this.traversal.relayUrl(allocationId),
    });
  }

  async ping(name: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<PingReply | undefined> {
    const pong = await this.traversal.ping(this.#find(name).publicKey, options);
    if (pong === undefined) return undefined;
    const relay = this.traversal.relayUrl(pong.path.baseId);
    const via = formatAddress(pong.path.remote) + (relay === undefined ? '' : ` through ${relay}`);
    return { rttMs: pong.rttMs, connection: pong.connection, via };
  }

  async netcheck({ signal }: { signal: AbortSignal }): Promise<NetcheckDocument> {
    const transport = this.wired.get(TOKENS.Transport).instance;
    if (!this.#started) await transport.listen({ signal });
    try {
      const [survey, egress] = await Promise.all([
        this.traversal.survey({ signal }),
        this.wired.find(TOKENS.Egress)?.instance.detect({ signal }) ?? [],
      ]);
      return {
        udp: survey.reflexive.length > 0 || survey.relays.some(answersOverUdp),
        ...survey.natBehavior,
        reflexive: survey.reflexive.map(formatAddress),
        egress: egress.map(({ interfaceName, family, ip, evidence }) => ({ interfaceName, family, ip, evidence })),
        relays: survey.relays.map(({ url, rttMs, error }) => ({ url, rttMs: rttMs ?? null, error: error ?? null })),
      };
    } finally {
      if (!this.#started) await transport.stop();
    }
  }

  async reload(config: LoadedConfig): Promise<void> {
    if (config.node === undefined) throw new CodedError('CONFIG', 'the rc file no longer describes a node');
    this.wired.rcFilePeers.update(config.node.peers);
  }

  onChange(listener: (peer: PublicKey | undefined) => void): Disposable {
    return this.#listeners.add(listener);
  }

  #signaling() {
    return this.wired.get(TOKENS.Signalings).flatMap(({ instance }) => instance.states());
  }

  #find(name: string): Peer {
    const peers = this.traversal.peers();
    const peer = this.traversal.peer(name) ?? peers.find((one) => one.name === name);
    if (peer !== undefined) return peer;
    const names = peers.slice(0, NAMES_TOLD).map((one) => one.name);
    const more = peers.length > names.length ? ` and ${peers.length - names.length} more` : '';
    throw new CodedError('PEER_NOT_FOUND', `there is no peer ${JSON.stringify(name)}`, {
      subject: name,
      advice: names.length === 0 ? 'The rc file lists no peers.' : `Peers are: ${names.join(', ')}${more}.`,
    });
  }

  /** Follows every peer discovery, and watches what becomes of the peers, for as long as the node runs. */
  #discovery(): Service {
    const transport = this.wired.get(TOKENS.Transport).instance;
    let changes: Disposable[] = [];
    return {
      start: async () => {
        const traversal = this.traversal.onChange((publicKey) => {
          if (this.traversal.agent(publicKey) !== undefined) this.#look(publicKey);
        });
        const handshakes = transport.onHandshake(({ publicKey }) => this.#plain.handshake(publicKey, SESSION_MS));
        const signaling = this.wired
          .get(TOKENS.Signalings)
          .map(({ instance }) => instance.onStateChange(() => this.#listeners.tell(undefined)));
        changes = [traversal, handshakes, ...signaling];
        this.#discoveries.start();
        this.#plain.start();
      },
      stop: async () => {
        this.#discoveries.stop();
        this.#plain.stop();
        for (const change of changes) change[Symbol.dispose]();
      },
    };
  }

  /** Notes and tells a change of the peer's connection. */
  #look(publicKey: PublicKey, stats?: TransportPeerStats): void {
    if (this.traversal.peer(publicKey) === undefined) return;
    const nowMs = this.wired.get(TOKENS.Clock).unixMs();
    const connection = connectionOf(this.traversal.agent(publicKey), stats, nowMs);
    const seen = this.#seen.get(publicKey);
    if (seen?.connection === connection) return;
    this.#seen.set(publicKey, { connection, sinceMs: nowMs });
    this.#listeners.tell(publicKey);
  }

  #since(publicKey: PublicKey, connection: Connection): number {
    const seen = this.#seen.get(publicKey);
    return seen?.connection === connection ? seen.sinceMs : this.wired.get(TOKENS.Clock).unixMs();
  }
}

/** A relay that was reached over TCP or TLS says nothing of UDP. */
function answersOverUdp({ url, relayedAddress }: RelayState): boolean {
  return relayedAddress !== undefined && url.startsWith('turn:') && !/[?&]transport=tcp\b/i.test(url);
}
