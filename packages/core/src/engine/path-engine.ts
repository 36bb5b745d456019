import type { PublicKey } from '../base/identity/identity.js';
import type { TransportAddress } from '@wirepath/stun-codec';
import { DueTimes } from '../base/time/due-times.js';
import type { EngineEffect } from './effects.js';
import type { EngineEvent, LocalDescription } from './events.js';
import type { DescriptionId } from './messages.js';
import { OutstandingChecks } from './pairs/outstanding-checks.js';
import { TokenBucket } from '../base/limits/token-bucket.js';
import { PeerAgent } from './peer/peer-agent.js';
import type { Surroundings } from './peer/surroundings.js';
import { CHECKS_PER_SECOND, CHECK_BURST } from './timings.js';

export interface PathEngineOptions {
  readonly ownKey: PublicKey;
  readonly holePunchTimeoutMs: number;
  readonly maxCandidatePairs: number;
  /** Spend many checks and sockets on NATs that map per destination. @default true */
  readonly hardNat?: boolean;
  /** Seeded in simulation. */
  readonly random: (length: number) => Uint8Array;
}

/**
 * Finds, proves and keeps the best path to every peer. Pure but for its own state: `(event, now) -> effects`, and
 * `nextTimeout` says when to call {@link handleTimeout}. No socket, clock, timer or randomness of its own.
 */
export class PathEngine {
  readonly #agents = new Map<PublicKey, PeerAgent>();
  readonly #deadlines = new DueTimes<PublicKey>();
  readonly #around: Surroundings<PeerAgent>;
  #effects: EngineEffect[] = [];

