import type { PublicKey } from '../base/identity/identity.js';
import { TokenBucket } from '../base/limits/token-bucket.js';
import { DueTimes } from '../base/time/due-times.js';
import type { EngineEffect } from './effects.js';
import type { EngineEvent, LocalDescription } from './events.js';
import type { DescriptionId } from './messages.js';
import { OutstandingChecks } from './pairs/outstanding-checks.js';
import type { PathFinder, PeerEvent } from './peer/path-finder.js';
import { PeerAgent } from './peer/peer-agent.js';
import type { PairsView, PeerView } from './peer/peer-view.js';
import { TrialAgent } from './peer/trial-agent.js';
import { CHECKS_PER_SECOND, CHECK_BURST } from './timings.js';
import { HardNatTurn, type EngineParts, type EngineSettings, type World } from './world.js';

export interface PathEngineOptions extends Omit<EngineSettings, 'hardNat'> {
  readonly ownKey: PublicKey;
  /** @default true */
  readonly hardNat?: boolean;
  /** By trials where a device's sockets are not ours, so that no check can be sent. @default 'checks' */
  readonly means?: PeerView['means'];
  /** Seeded in simulation. */
  readonly random: (length: number) => Uint8Array;
}

const NOWHERE: LocalDescription = { bases: [], candidates: [], natBehavior: { mapping: null, filtering: null } };

/**
 * Finds, proves and keeps the best path to every peer. Pure but for its own state: `(event, now) -> effects`, and
 * `nextTimeout` says when to call {@link handleTimeout}. No socket, clock, timer or randomness of its own.
 */
export class PathEngine {
  readonly #agents = new Map<PublicKey, PathFinder>();
  readonly #deadlines = new DueTimes<PublicKey>();
  readonly #parts: EngineParts;
  readonly #Agent: new (...args: ConstructorParameters<typeof PeerAgent>) => PathFinder;
  #world: World;
  #effects: EngineEffect[] = [];

  constructor(options: PathEngineOptions) {
    const { ownKey, random, holePunchTimeoutMs, maxCandidatePairs, hardNat = true, means = 'checks' } = options;
    this.#Agent = means === 'checks' ? PeerAgent : TrialAgent;
    const runId = Buffer.from(random(8)).toString('hex');
    this.#parts = {
      ownKey,
      random,
      tieBreaker: Buffer.from(random(8)).readBigUInt64BE(),
      pacer: new TokenBucket(CHECKS_PER_SECOND, CHECK_BURST),
      outstanding: new OutstandingChecks(),
      hardNatTurn: new HardNatTurn(),
    };
    this.#world = Object.freeze({
      settings: Object.freeze({ holePunchTimeoutMs, maxCandidatePairs, hardNat }),
      local: NOWHERE,
      localId: { runId, generation: 0, revision: 0 },
      signalingUp: false,
      inOwnNetwork: () => false,
    });
  }

  /** Other settings hold from the next attempt on; the number of pairs for peers that are added from now on. */
  configure({ holePunchTimeoutMs, maxCandidatePairs, hardNat }: EngineSettings): void {
    this.#change({ settings: Object.freeze({ holePunchTimeoutMs, maxCandidatePairs, hardNat }) });
  }

  /** This node's present description, as peers are told. */
  get localId(): DescriptionId {
    return this.#world.localId;
  }

  has(peer: PublicKey): boolean {
    return this.#agents.has(peer);
  }

  /** What is known of a peer now; undefined where it is none of the engine's. */
  view(peer: PublicKey): PeerView | undefined {
    return this.#agents.get(peer)?.view(this.#world);
  }

  /** Whether a peer's path leaves from a base, or something came in on it since `sinceMs`. */
  isInUse(baseId: string, sinceMs: number): boolean {
    return [...this.#agents.values()].some((agent) => agent.uses(baseId, sinceMs));
  }

  /** What came of its pairs. */
  pairsView(peer: PublicKey): PairsView | undefined {
    return this.#agents.get(peer)?.pairsView();
  }

  handle(event: EngineEvent, now: number): EngineEffect[] {
    switch (event.type) {
      case 'peer-added':
        this.#addPeer(event.peer, event.keepaliveMs, now);
        break;
      case 'peer-removed':
        this.#removePeer(event.peer);
        break;
      case 'local-description':
        this.#setLocal(event.description, event.newGeneration, now);
        break;
      case 'own-network':
        this.#change({ inOwnNetwork: event.contains });
        break;
      case 'signaling-state':
        this.#change({ signalingUp: event.up });
        if (event.up) this.#forAll((agent) => agent.call({ now, world: this.#world }));
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
      agent.handleTimeout({ now, world: this.#world });
      this.#effects.push(...agent.takeEffects());
      // Whatever an agent says, it is not due again in the same millisecond: a fault in one must not stop the world.
      this.#deadlines.set(key, later(agent.nextTimeout(this.#world), now + 1));
    }
    return this.#takeEffects();
  }

  #handlePeerEvent(event: PeerEvent, now: number): void {
    const agent = this.#agents.get(event.peer);
    if (agent !== undefined) {
      agent.handle(event, { now, world: this.#world });
      this.#settle(agent);
    } else if (event.type === 'bases-opened') {
      // They were opened for a peer that has been removed meanwhile.
      this.#effects.push({ type: 'close-bases', baseIds: event.bases.map(({ id }) => id) });
    }
  }

  #handleResponse(event: Extract<EngineEvent, { type: 'check-response' }>, now: number): void {
    const check = this.#parts.outstanding.take(event.transactionId);
    const agent = check && this.#agents.get(check.peer);
    if (check === undefined || agent === undefined) return;
    agent.handle({ ...event, peer: check.peer, check }, { now, world: this.#world });
    this.#settle(agent);
  }

  #addPeer(peer: PublicKey, keepaliveMs: number, now: number): void {
    const known = this.#agents.get(peer);
    if (known !== undefined) {
      known.keepaliveMs = keepaliveMs;
      return;
    }
    const agent = new this.#Agent(peer, keepaliveMs, this.#parts, { now, world: this.#world });
    this.#agents.set(peer, agent);
    this.#settle(agent);
  }

  #removePeer(peer: PublicKey): void {
    const agent = this.#agents.get(peer);
    if (agent === undefined) return;
    agent.close();
    this.#effects.push(...agent.takeEffects());
    this.#agents.delete(peer);
    this.#deadlines.set(peer, undefined);
  }

  #setLocal(local: LocalDescription, newGeneration: boolean, now: number): void {
    const { runId, generation, revision } = this.#world.localId;
    const localId = newGeneration
      ? { runId, generation: generation + 1, revision: 0 }
      : { runId, generation, revision: revision + 1 };
    this.#change({ local, localId });
    this.#forAll((agent) => agent.localChanged({ now, world: this.#world }, newGeneration));
  }

  #change(part: Partial<World>): void {
    this.#world = Object.freeze({ ...this.#world, ...part });
  }

  #forAll(action: (agent: PathFinder) => void): void {
    for (const agent of this.#agents.values()) {
      action(agent);
      this.#settle(agent);
    }
  }

  /** Takes over what an agent wants, and when it is due. */
  #settle(agent: PathFinder): void {
    for (const effect of agent.takeEffects()) this.#effects.push(effect);
    this.#deadlines.set(agent.publicKey, agent.nextTimeout(this.#world));
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
