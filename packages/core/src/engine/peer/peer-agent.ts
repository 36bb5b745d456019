import { formatAddress, sameAddress, transactionKey, type TransportAddress } from '@wirepath/stun-codec';
import { candidatePriority, type CandidateType } from '../../contracts/candidate.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { ActivePath } from '../selection/active-path.js';
import type { Connection } from '../connection-type.js';
import { MessageOutbox } from './message-outbox.js';
import type { CandidatePair, RemoteCandidate } from '../pairs/candidate-pair.js';
import { Checklist } from '../pairs/checklist.js';
import type { EngineEffect } from '../effects.js';
import type { EngineEvent, LocalDescription } from '../events.js';
import type { EnginePath } from '../engine-path.js';
import { HandshakeRule } from './handshake-rule.js';
import { HardNatTraversal } from '../hard-nat/hard-nat-traversal.js';
import { sameDescription, type CallMessage, type DescriptionId } from '../messages.js';
import type { OutstandingCheck, OutstandingChecks } from '../pairs/outstanding-checks.js';
import type { TokenBucket } from '../../base/limits/token-bucket.js';
import { evidenceOf, byTypeAndPriority } from '../pairs/evidence-of-pair.js';
import type { PairEvidence } from '../pair-evidence.js';
import { PathSelection } from '../selection/path-selection.js';
import { whyRefused } from '../pairs/refused-address.js';
import { RelayPermissions } from '../pairs/relay-permissions.js';
import { MOVE_AFTER_MS, RETRY_PROBING_MS } from '../timings.js';

/** What all agents of one engine share. */
export interface Surroundings {
  readonly ownKey: PublicKey;
  readonly runId: string;
  readonly tieBreaker: bigint;
  readonly holePunchTimeoutMs: number;
  readonly maxCandidatePairs: number;
  /** Whether to spend many checks and sockets on NATs that map per destination. */
  readonly hardNat: boolean;
  /** The one peer that an attempt is made for: two at once would double the load on the NAT. */
  hardNatHolder: PublicKey | undefined;
  readonly pacer: TokenBucket;
  readonly outstanding: OutstandingChecks<PeerAgent>;
  random(length: number): Uint8Array;
  /** This node's present description. */
  local: LocalDescription;
  localId: DescriptionId;
  signalingUp: boolean;
  inOwnNetwork(address: TransportAddress): boolean;
  emit(effect: EngineEffect): void;
}

type EventOf<T extends EngineEvent['type']> = Extract<EngineEvent, { type: T }>;

/** The path to one peer: everything that the engine knows and decides about it. */
export class PeerAgent {
  readonly checklist: Checklist;
  readonly handshake: HandshakeRule;
  /** The newest description the peer has sent; null before the first. */
  remote: CallMessage | null = null;
  /** Probing goes on until then; undefined when it is over. */
  probingUntil: number | undefined;
  undeliverable = false;
  /** A budget ended without any path. */
  exhausted = false;
  /** What the peer has seen of the pairs, as it last told; undefined before it was asked. */
  peerEvidence: readonly PairEvidence[] | undefined;
  readonly #outbox: MessageOutbox;
  readonly #selection: PathSelection;
  readonly hardNat: HardNatTraversal;
  readonly permissions: RelayPermissions;
  #hasSession = false;

