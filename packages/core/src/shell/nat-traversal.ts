import { setMaxListeners } from 'node:events';
import type { TransportAddress } from '@wirepath/stun-codec';
import type { Candidate } from '../contracts/candidate.js';
import type { CandidateSource } from '../contracts/candidate-source.js';
import type { Clock, RandomSource } from '../base/time/clock.js';
import type { Guard } from '../base/guard/guard.js';
import type { Identity, PublicKey } from '../base/identity/identity.js';
import type { Logger } from '../base/logging/logger.js';
import type { NatBehavior } from '../contracts/nat-behavior.js';
import type { Peer } from '../contracts/peer-discovery.js';
import type { Relay } from '../contracts/relay.js';
import type { Service } from '../contracts/service.js';
import type { Signaling } from '../contracts/signaling.js';
import type { Transport } from '../contracts/transport.js';
import type { TraversalSettings } from './traversal-settings.js';
import { CodedError } from '../base/errors/coded-error.js';
import { guardedClock } from '../base/guard/guarded-clock.js';
import { Listeners } from '../base/guard/listeners.js';
import type { PluginPhases } from '../base/guard/plugin-phases.js';
import type { ConnectionType } from '../engine/connection-type.js';
import type { PairEvidence } from '../engine/pair-evidence.js';
import type { PairsView, PeerView } from '../engine/peer/peer-view.js';
import { sameConnection, sameEndpoint } from './peers/same-peer.js';
import { ClockWatch } from './timing/clock-watch.js';
import { DriverLoop } from './timing/driver-loop.js';
import { OwnTraffic } from './transport/own-traffic.js';
import { Paced } from './timing/paced.js';
import { SignalExchange } from './plugins/signal-exchange.js';
import { transportPeer } from './transport/transport-peer.js';
import type { RelayState } from './driver/allocations.js';
import { Driver } from './driver/driver.js';
import type { DriverEvent } from './driver/events.js';
import { OwnNetwork } from './driver/own-network.js';
import { DriverPorts } from './driver-ports.js';
import type { NodeOutside } from './outside/node-outside.js';
import { PeerRequests, type Pong, type PongOfPeer } from './peer-requests.js';
import { survey, type Survey } from './survey.js';

/** A plugin's contribution with the plugin's name. */
interface Named<T> {
  readonly plugin: string;
  readonly instance: T;
}

export interface NatTraversalNeeds {
  readonly identity: Identity;
  readonly transport: Transport;
  readonly candidateSources: readonly Named<CandidateSource>[];
  readonly relays: readonly Named<Relay>[];
  readonly signalings: readonly Named<Signaling>[];
  readonly settings: TraversalSettings;
  /** CIDRs of our own interface. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
  readonly guard: Guard;
  /** Names of servers. @default none are looked up here */
  readonly outside?: NodeOutside;
  /** Told which plugin's start is being waited for. */
  readonly phases?: PluginPhases;
}

/** A handshake is four X25519 operations. A peer that there are packets for shakes hands at once, whatever waits here. */
const FIRST_HANDSHAKES_PACE = { atOnce: 16, turnMs: 20 };

/**
 * Finds, proves and keeps the best path to each peer: joins the candidate sources, relays, signalling and transport of a
 * node to the sans-IO {@link Driver}, which decides.
 */
export class NatTraversal implements Service {
  readonly #driver: Driver;
  readonly #loop: DriverLoop;
  readonly #ports: DriverPorts;
  readonly #signals: SignalExchange;
  readonly #clockWatch: ClockWatch;
  readonly #ownNetwork: OwnNetwork;
  readonly #ownTraffic: OwnTraffic;
  readonly #firstHandshakes: Paced<PublicKey>;
  readonly #peers = new Map<PublicKey, Peer>();
  readonly #listeners: Listeners<PublicKey>;
  readonly #requests: PeerRequests;
  #news: Disposable | undefined;
  readonly #settings: { -readonly [K in keyof TraversalSettings]: TraversalSettings[K] };
  #abort: AbortController | undefined;