  constructor(options: PathEngineOptions) {
    const runId = Buffer.from(options.random(8)).toString('hex');
    const empty: LocalDescription = {
      bases: [],
      candidates: [],
      natBehavior: { mapping: null, filtering: null },
    };
    let contains = (_address: TransportAddress) => false;
    this.#around = {
      ownKey: options.ownKey,
      runId,
      tieBreaker: Buffer.from(options.random(8)).readBigUInt64BE(),
      holePunchTimeoutMs: options.holePunchTimeoutMs,
      maxCandidatePairs: options.maxCandidatePairs,
      hardNat: options.hardNat ?? true,
      hardNatHolder: undefined,
      pacer: new TokenBucket(CHECKS_PER_SECOND, CHECK_BURST),
      outstanding: new OutstandingChecks(),
      random: options.random,
      local: empty,
      localId: { runId, generation: 0, revision: 0 },
      signalingUp: false,
      inOwnNetwork: (address) => contains(address),
      emit: (effect) => this.#effects.push(effect),
    };
    this.#setOwnNetwork = (predicate) => {
      contains = predicate;
    };
  }

  /** Other settings hold from the next attempt on; the number of pairs for peers that are added from now on. */
  configure(settings: Pick<PathEngineOptions, 'holePunchTimeoutMs' | 'maxCandidatePairs' | 'hardNat'>): void {
    const { holePunchTimeoutMs, maxCandidatePairs, hardNat = true } = settings;
    Object.assign(this.#around, { holePunchTimeoutMs, maxCandidatePairs, hardNat });
  }

  readonly #setOwnNetwork: (contains: (address: TransportAddress) => boolean) => void;

  /** This node's present description, as peers are told. */
  get localId(): DescriptionId {
    return this.#around.localId;
  }

  peers(): IterableIterator<PeerAgent> {
    return this.#agents.values();
  }

  peer(publicKey: PublicKey): PeerAgent | undefined {
    return this.#agents.get(publicKey);
  }

  handle(event: EngineEvent, now: number): EngineEffect[] {
    switch (event.type) {
      case 'peer-added':
        this.#addPeer(event.peer, event.keepaliveMs, now);
        break;
      case 'peer-removed':
        this.#agents.get(event.peer)?.close();
        this.#agents.delete(event.peer);
        this.#deadlines.set(event.peer, undefined);
        break;
      case 'local-description':
        this.#setLocal(event.description, event.newGeneration, now);
        break;
      case 'own-network':
        this.#setOwnNetwork(event.contains);
        break;
      case 'signaling-state':
        this.#around.signalingUp = event.up;
        if (event.up) this.#forAll((agent) => agent.call(now));
        break;
      case 'check-response':
        this.#handleResponse(event, now);
        break;
      default:
        this.#handlePeerEvent(event, now);
    }
    return this.#takeEffects();
  }

  /** When {@link handleTimeout} is due, in the time of `now`; undefined: never. */
  nextTimeout(): number | undefined {
    return this.#deadlines.next();
  }

  handleTimeout(now: number): EngineEffect[] {
    for (let key = this.#deadlines.takeDue(now); key !== undefined; key = this.#deadlines.takeDue(now)) {
      const agent = this.#agents.get(key);
      if (agent === undefined) continue;
      agent.handleTimeout(now);
      // Whatever an agent says, it is not due again in the same millisecond: a fault in one must not stop the world.
      this.#deadlines.set(key, later(agent.nextTimeout(), now + 1));
    }
    return this.#takeEffects();
  }

  #handlePeerEvent(
    event: Exclude<
      EngineEvent,
      {
        type:
          'peer-added' | 'peer-removed' | 'local-description' | 'own-network' | 'signaling-state' | 'check-response';
      }
    >,
    now: number,
  ): void {
    const agent = this.#agents.get(event.peer);
    if (agent === undefined) {
      // They were opened for a peer that has been removed meanwhile.
      if (event.type === 'bases-opened')
        this.#around.emit({ type: 'close-bases', baseIds: event.bases.map(({ id }) => id) });
      return;
    }
    switch (event.type) {
      case 'message':
        agent.messageReceived(event.message, now);
        break;
      case 'peer-available':
        agent.call(now);
        break;
      case 'peer-undeliverable':
        agent.undeliverable = true;
        break;
      case 'candidate-suggested':
        agent.candidateSuggested(event.address, now);
        break;
      case 'check':
        agent.checkReceived(event, now);
        break;
      case 'looped':
        agent.loops.found(event.path, now);
        break;
      case 'authenticated':
        agent.packetAuthenticated(event.path, now);
        break;
      case 'sent':
        agent.dataSent(now);
        break;
      case 'handshake':
        agent.handshakeCompleted();
        break;
      case 'attempt':
        agent.attempt(now, event.budgetMs);
        break;
      case 'ask-for-evidence':
        agent.outbox.askForEvidence(now);
        break;
      case 'ping':
        agent.ping(now);
        break;
      case 'bases-opened':
        agent.hardNat.basesOpened(event.bases, now);
        break;
      case 'permitted':
        agent.permissions.answered(event.path, event.error, now);
        break;
    }
    this.#reschedule(agent);
  }

  #handleResponse(event: Extract<EngineEvent, { type: 'check-response' }>, now: number): void {
    const check = this.#around.outstanding.take(event.transactionId);
    if (check === undefined || this.#agents.get(check.agent.publicKey) !== check.agent) return;
    check.agent.responseReceived(event, check, now);
    this.#reschedule(check.agent);
  }

  #addPeer(peer: PublicKey, keepaliveMs: number, now: number): void {
    const known = this.#agents.get(peer);
    if (known !== undefined) {
      known.keepaliveMs = keepaliveMs;
      return;
    }
    const agent = new PeerAgent(peer, keepaliveMs, this.#around, now);
    this.#agents.set(peer, agent);
    this.#reschedule(agent);
  }

  #setLocal(description: LocalDescription, newGeneration: boolean, now: number): void {
    const { localId } = this.#around;
    this.#around.local = description;
    this.#around.localId = newGeneration
      ? { ...localId, generation: localId.generation + 1, revision: 0 }
      : { ...localId, revision: localId.revision + 1 };
    this.#forAll((agent) => agent.localChanged(now, newGeneration));
  }

  #forAll(action: (agent: PeerAgent) => void): void {
    for (const agent of this.#agents.values()) {
      action(agent);
      this.#reschedule(agent);
    }
  }

  #reschedule(agent: PeerAgent): void {
    this.#deadlines.set(agent.publicKey, agent.nextTimeout());
  }

  #takeEffects(): EngineEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}

function later(at: number | undefined, earliest: number): number | undefined {
  return at === undefined ? undefined : Math.max(at, earliest);
}
