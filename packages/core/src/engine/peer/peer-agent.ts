import { formatAddress, sameAddress, transactionKey, type TransportAddress } from '@wirepath/stun-codec';
import { candidatePriority } from '../../contracts/candidate.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { ActivePath } from '../selection/active-path.js';
import type { Connection } from '../connection-type.js';
import { MessageOutbox } from './message-outbox.js';
import { byTypeAndPriority, evidenceOf, type CandidatePair } from '../pairs/candidate-pair.js';
import { Checklist } from '../pairs/checklist.js';
import type { EngineEvent } from '../events.js';
import type { EnginePath } from '../engine-path.js';
import { HandshakeRule } from './handshake-rule.js';
import { HardNatTraversal } from '../hard-nat/hard-nat-traversal.js';
import { LoopGuard } from './loop-guard.js';
import { sameDescription, whatIsNew, type CallMessage } from '../messages.js';
import type { OutstandingCheck } from '../pairs/outstanding-checks.js';
import type { PairEvidence } from '../pair-evidence.js';
import { PathSelection } from '../selection/path-selection.js';
import { PairForming } from '../pairs/pair-forming.js';
import { RelayPermissions } from '../pairs/relay-permissions.js';
import { Probing, type CheckCredentials } from './probing.js';
import { isImprovable, isSettled } from './settlement.js';
import type { Surroundings } from './surroundings.js';

type EventOf<T extends EngineEvent['type']> = Extract<EngineEvent, { type: T }>;

/** The path to one peer: everything that the engine knows and decides about it. */
export class PeerAgent {
  readonly checklist: Checklist;
  readonly handshake: HandshakeRule;
  /** The newest description the peer has sent; null before the first. */
  remote: CallMessage | null = null;
  undeliverable = false;
  /** A budget ended without any path. */
  exhausted = false;
  /** What the peer has seen of the pairs, as it last told; undefined before it was asked. */
  peerEvidence: readonly PairEvidence[] | undefined;
  readonly #forming: PairForming;
  readonly #probing: Probing;
  readonly #selection: PathSelection;
  readonly hardNat: HardNatTraversal;
  readonly permissions: RelayPermissions;
  readonly loops: LoopGuard;
  readonly outbox: MessageOutbox;
  #credentials: CheckCredentials | undefined;
  #hasSession = false;