  constructor(
    readonly publicKey: PublicKey,
    public keepaliveMs: number,
    readonly around: Surroundings,
    now: number,
  ) {
    this.checklist = new Checklist(around.maxCandidatePairs);
    this.handshake = new HandshakeRule(this.controlling);
    this.permissions = new RelayPermissions({ peer: publicKey, checklist: this.checklist, around });
    this.#selection = new PathSelection({
      peer: publicKey,
      controlling: this.controlling,
      checklist: this.checklist,
      around,
      keepaliveMs: () => this.keepaliveMs,
      remoteBehavior: () => this.remote?.natBehavior,
      onSwitched: (to, at) => this.#switched(to, at),
    });
    this.hardNat = new HardNatTraversal({
      peer: publicKey,
      around,
      checklist: this.checklist,
      refuse: (remote) => this.#refuse(remote),
      remoteBehavior: () => this.remote?.natBehavior,
      isThrough: () => this.active?.trust === 'trusted' && this.active.pair.connection !== 'relayed',
      activeBaseId: () => this.active?.pair.base.id,
      guess: (pair, now) => this.#check(pair, now, { guess: true }),
    });
    this.#outbox = new MessageOutbox({
      peer: publicKey,
      around,
      seen: () => this.remote,
      evidence: () => this.evidence(),
    });
    const { ufrag, password } = this.#outbox;
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

  get hasSession(): boolean {
    return this.#hasSession && !this.handshake.needed;
  }

  // --- What happens ---

  /** As {@link MessageOutbox.call}. */
  call(now: number): void {
    this.#outbox.call(now);
  }

  askForEvidence(now: number): void {
    this.#outbox.askForEvidence(now);
  }

  /** What this end has seen of the pairs, the best first. */
  evidence(): PairEvidence[] {
    const pairs = [...this.checklist.pairs.values()].sort(byTypeAndPriority);
    return pairs.map((pair) => evidenceOf(pair, this.active?.pair));
  }

  attempt(now: number, budgetMs: number): void {
    this.exhausted = false;
    this.#probe(now, budgetMs);
    this.call(now);
  }

  localChanged(now: number, newGeneration: boolean): void {
    if (newGeneration) this.#selection.distrustAll(now);
    this.#form();
    const isNews = newGeneration || this.#isImprovable;
    if (this.remote !== null && isNews) this.#probe(now, this.around.holePunchTimeoutMs, newGeneration);
    if (this.around.signalingUp) {
      this.#outbox.tell(now, { isCall: isNews });
      if (newGeneration || this.active === undefined) this.#outbox.retrySoon(now);
    }
    this.#choose(now);
  }

  messageReceived(message: CallMessage, now: number): void {
    this.undeliverable = false;
    const previous = this.remote;
    const restarted = previous !== null && previous.runId !== message.runId;
    const moved = previous === null || restarted || previous.generation !== message.generation;
    const isNews = moved || previous.revision !== message.revision;
    this.remote = message;
    if (restarted) {
      this.handshake.reset();
      this.#selection.warm.clear();
      for (const pair of this.checklist.pairs.values()) pair.fail();
    }
    if (moved) this.exhausted = false;
    if (moved && previous !== null) {
      this.checklist.forgetUnsignalled();
      this.#selection.distrustAll(now);
    }
    this.checklist.setSignalled(message.candidates);
    this.#form();
    if (message.call || (isNews && (moved || this.#isImprovable))) {
      if (message.call) this.active?.demandAnswer();
      const budgetMs = moved ? this.around.holePunchTimeoutMs : this.#retryBudgetMs;
      this.#probe(now, budgetMs, moved || message.call);
    }
    if (!sameDescription(message.seen, this.around.localId)) this.#outbox.tell(now);
    if (message.asksForEvidence) this.#outbox.tellEvidence(now);
    this.#choose(now);
    if (message.evidence !== null) {
      this.peerEvidence = message.evidence;
      this.#changed();
    }
  }

  candidateSuggested(address: TransportAddress, now: number): void {
    this.checklist.addUnsignalled({ address, type: 'host', priority: candidatePriority('host', 0) });
    this.#form();
    this.#probe(now, this.around.holePunchTimeoutMs);
  }

  checkReceived(event: EventOf<'check'>, now: number): void {
    this.around.emit({
      type: 'answer-check',
      peer: this.publicKey,
      path: event.path,
      transactionId: event.transactionId,
    });
    const pair = this.#pairFor(event.path, now, event);
    if (pair === undefined) return;
    pair.checksReceived += 1;
    this.#heard(pair, now);
    if (this.active?.pair === pair) this.active.kept(now);
    if (event.useCandidate && !this.controlling) this.#selection.nominate(pair);
    if (pair.state === 'succeeded') this.#choose(now);
    else if (this.remote !== null) this.#trigger(pair, now);
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
    this.#heard(pair, now, { isAnswer: true });
    if (first && this.#hasMovedTo(pair, now)) this.active?.distrust(now);
    this.#choose(now);
    if (first) this.#changed();
  }

  /** The peer's NAT has given it another port: nothing more comes from the old one since the new one was heard. */
  #hasMovedTo(pair: CandidatePair, now: number): boolean {
    const { active } = this;
    if (active === undefined || active.pair === pair || now - active.since < MOVE_AFTER_MS) return false;
    const { base, remote, lastHeardAt = 0 } = active.pair;
    const isSibling = base.id === pair.base.id && remote.address.ip === pair.remote.address.ip;
    return isSibling && pair.remote.type === 'peer-reflexive' && lastHeardAt < pair.firstHeardAt;
  }

  packetAuthenticated(path: EnginePath, now: number): void {
    const pair = this.#pairFor(path, now);
    if (pair === undefined) return;
    this.#heard(pair, now);
    if (pair !== this.active?.pair && pair.state !== 'succeeded' && this.remote !== null) this.#trigger(pair, now);
  }

  dataSent(now: number): void {
    this.active?.sent(now);
  }

  ping(now: number): void {
    if (this.active !== undefined) this.#check(this.active.pair, now, { ping: true });
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
    // Without the peer's secrets no check can be sent, however due.
    let next = this.remote === null ? undefined : this.checklist.nextTimeout();
    const consider = (at: number | undefined) => {
      if (at !== undefined && (next === undefined || at < next)) next = at;
    };
    if (this.permissions.isAnyWanted) return -Infinity;
    consider(this.#outbox.nextTimeout());
    consider(this.handshake.nextTimeout());
    consider(this.active?.nextTimeout());
    consider(this.probingUntil);
    consider(this.hardNat.nextTimeout());
    consider(this.#selection.warm.nextTimeout());
    return next === Infinity ? undefined : next;
  }

  handleTimeout(now: number): void {
    this.#tendActivePath(now);
    this.#tendWarmPaths(now);
    if (this.probingUntil !== undefined && now >= this.probingUntil) this.#endProbing(now);
    this.hardNat.handleTimeout(now);
    for (let pair = this.#takeDueCheck(now); pair !== undefined; pair = this.#takeDueCheck(now)) this.#check(pair, now);
    this.permissions.requestWanted(now);
    if (this.#outbox.handleTimeout(now)) this.#probe(now, this.#retryBudgetMs);
    if (this.handshake.takeDue(now)) {
      this.around.emit({ type: 'initiate-handshake', peer: this.publicKey, fresh: true });
    }
  }

  #takeDueCheck(now: number): CandidatePair | undefined {
    return this.remote === null ? undefined : this.checklist.takeDue(now, this.around.pacer);
  }

  #tendActivePath(now: number): void {
    const { active } = this;
    if (active === undefined) return;
    const { trust, isDoubtful } = active;
    if (active.handleTimeout(now)) this.#check(active.pair, now);
    if (active.isDoubtful !== isDoubtful) this.#selection.tellTransport();
    if (active.trust === trust) return;
    if (active.trust === 'suspect') {
      this.around.emit({ type: 'check-mapping' });
      this.#probe(now, this.around.holePunchTimeoutMs, true);
      this.call(now);
    } else if (active.trust === 'lost') {
      active.pair.fail();
      active.pair.refusal = 'went silent';
    }
    this.#choose(now);
    this.#changed();
  }

  #tendWarmPaths(now: number): void {
    const isKnown = (pair: CandidatePair) => this.checklist.pairs.has(pair.key);
    for (const pair of this.#selection.warm.takeDue(now, isKnown)) this.#check(pair, now);
  }

  /** Connected without a relay: there is nothing to call for. */
  get #isSettled(): boolean {
    return this.hasSession && this.active?.trust === 'trusted' && this.active.pair.connection !== 'relayed';
  }

  /** Not settled, or there is a pair that nobody has tried yet and that would be better. */
  get #isImprovable(): boolean {
    const { active } = this;
    if (active === undefined || !this.#isSettled) return true;
    return [...this.checklist.pairs.values()].some((pair) => pair.state === 'waiting' && pair.tier < active.pair.tier);
  }

  #settleCalls(): void {
    if (!this.#isSettled) return;
    if (this.active?.pair.connection === 'direct') this.#outbox.settle();
    else this.#outbox.fadeOut();
  }

  #endProbing(now: number): void {
    this.probingUntil = undefined;
    this.checklist.endProbing();
    this.#form();
    this.exhausted = this.active === undefined || this.active.trust === 'lost';
    this.#settleCalls();
    if (!this.#isSettled && !this.#outbox.isRetrying && this.around.signalingUp) this.#outbox.retrySoon(now);
    this.#changed();
  }

  // --- Checks ---

  #probe(now: number, budgetMs: number, all = false): void {
    this.probingUntil = Math.max(this.probingUntil ?? 0, now + budgetMs);
    this.hardNat.schedule(now);
    for (const pair of this.checklist.pairs.values()) {
      const isActive = pair === this.active?.pair && this.active.trust === 'trusted';
      // What is proven and fresh needs no new proof; a check for one that waits for its relay's permission comes later.
      if (pair.state === 'permitting' || (!all && (isActive || pair.state === 'succeeded'))) continue;
      if (RelayPermissions.isNeededFor(pair)) this.permissions.want(pair);
      else if (pair.nextCheckAt === undefined) pair.probe(now);
    }
  }

  get #retryBudgetMs(): number {
    return Math.min(RETRY_PROBING_MS, this.around.holePunchTimeoutMs);
  }

  /** RFC 8445 7.3.1.4: check at once, out of turn. */
  #trigger(pair: CandidatePair, now: number): void {
    if (pair.state === 'permitting') return;
    if (RelayPermissions.isNeededFor(pair)) return this.permissions.request(pair, now);
    this.probingUntil ??= now + this.#retryBudgetMs;
    if (pair.state === 'failed') pair.probe(now);
    if (pair.mayTrigger(now) && this.checklist.takeTriggered(now)) this.#check(pair, now);
  }

  #check(pair: CandidatePair, now: number, { ping = false, guess = false } = {}): void {
    if (this.remote === null) return;
    const transactionId = this.around.random(12);
    this.around.outstanding.add(transactionKey(transactionId), { agent: this, pair, sentAt: now, ping, guess });
    const scheduled = pair.nextCheckAt;
    pair.checkSent(now);
    // Outside of probing a check (keepalive, warm path) is one of its own, and starts no series.
    if (this.probingUntil === undefined || (scheduled === undefined && pair.state === 'succeeded'))
      pair.nextCheckAt = undefined;
    if (pair === this.active?.pair) this.active.probed(now);
    this.around.emit({
      type: 'send-check',
      peer: this.publicKey,
      path: pair.path,
      transactionId,
      remoteUfrag: this.remote.ufrag,
      localUfrag: this.#outbox.ufrag,
      remotePassword: this.remote.password,
      priority: candidatePriority('peer-reflexive', pair.base.family === 6 ? 65535 : 65534),
      candidateType: pair.base.kind === 'allocation' ? 'relayed' : 'host',
      controlling: this.controlling,
      tieBreaker: this.around.tieBreaker,
      useCandidate: this.controlling && pair === this.active?.pair,
    });
  }

  #heard(pair: CandidatePair, now: number, { isAnswer = false } = {}): void {
    pair.heard(now);
    if (this.active?.pair !== pair || !this.active.heard(now, { isAnswer })) return;
    if (pair.state === 'failed') pair.state = 'succeeded';
    this.#choose(now);
    this.#changed();
  }

  /** The pair of a path that something authenticated came in on, made where it is new: a check, or data without one. */
  #pairFor(path: EnginePath, now: number, check?: EventOf<'check'>): CandidatePair | undefined {
    const known = this.checklist.get(path);
    if (known !== undefined) return known;
    const extra = this.hardNat.pairFor(path, check === undefined);
    if (extra !== undefined) return extra;
    const base = this.around.local.bases.find(({ id }) => id === path.baseId);
    if (base === undefined) return undefined;
    // Only a relay makes an unsignalled address more than peer-reflexive: a sender cannot know of its own NAT.
    const type: CandidateType = check?.candidateType === 'relayed' ? 'relayed' : 'peer-reflexive';
    const priority = check?.priority ?? candidatePriority('peer-reflexive', 0);
    this.checklist.addPeerReflexive(base, { address: path.remote, type, priority }, now);
    this.#form();
    return this.checklist.get(path);
  }

  #form(): void {
    const gone = this.checklist.form(this.around.local.bases, this.active?.pair, (remote) => this.#refuse(remote));
    this.permissions.release(gone);
  }

  /** The peer is gone: nothing of it stays at relays. */
  close(): void {
    this.hardNat.close();
    this.permissions.release(this.checklist.pairs.values());
  }

  #refuse(remote: RemoteCandidate): string | undefined {
    const { around } = this;
    return whyRefused(remote.address, {
      candidates: around.local.candidates,
      inOwnNetwork: (address) => around.inOwnNetwork(address),
    });
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
    if (this.controlling) this.#check(to, now);
    this.#changed();
  }

  #changed(): void {
    this.around.emit({ type: 'changed', peer: this.publicKey });
  }
}
