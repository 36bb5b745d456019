import {
  candidatePriority,
  DescriptionHistory,
  enginePathOf,
  formatAddress,
  LoopWatch,
  PathEngine,
  transportAddress,
  type CallMessage,
  type Clock,
  type ConnectionType,
  type EngineEffect,
  type EngineEvent,
  type EnginePath,
  type LocalBase,
  type NatBehavior,
  type PublicKey,
  type ReceivedDatagram,
  type SignalledCandidate,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core';
import { MemoryTransport } from '../../fakes/memory-transport.js';
import type { VirtualDatagrams } from '../../network/virtual-datagrams.js';
import type { VirtualHost } from '../../network/virtual-host.js';
import { SeededRandom } from '../../random.js';
import { decodeCheck, encodeCheck } from './check-wire.js';
import { SimulatedAllocations } from './simulated-allocations.js';
import type { SimulatedSignaling } from './simulated-signaling.js';
import { SimulatedStun } from './simulated-stun.js';

export interface SimulatedNodeNeeds {
  readonly publicKey: PublicKey;
  readonly host: VirtualHost;
  readonly clock: Clock;
  readonly signaling: SimulatedSignaling;
  readonly seed: number;
  readonly stunServers: readonly TransportAddress[];
  readonly relayServers: readonly TransportAddress[];
  /** What it knows of its NAT. It does not find out by itself. */
  readonly natBehavior: NatBehavior;
  /** Its address inside the tunnel. */
  readonly innerIp: string;
  /** Called for everything that its engine wanted done. */
  readonly onEffect?: (effect: EngineEffect) => void;
}

export interface SimulatedPeer {
  readonly publicKey: PublicKey;
  readonly innerIp: string;
}

/** As the rc file's defaults. */
const HOLE_PUNCH_TIMEOUT_MS = 15_000;
const MAX_CANDIDATE_PAIRS = 10;
const KEEPALIVE_MS = 25_000;
const REFRESH_INTERVAL_MS = 60_000;
const MAPPING_CHECK_SPACING_MS = 1000;

/**
 * A node of the simulator: the real path engine, between a transport, STUN, relays and signalling that are virtual. It does
 * what `NatTraversal` and its driver do around the engine, without promises, so that time may jump.
 */
export class SimulatedNode {
  readonly engine: PathEngine;
  readonly transport: MemoryTransport;
  readonly #loops: LoopWatch;
  readonly #needs: SimulatedNodeNeeds;
  readonly #random: SeededRandom;
  readonly #credentials = new Map<string, { readonly peer: PublicKey; readonly password: string }>();
  readonly #subscriptions: Disposable[] = [];
  readonly #timers = new Set<Disposable>();
  readonly #description = new DescriptionHistory();
  #datagrams: VirtualDatagrams | undefined;
  #stun: SimulatedStun | undefined;
  #allocations: SimulatedAllocations | undefined;
  #timeout: { readonly atMs: number; readonly timer: Disposable } | undefined;
  #refreshedAtMs = -Infinity;

  constructor(needs: SimulatedNodeNeeds) {
    this.#needs = needs;
    this.#random = new SeededRandom(needs.seed);
    const { host, clock, publicKey } = needs;
    this.transport = new MemoryTransport({ host, clock, publicKey, random: this.#random });
    this.#loops = new LoopWatch({
      transport: this.transport,
      clock,
      onLoop: (sent) => sent.kind === 'check' && this.#handle({ type: 'looped', peer: sent.peer, path: sent.path }),
    });
    this.engine = new PathEngine({
      ownKey: publicKey,
      holePunchTimeoutMs: HOLE_PUNCH_TIMEOUT_MS,
      maxCandidatePairs: MAX_CANDIDATE_PAIRS,
      random: (length) => this.#random.bytes(length),
    });
  }

  get publicKey(): PublicKey {
    return this.#needs.publicKey;
  }

  // --- Life ---

  start(): void {
    const { clock, signaling, host } = this.#needs;
    const datagrams = this.transport.open();
    if (datagrams === undefined) return;
    this.#datagrams = datagrams;
    this.#stun = new SimulatedStun({
      datagrams,
      clock,
      random: this.#random,
      servers: this.#needs.stunServers,
      onMapping: () => this.#describe(),
    });
    this.#allocations = new SimulatedAllocations({ datagrams, clock, onChange: () => this.#describe() });
    this.#subscriptions.push(
      datagrams.onDatagram((datagram) => this.#receive(datagram)),
      this.transport.onAuthenticated(({ publicKey, path }) =>
        this.#handle({ type: 'authenticated', peer: publicKey, path: enginePathOf(path) }),
      ),
      this.transport.onSent(({ publicKey }) => this.#handle({ type: 'sent', peer: publicKey })),
      this.transport.onHandshake(({ publicKey }) => this.#handle({ type: 'handshake', peer: publicKey })),
      host.onAddressChange(() => this.#networkChanged()),
    );
    signaling.join(this.publicKey, {
      receive: (from, message) => this.#handle({ type: 'message', peer: from, message }),
      stateChanged: (up) => this.#handle({ type: 'signaling-state', up }),
    });
    this.#describe();
    for (const server of this.#needs.relayServers) this.#allocations.allocate(server);
    this.#refreshNowAndThen();
  }

  stop(): void {
    // What is called back from here on finds it gone.
    this.#datagrams = undefined;
    this.#needs.signaling.leave(this.publicKey);
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timeout?.timer[Symbol.dispose]();
    this.#loops.stop();
    this.#stun?.stop();
    this.#allocations?.stop();
    this.transport.close();
  }

  addPeer({ publicKey, innerIp }: SimulatedPeer): void {
    this.transport.addPeer({ publicKey, allowedIps: [`${innerIp}/32`], roaming: false });
    this.#handle({ type: 'peer-added', peer: publicKey, keepaliveMs: KEEPALIVE_MS });
  }

  removePeer(publicKey: PublicKey): void {
    this.#handle({ type: 'peer-removed', peer: publicKey });
    this.transport.removePeer(publicKey);
  }

  // --- What shows ---

  /** The connection type to a peer once there is a session, else why there is none. */
  connection(peer: PublicKey): ConnectionType | 'connecting' | 'idle' | 'unreachable' {
    return this.engine.view(peer)?.connection ?? 'idle';
  }

  /** The path in use, as text: `udp4>198.51.100.7:40312`. */
  activePath(peer: PublicKey): string | undefined {
    const pair = this.engine.view(peer)?.pairInUse;
    return pair && `${pair.localBase.id}>${formatAddress(pair.remote)}`;
  }

  /** Sends a packet of the tunnel. */
  send(toInnerIp: string, payload: Uint8Array): void {
    const header = Buffer.alloc(20);
    header[0] = 0x45;
    header.set(this.#needs.innerIp.split('.').map(Number), 12);
    header.set(toInnerIp.split('.').map(Number), 16);
    this.transport.packets.send(Buffer.concat([header, payload]));
  }

  // --- Events ---

  #receive({ path, bytes }: ReceivedDatagram): void {
    const datagram = decodeCheck(bytes);
    if (datagram === undefined) return;
    if (datagram.kind === 'answer') {
      const { transactionId, mappedAddress } = datagram;
      const overheads = this.#loops.answered(transactionId);
      const response = { path: enginePathOf(path), transactionId, mappedAddress, overheads };
      return this.#handle({ type: 'check-response', ...response });
    }
    const credential = this.#credentials.get(datagram.ufrag);
    if (credential === undefined || credential.password !== datagram.password) return;
    const { priority, candidateType, useCandidate } = datagram;
    this.#handle({
      type: 'check',
      peer: credential.peer,
      path: enginePathOf(path),
      transactionId: Buffer.from(datagram.transactionId, 'hex'),
      priority,
      candidateType,
      useCandidate,
    });
  }

  #handle(event: EngineEvent): void {
    if (this.#datagrams === undefined) return;
    this.#perform(this.engine.handle(event, this.#needs.clock.now()));
    this.#reschedule();
  }

  #reschedule(): void {
    const atMs = this.engine.nextTimeout();
    if (this.#timeout?.atMs === atMs) return;
    this.#timeout?.timer[Symbol.dispose]();
    this.#timeout = undefined;
    if (atMs === undefined || this.#datagrams === undefined) return;
    const { clock } = this.#needs;
    const timer = clock.setTimeout(
      () => {
        this.#timeout = undefined;
        this.#perform(this.engine.handleTimeout(clock.now()));
        this.#reschedule();
      },
      // Timers of real clocks fire on whole milliseconds too.
      Math.max(0, Math.ceil(atMs - clock.now())),
    );
    this.#timeout = { atMs, timer };
  }

  // --- Effects ---

  #perform(effects: readonly EngineEffect[]): void {
    for (const effect of effects) {
      this.#needs.onEffect?.(effect);
      this.#performOne(effect);
    }
  }

  #performOne(effect: EngineEffect): void {
    switch (effect.type) {
      case 'expect-checks':
        this.#credentials.set(effect.ufrag, { peer: effect.peer, password: effect.password });
        break;
      case 'send-check':
        return this.#sendCheck(effect, {
          kind: 'check',
          sizeBytes: effect.sizeBytes,
          ufrag: effect.remoteUfrag,
          password: effect.remotePassword,
          transactionId: Buffer.from(effect.transactionId).toString('hex'),
          priority: effect.priority,
          candidateType: effect.candidateType,
          useCandidate: effect.useCandidate,
        });
      case 'answer-check': {
        const transactionId = Buffer.from(effect.transactionId).toString('hex');
        return this.#send(effect.path, { kind: 'answer', transactionId, mappedAddress: effect.path.remote });
      }
      case 'send-message':
        return this.#sendMessage(effect.to, effect.message);
      case 'set-path':
        return this.transport.setPath(
          effect.peer,
          effect.paths.flatMap((path) => this.#resolve(path) ?? []),
        );
      case 'initiate-handshake':
        return this.transport.initiateHandshake(effect.peer, { fresh: effect.fresh });
      case 'permit':
        return this.#permit(effect.peer, effect.path);
      case 'release':
        this.#allocations?.release(effect.path.baseId, effect.path.remote);
        break;
      case 'check-mapping':
        if (this.#needs.clock.now() - this.#refreshedAtMs >= MAPPING_CHECK_SPACING_MS) this.#refresh();
        break;
      case 'open-bases':
        return this.#openBases(effect.peer, effect.family, effect.count);
      case 'close-bases':
        return this.#closeBases(effect.baseIds);
      case 'pong':
      case 'changed':
        break;
    }
  }

  #sendCheck(effect: Extract<EngineEffect, { type: 'send-check' }>, check: Parameters<typeof encodeCheck>[0]): void {
    const { transactionId, peer, path } = effect;
    this.#loops.sent(transactionId, { kind: 'check', peer, path }, encodeCheck(check).length);
    this.#send(path, check);
  }

  #send(path: EnginePath, datagram: Parameters<typeof encodeCheck>[0]): void {
    const resolved = this.#resolve(path);
    if (resolved !== undefined) this.#datagrams?.send(resolved, encodeCheck(datagram));
  }

  #sendMessage(to: PublicKey, message: CallMessage): void {
    this.#needs.signaling.send(this.publicKey, to, message);
  }

  #permit(peer: PublicKey, path: EnginePath): void {
    const answer = (error: string | undefined) => this.#handle({ type: 'permitted', peer, path, error });
    const isAsked = this.#allocations?.permit(path.baseId, path.remote, answer) === true;
    // The engine is not called back from within its own effect.
    if (!isAsked) this.#later(0, () => answer('the allocation is gone'));
  }

  #openBases(peer: PublicKey, family: 4 | 6, count: number): void {
    const opened = Array.from({ length: count }, () => this.#datagrams?.open(family)).filter(
      (base) => base !== undefined,
    );
    const bases = opened.map(({ id }) => ({ id, family, kind: 'socket' as const }));
    this.#later(0, () => this.#handle({ type: 'bases-opened', peer, bases }));
  }

  #closeBases(baseIds: readonly string[]): void {
    for (const id of baseIds) {
      const base = this.#datagrams?.base(id);
      if (base !== undefined) this.#datagrams?.closeBase(base);
    }
  }

  #resolve({ baseId, remote }: EnginePath): TransportPath | undefined {
    const base = this.#datagrams?.base(baseId);
    if (base !== undefined) return { kind: 'socket', base, remote };
    const framing = this.#allocations?.framing(baseId, remote);
    return framing && { kind: 'relayed', framing, remote };
  }

  // --- What it says of itself ---

  #networkChanged(): void {
    this.#stun?.forget();
    this.#describe();
    this.#refresh();
  }

  /** Mappings and allocations are looked at together: a mapping that is gone has taken the allocation with it. */
  #refresh(): void {
    this.#refreshedAtMs = this.#needs.clock.now();
    this.#stun?.ask();
    this.#allocations?.refresh();
  }

  #refreshNowAndThen(): void {
    this.#refresh();
    this.#later(REFRESH_INTERVAL_MS, () => this.#refreshNowAndThen());
  }

  #describe(): void {
    if (this.#datagrams === undefined) return;
    const candidates = this.#candidates();
    const bases = this.#bases();
    const description = { bases, candidates, natBehavior: this.#needs.natBehavior };
    const news = this.#description.next(description);
    if (news !== undefined) this.#handle({ type: 'local-description', description, ...news });
  }

  #bases(): LocalBase[] {
    const shared = (this.#datagrams?.bases ?? []).filter((base) => base.shared);
    const sockets = shared.map(({ id, family }) => ({ id, family, kind: 'socket' as const }));
    return [...sockets, ...(this.#allocations?.bases ?? [])];
  }

  #candidates(): SignalledCandidate[] {
    const port = this.transport.listenPort ?? 0;
    const found: Omit<SignalledCandidate, 'priority'>[] = [
      ...this.#needs.host.ips.map((ip) => ({ type: 'host' as const, address: transportAddress(ip, port) })),
      ...(this.#stun?.mappings() ?? []).map(({ address }) => ({ type: 'server-reflexive' as const, address })),
      ...(this.#allocations?.relayedAddresses ?? []).map((address) => ({ type: 'relayed' as const, address })),
    ];
    const unique = new Map(found.reverse().map((candidate) => [formatAddress(candidate.address), candidate]));
    return [...unique.values()].reverse().map((candidate, index) => ({
      ...candidate,
      priority: candidatePriority(candidate.type, (candidate.address.family === 6 ? 65_535 : 65_534) - index),
    }));
  }

  #later(delayMs: number, run: () => void): void {
    const timer = this.#needs.clock.setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }
}