  constructor(
    readonly publicKey: PublicKey,
    public keepaliveMs: number,
    readonly around: Surroundings<PeerAgent>,
    now: number,
  ) {
    this.checklist = new Checklist(around.maxCandidatePairs);
    this.handshake = new HandshakeRule(this.controlling);
    this.permissions = new RelayPermissions({ peer: publicKey, checklist: this.checklist, around });
    this.#forming = new PairForming({
      checklist: this.checklist,
      permissions: this.permissions,
      around,
      whyLoop: (base, remote) => this.loops.why(base, remote),
      inUse: () => this.active?.pair,
    });
    this.#probing = new Probing({
      peer: publicKey,
      controlling: this.controlling,
      around,
      checklist: this.checklist,
      permissions: this.permissions,
      credentials: () => this.#credentials,
      active: () => this.active,
      onSent: (id, check) => around.outstanding.add(transactionKey(id), { agent: this, ...check }),
      onBegin: (at) => this.hardNat.schedule(at),
    });
    this.#selection = new PathSelection({
      peer: publicKey,
      controlling: this.controlling,
      checklist: this.checklist,
      around,
      keepaliveMs: () => this.keepaliveMs,
      remoteBehavior: () => this.remote?.natBehavior,
      isOnTrial: (pair) => this.loops.isOnTrial(pair),
      onSwitched: (to, at) => this.#switched(to, at),
    });
    this.loops = new LoopGuard({
      around,
      checklist: this.checklist,
      check: (pair, at, sizeBytes) => this.#probing.check(pair, at, { sizeBytes }),
      selection: this.#selection,
      onDropped: (wasInUse, at) => this.#loopsDropped(wasInUse, at),
    });
    this.hardNat = new HardNatTraversal({
      peer: publicKey,
      around,
      checklist: this.checklist,
      refuse: (remote) => this.#forming.refuse(remote),
      remoteBehavior: () => this.remote?.natBehavior,
      isThrough: () => this.active?.trust === 'trusted' && this.active.pair.connection !== 'relayed',
      activeBaseId: () => this.active?.pair.base.id,
      guess: (pair, at) => this.#probing.check(pair, at, { guess: true }),
    });
    this.outbox = new MessageOutbox({
      peer: publicKey,
      around,
      seen: () => this.remote,
      evidence: () => this.evidence(),
    });
    const { ufrag, password } = this.outbox;
    around.emit({ type: 'expect-checks', peer: publicKey, ufrag, password });
    this.call(now);
  }

  /** RFC 8445's controlling agent: the side with the greater public key. */
  get controlling(): boolean {
    return this.around.ownKey > this.publicKey;
  }

  /** The path that carries the traffic; undefined before one was proven. */
  get active(): ActivePath | undefined {
    return this.#selection.active;
  }

  get connection(): Connection {
    if (this.active !== undefined && this.active.trust !== 'lost' && this.hasSession)
      return this.active.pair.connection;
    return this.exhausted ? 'unreachable' : 'connecting';
  }

  /** Ordinary checks are going on. */
  get isProbing(): boolean {
    return this.#probing.isUnderWay;
  }

  get hasSession(): boolean {
    return this.#hasSession && !this.handshake.needed;
  }

  // --- What happens ---

  /** As {@link MessageOutbox.call}. */
  call(now: number): void {
    this.outbox.call(now);
  }

  /** What this end has seen of the pairs, the best first. */
  evidence(): PairEvidence[] {
    const pairs = [...this.checklist.pairs.values()].sort(byTypeAndPriority);
    return pairs.map((pair) => evidenceOf(pair, this.active?.pair));
  }

  attempt(now: number, budgetMs: number): void {
    this.exhausted = false;
    this.#probing.begin(now, budgetMs);
    this.call(now);
  }

  localChanged(now: number, newGeneration: boolean): void {
    if (newGeneration) this.loops.clear();
    if (newGeneration) this.#selection.distrustAll(now);
    this.#forming.form();
    const isNews = newGeneration || isImprovable(this);
    if (this.remote !== null && isNews)
      this.#probing.begin(now, this.around.holePunchTimeoutMs, { all: newGeneration });
    if (this.around.signalingUp) {
      this.outbox.tell(now, { isCall: isNews });
      if (newGeneration || this.active === undefined) this.outbox.retrySoon(now);
    }
    this.#choose(now);
  }

  messageReceived(message: CallMessage, now: number): void {
    this.undeliverable = false;
    const previous = this.remote;
    const { restarted, moved, isNews } = whatIsNew(previous, message);
    this.remote = message;
    this.#credentials = {
      remoteUfrag: message.ufrag,
      localUfrag: this.outbox.ufrag,
      remotePassword: message.password,
    };
    if (restarted) {
      this.handshake.reset();
      this.#selection.warm.clear();
      for (const pair of this.checklist.pairs.values()) pair.fail();
    }
    if (moved) this.exhausted = false;
    if (moved && previous !== null) {
      this.checklist.remotes.forgetUnsignalled();
      this.#selection.distrustAll(now);
    }
    this.checklist.setSignalled(message.candidates);
    this.#forming.form();
    if (message.call || (isNews && (moved || isImprovable(this)))) {
      if (message.call) this.active?.demandAnswer();
      const budgetMs = moved ? this.around.holePunchTimeoutMs : this.#probing.retryBudgetMs;
      this.#probing.begin(now, budgetMs, { all: moved || message.call });
    }
    if (!sameDescription(message.seen, this.around.localId)) this.outbox.tell(now);
    if (message.asksForEvidence) this.outbox.tellEvidence(now);
    this.#choose(now);
    if (message.evidence !== null) {
      this.peerEvidence = message.evidence;
      this.#changed();
    }
  }

  candidateSuggested(address: TransportAddress, now: number): void {
    this.checklist.remotes.addSuggested({ address, type: 'host', priority: candidatePriority('host', 0) });
    this.#forming.form();
    this.#probing.begin(now, this.around.holePunchTimeoutMs);
  }

  checkReceived(event: EventOf<'check'>, now: number): void {
    if (!this.loops.mayAnswer(event.path, now)) return;
    this.around.emit({
      type: 'answer-check',
      peer: this.publicKey,
      path: event.path,
      transactionId: event.transactionId,
    });
    const pair = this.loops.isLoop(event.path) ? undefined : this.#pairFor(event.path, now, event);
    if (pair === undefined) return;
    pair.checksReceived += 1;
    this.#heard(pair, now);
    if (this.active?.pair === pair) this.active.kept(now);
    if (event.useCandidate && !this.controlling) this.#selection.nominate(pair);
    if (pair.state === 'succeeded') this.#choose(now);
    else if (this.remote !== null) this.#probing.trigger(pair, now);
  }

  responseReceived(event: EventOf<'check-response'>, check: OutstandingCheck<PeerAgent>, now: number): void {
    const { pair } = check;
    // RFC 8445 7.2.5.2.1: an answer from elsewhere proves nothing about this pair.
    if (pair.path.baseId !== event.path.baseId || !sameAddress(pair.path.remote, event.path.remote)) {
      pair.refusal = `answered from ${formatAddress(event.path.remote)}`;
      return;
    }
    if (check.guess === true) this.hardNat.guessedRight(pair);
    if (this.checklist.get(pair.path) !== pair) return;
    const first = pair.state !== 'succeeded';
    const rttMs = now - check.sentAt;
    pair.answered(now, rttMs);
    if (check.ping) this.around.emit({ type: 'pong', peer: this.publicKey, path: pair.path, rttMs });
    pair.mappedAddress = event.mappedAddress;
    if (this.loops.answered(pair, check, event.overheads, now)) return;
    this.#heard(pair, now, { isAnswer: true });
    if (first) this.#selection.proven(pair, now);
    this.#choose(now);
    if (first) this.#changed();
  }

  packetAuthenticated(path: EnginePath, now: number): void {
    if (this.loops.isLoop(path)) return;
    const pair = this.#pairFor(path, now);
    if (pair === undefined) return;
    this.#heard(pair, now);
    if (pair !== this.active?.pair && pair.state !== 'succeeded' && this.remote !== null)
      this.#probing.trigger(pair, now);
  }

  dataSent(now: number): void {
    this.active?.sent(now);
  }

  ping(now: number): void {
    if (this.active !== undefined) this.#probing.check(this.active.pair, now, { ping: true });
  }

  handshakeCompleted(): void {
    const news = !this.hasSession;
    this.#hasSession = true;
    this.handshake.completed();
    this.#settleCalls();
    if (news) this.#changed();
  }

  // --- What is due ---

  nextTimeout(): number | undefined {
    if (this.permissions.isAnyWanted) return -Infinity;
    const next = Math.min(
      this.#probing.nextTimeout(),
      this.outbox.nextTimeout() ?? Infinity,
      this.handshake.nextTimeout() ?? Infinity,
      this.active?.nextTimeout() ?? Infinity,
      this.hardNat.nextTimeout() ?? Infinity,
      this.#selection.warm.nextTimeout(),
      this.loops.nextTimeout(),
    );
    return next === Infinity ? undefined : next;
  }

  handleTimeout(now: number): void {
    this.#tendActivePath(now);
    this.#tendWarmPaths(now);
    if (this.loops.handleTimeout(now)) this.#choose(now);
    if (this.#probing.end(now)) this.#probingEnded(now);
    this.hardNat.handleTimeout(now);
    this.#probing.checkDue(now);
    this.permissions.requestWanted(now);
    if (this.outbox.handleTimeout(now)) this.#probing.begin(now, this.#probing.retryBudgetMs);
    if (this.handshake.takeDue(now)) {
      this.around.emit({ type: 'initiate-handshake', peer: this.publicKey, fresh: true });
    }
  }

  #tendActivePath(now: number): void {
    const { active } = this;
    if (active === undefined) return;
    const { trust, isDoubtful } = active;
    if (active.handleTimeout(now)) this.#probing.check(active.pair, now);
    if (active.isDoubtful !== isDoubtful) this.#selection.tellTransport();
    if (active.trust === trust) return;
    if (active.trust === 'suspect') {
      this.loops.distrust(active.pair);
      this.around.emit({ type: 'check-mapping' });
      this.#probing.begin(now, this.around.holePunchTimeoutMs, { all: true });
      this.call(now);
    } else if (active.trust === 'lost') {
      active.pair.fail('went silent');
    }
    this.#choose(now);
    this.#changed();
  }

  #tendWarmPaths(now: number): void {
    const isKnown = (pair: CandidatePair) => this.checklist.pairs.has(pair.key);
    for (const pair of this.#selection.warm.takeDue(now, isKnown)) this.#probing.check(pair, now);
  }

  #settleCalls(): void {
    if (!isSettled(this)) return;
    if (this.active?.pair.connection === 'direct') this.outbox.settle();
    else this.outbox.fadeOut();
  }

  #probingEnded(now: number): void {
    this.#forming.form();
    this.exhausted = this.active === undefined || this.active.trust === 'lost';
    this.#settleCalls();
    if (!isSettled(this) && !this.outbox.isRetrying && this.around.signalingUp) this.outbox.retrySoon(now);
    this.#changed();
  }

  #heard(pair: CandidatePair, now: number, { isAnswer = false } = {}): void {
    pair.heard(now);
    if (this.active?.pair !== pair) return;
    // What comes in on a path that went silent may have come through the tunnel, by way of its fallback.
    if (this.active.trust !== 'trusted' && this.loops.isOnTrial(pair)) return;
    if (!this.active.heard(now, { isAnswer })) return;
    if (pair.state === 'failed') pair.state = 'succeeded';
    this.#choose(now);
    this.#changed();
  }

  /** The pair of a path that something authenticated came in on, made where it is new: a check, or data without one. */
  #pairFor(path: EnginePath, now: number, check?: EventOf<'check'>): CandidatePair | undefined {
    const known = this.checklist.get(path) ?? this.hardNat.pairFor(path, check === undefined);
    return known ?? this.#forming.found(path, now, check);
  }

  /** Pairs that lead through our own tunnel are no more. */
  #loopsDropped(wasInUse: boolean, now: number): void {
    this.#forming.form();
    this.#choose(now);
    if (!wasInUse) return;
    this.#probing.begin(now, this.around.holePunchTimeoutMs, { all: true });
    this.call(now);
    this.#changed();
  }

  /** The peer is gone: nothing of it stays at relays. */
  close(): void {
    this.hardNat.close();
    this.permissions.release(this.checklist.pairs.values());
  }

  // --- Choice ---

  #choose(now: number): void {
    this.#selection.choose(now);
    this.#settleCalls();
    const { active } = this;
    if (active?.trust === 'trusted' && active.pair.state === 'succeeded')
      this.handshake.pathReady(active.pair.key, active.pair.rttMs ?? 0, now);
  }

  #switched(to: CandidatePair, now: number): void {
    this.exhausted = false;
    // Our choice is marked at once, so that the other side need not wait for a keepalive.
    if (this.controlling) this.#probing.check(to, now);
    this.#changed();
  }

  #changed(): void {
    this.around.emit({ type: 'changed', peer: this.publicKey });
  }
}