  constructor(readonly needs: NatTraversalNeeds) {
    const { identity, random, transport, guard } = needs;
    const settings = { ...needs.settings };
    this.#settings = settings;
    const clock = guardedClock(needs.clock, guard);
    this.#listeners = new Listeners(guard, 'changes');
    const pongs = new Listeners<PongOfPeer>(guard, 'pongs');
    const logger = needs.logger.child({ component: 'traversal' });
    this.#ownNetwork = new OwnNetwork(needs.addresses);
    const onEvent = (event: DriverEvent) => this.#loop.handle(event);
    this.#ownTraffic = new OwnTraffic(transport, clock, ({ peer, path }) => onEvent({ type: 'looped', peer, path }));
    this.#firstHandshakes = new Paced(clock, FIRST_HANDSHAKES_PACE);
    this.#signals = new SignalExchange({
      identity,
      clock,
      random,
      signalings: needs.signalings,
      ...(needs.phases && { phases: needs.phases }),
      isPeer: (publicKey) => this.#driver.engine.has(publicKey),
      nameOf: (publicKey) => this.#peers.get(publicKey)?.name,
      onEvent,
    });
    this.#driver = new Driver({
      ...settings,
      means: transport.capabilities.ownsSocket ? 'checks' : 'trials',
      ownKey: identity.publicKey,
      random: (length) => random.bytes(length),
    });
    this.#loop = new DriverLoop({
      driver: this.#driver,
      clock,
      guard,
      perform: (effect) => this.#ports.perform(effect),
    });
    this.#ports = new DriverPorts({
      ...needs,
      clock,
      logger,
      signals: this.#signals,
      ownTraffic: this.#ownTraffic,
      onEvent,
      onChanged: (peer) => this.#listeners.tell(peer),
      onPong: (pong) => pongs.tell(pong),
      reflexive: () => this.#driver.candidates.reflexive(),
    });
    this.#clockWatch = new ClockWatch(clock, (byMs) => {
      logger.info('the clock jumped: looking at the network again', { byMs });
      needs.outside?.doubt();
      onEvent({ type: 'slept' });
    });
    this.#requests = new PeerRequests({
      clock,
      settings,
      pongs,
      changes: this.#listeners,
      view: (publicKey) => this.#driver.engine.view(publicKey),
      nameOf: (publicKey) => this.#peers.get(publicKey)?.name,
      handle: onEvent,
    });
  }

  // --- Life ---

  /** Starts signalling, gathering and allocating; resolves without waiting for any of them. The transport listens already. */
  async start({ signal }: { signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    this.#abort = new AbortController();
    // Every wait in this node listens to it.
    setMaxListeners(0, this.#abort.signal);
    this.#ports.start(this.#abort.signal);
    this.#loop.handle({ type: 'started' });
    this.#loop.handle({ type: 'own-network', contains: (address) => this.#ownNetwork.contains(address) });
    this.needs.outside?.start();
    this.#news = this.needs.outside?.onNews(() => this.#serversMoved());
    await this.#signals.start(signal);
    this.#ports.relays.start(this.#abort.signal);
    this.#loop.handle({ type: 'gather' });
    this.#ports.sources.watch(() => {
      this.needs.outside?.doubt();
      this.#loop.handle({ type: 'network-changed' });
    });
    this.#clockWatch.start();
  }

  async stop(): Promise<void> {
    this.#abort?.abort();
    this.#abort = undefined;
    this.#loop.handle({ type: 'stopped' });
    this.#clockWatch.stop();
    this.#news?.[Symbol.dispose]();
    this.needs.outside?.stop();
    this.#firstHandshakes.stop();
    await Promise.all([this.#ports.stop(), this.#signals.stop()]);
  }

  /** Takes over what can change while it runs: all settings but `enabled`. What is open stays open. */
  configure(settings: TraversalSettings): void {
    const { enabled } = this.#settings;
    Object.assign(this.#settings, settings, { enabled });
    this.#driver.configure(this.#settings);
  }

  /** Relays of these plugins have other servers than before, or other credentials for them. */
  renewRelays(): void {
    this.#ports.relays.tellServers();
  }

  // --- Peers ---

  /**
   * Adds a peer, or takes over what changed of one; a session that it has is kept. Costs this peer's part, however many
   * others there are. @throws what the transport has against this peer.
   */
  setPeer(peer: Peer): void {
    const { transport, signalings, settings } = this.needs;
    const { publicKey } = peer;
    const plain = peer.endpoint !== undefined || signalings.length === 0 || !settings.enabled;
    const before = this.#peers.get(publicKey);
    if (before === undefined || !sameConnection(before, peer)) transport.addPeer(transportPeer(peer, { plain }));
    this.#peers.set(publicKey, peer);
    this.#ownNetwork.setPeer(publicKey, peer.allowedIps);
    if (plain) this.#loop.handle({ type: 'peer-removed', peer: publicKey });
    else {
      const keepaliveMs = peer.keepaliveSeconds * 1000;
      this.#loop.handle({ type: 'peer-added', peer: publicKey, keepaliveMs });
    }
    const isElsewhere = peer.endpoint !== undefined && !(before !== undefined && sameEndpoint(before, peer));
    if (isElsewhere) this.#firstHandshakes.do(publicKey, () => transport.initiateHandshake(publicKey));
  }

  removePeer(publicKey: PublicKey): void {
    if (!this.#peers.delete(publicKey)) return;
    this.#loop.handle({ type: 'peer-removed', peer: publicKey });
    this.#signals.forget(publicKey);
    this.#firstHandshakes.drop(publicKey);
    this.needs.transport.removePeer(publicKey);
    this.#ownNetwork.removePeer(publicKey);
  }

  peers(): readonly Peer[] {
    return [...this.#peers.values()];
  }

  peer(publicKey: PublicKey): Peer | undefined {
    return this.#peers.get(publicKey);
  }

  /** What the engine knows of a peer; undefined for a plain one. */
  view(publicKey: PublicKey): PeerView | undefined {
    return this.#driver.engine.view(publicKey);
  }

  /** What came of every pair with a peer that the engine knows. */
  pairsView(publicKey: PublicKey): PairsView | undefined {
    return this.#driver.engine.pairsView(publicKey);
  }

  /** A peer was heard from there, authenticated, though it may not know that address of its own: it is checked too. */
  heardFrom(publicKey: PublicKey, address: TransportAddress): void {
    this.#loop.handle({ type: 'candidate-suggested', peer: publicKey, address, candidateType: 'server-reflexive' });
  }

  // --- The verbs of the reference system ---

  /**
   * Gathers anew from every source.
   * @returns all candidates, highest priority first, when every source is done.
   * @throws CodedError STUN_DISCOVERY when there is none.
   */
  async gatherCandidates({ signal = new AbortController().signal }: { signal?: AbortSignal } = {}): Promise<
    Candidate[]
  > {
    this.#ports.tellSockets();
    await this.#ports.sources.gather(signal);
    const candidates = this.localCandidates();
    if (candidates.length === 0) throw new CodedError('STUN_DISCOVERY');
    return candidates;
  }

  /** Candidates known now, highest priority first. */
  localCandidates(): Candidate[] {
    return this.#driver.candidates.list();
  }

  natBehavior(): NatBehavior {
    this.#ports.sources.tellNatBehavior();
    return this.#driver.natBehavior;
  }

  /**
   * Waits for a path with a session; starts probing anew where there is none.
   * @throws CodedError PEER_NOT_FOUND; NAT_TRAVERSAL_FAILED when the budget is used up; ABORTED.
   */
  async connectToPeer(publicKey: PublicKey, options: { signal?: AbortSignal } = {}): Promise<ConnectionType> {
    return this.#requests.connect(publicKey, options);
  }

  /**
   * Looks again at every mapping and renews every allocation; one that fails keeps no other from it.
   * @returns true when a mapping, IP or port, has changed; candidates are then gathered and signalled anew.
   */
  async refresh({ signal = new AbortController().signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    return this.#ports.refresh(signal);
  }

  /**
   * Tries for a better connection type than the present one. Failing changes nothing.
   * @returns the better type, or undefined when there was none to be had within the budget.
   * @throws CodedError PEER_NOT_FOUND, ABORTED.
   */
  async attemptUpgrade(
    publicKey: PublicKey,
    options: { signal?: AbortSignal } = {},
  ): Promise<ConnectionType | undefined> {
    return this.#requests.upgrade(publicKey, options);
  }

  /** Asks the active path. @returns undefined when nothing came back in time. */
  async ping(publicKey: PublicKey, options: { timeoutMs: number; signal?: AbortSignal }): Promise<Pong | undefined> {
    return this.#requests.ping(publicKey, options);
  }

  // --- For status, explain and netcheck ---

  /**
   * Asks a peer what it has seen of the pairs.
   * @returns undefined when it does not answer in time.
   * @throws CodedError PEER_NOT_FOUND, ABORTED.
   */
  async peerEvidence(
    publicKey: PublicKey,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<readonly PairEvidence[] | undefined> {
    return this.#requests.evidence(publicKey, options);
  }

  /** As {@link survey}. */
  async survey({ signal }: { signal: AbortSignal }): Promise<Survey> {
    const isRunning = this.#abort !== undefined;
    this.#ports.tellSockets();
    return survey({ driver: this.#driver, ports: this.#ports, isRunning, signal });
  }

  relayStates(): RelayState[] {
    return this.#driver.allocations.states();
  }

  relayUrl(allocationId: string): string | undefined {
    return this.#driver.allocations.urlOf(allocationId);
  }

  /** What is wrong with finding candidates, one line each. */
  candidateProblems(): string[] {
    return this.#ports.sources.problemLines();
  }

  problems(): string[] {
    return [
      ...this.#ports.sources.problemLines(),
      ...this.#ports.relays.problems(),
      ...this.#signals.problems(),
      ...this.#ownTraffic.problems(),
    ];
  }

  counters(): Record<string, number> {
    const refused = { ...this.#ports.sources.counters(), ...this.#ports.relays.counters() };
    return { ...this.#signals.counters.snapshot(), ...this.#ports.transport.counters.snapshot(), ...refused };
  }

  /** Calls back when something that status shows of a peer may have changed. */
  onChange(listener: (peer: PublicKey) => void): Disposable {
    return this.#listeners.add(listener);
  }

  /** The configuration was read again, or the network is another: names are looked up anew, and what is down is tried at once. */
  hurry(): void {
    this.needs.outside?.doubt();
    this.#serversMoved();
  }

  // --- Inside ---

  /** A server's name has come to stand for another address: it is to be found there, whatever it was waited for. */
  #serversMoved(): void {
    this.#loop.handle({ type: 'servers-moved' });
  }
}
