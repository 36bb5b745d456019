import { formatAddress, sameAddress } from '@wirepath/stun-codec';
import { candidatePriority } from '../../contracts/candidate.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { EngineEffect } from '../effects.js';
import type { EnginePath } from '../engine-path.js';
import { sameDescription, type CallMessage } from '../messages.js';
import type { PairEvidence } from '../pair-evidence.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import { ActivePath } from '../selection/active-path.js';
import { PathSelection } from '../selection/path-selection.js';
import type { EngineParts, Moment, World } from '../world.js';
import { MessageOutbox } from './message-outbox.js';
import type { PathFinder, PeerEvent } from './path-finder.js';
import { evidenceOf, pairsView, peerView, type PairsView, type PeerView, type Told } from './peer-view.js';
import { retryBudgetMs, Search } from './search.js';
import { Standing } from './standing.js';

type EventOf<T extends PeerEvent['type']> = Extract<PeerEvent, { type: T }>;

/** The path to one peer that checks can be sent to: everything that the engine knows and decides about it. */
export class PeerAgent implements PathFinder {
  readonly #standing: Standing;
  readonly #search: Search;
  readonly #selection: PathSelection;
  readonly #outbox: MessageOutbox;
  readonly #told: Told = { undeliverable: false, peerEvidence: undefined };
  readonly #effects: EngineEffect[] = [];

  constructor(peer: PublicKey, keepaliveMs: number, parts: EngineParts, at: Moment) {
    this.#standing = new Standing(peer, parts.ownKey > peer, keepaliveMs);
    this.#search = new Search(this.#standing, at.world.settings.maxCandidatePairs, parts, this.#effects);
    this.#selection = new PathSelection(this.#search);
    this.#outbox = new MessageOutbox(parts.random);
    const { ufrag, password } = this.#outbox;
    this.#effects.push({ type: 'expect-checks', peer, ufrag, password });
    this.call(at);
  }

  get publicKey(): PublicKey {
    return this.#standing.publicKey;
  }

  set keepaliveMs(keepaliveMs: number) {
    this.#standing.keepaliveMs = keepaliveMs;
  }

  // --- What happens ---

  handle(event: PeerEvent, at: Moment): void {
    switch (event.type) {
      case 'message':
        return this.#messageReceived(event.message, at);
      case 'peer-available':
        return this.call(at);
      case 'peer-undeliverable':
        this.#told.undeliverable = true;
        return;
      case 'candidate-suggested':
        return this.#candidateSuggested(event, at);
      case 'check':
        return this.#checkReceived(event, at);
      case 'check-response':
        return this.#responseReceived(event, at);
      case 'looped':
        return this.#loopsFound(this.#search.loops.found(event.path, at.world.local.bases, at.now), at);
      case 'authenticated':
        return this.#packetAuthenticated(event.path, at);
      case 'sent':
        return this.#standing.path?.sent(at.now);
      case 'handshake':
        return this.#handshakeCompleted();
      case 'attempt':
        this.#standing.enter({ type: 'attempted' });
        this.#search.begin(at, event.budgetMs);
        return this.call(at);
      case 'ask-for-evidence':
        return this.#outbox.askForEvidence(at.now);
      case 'ping':
        if (this.#pairInUse !== undefined) this.#search.check(this.#pairInUse, at.now, { ping: true });
        return;
      case 'bases-opened':
        return this.#search.basesOpened(event.bases, at);
      case 'permitted':
        return this.#search.permissions.answered(event.path, event.error, at.now);
      // That is a TrialAgent's.
      case 'endpoint-tried':
    }
  }

  /** As {@link MessageOutbox.call}. */
  call({ now, world }: Moment): void {
    this.#outbox.call(now, world);
  }

  localChanged(at: Moment, newGeneration: boolean): void {
    const { now, world } = at;
    if (newGeneration) {
      this.#search.loops.clear();
      this.#networkChanged(now);
    }
    this.#search.form(world);
    if (this.#standing.leavesLostAllocation(at)) {
      this.#searchAgain(at);
      this.#changed();
    }
    const isNews = newGeneration || this.#isImprovable;
    if (this.#standing.remote !== null && isNews)
      this.#search.begin(at, world.settings.holePunchTimeoutMs, { all: newGeneration });
    if (world.signalingUp) {
      this.#outbox.tell(now, { isCall: isNews });
      if (newGeneration || this.#pairInUse === undefined) this.#outbox.retrySoon(now);
    }
    this.#choose(at);
  }

  /** The peer is gone: nothing of it stays at relays, and no socket that was opened for it. */
  close(): void {
    this.#search.close();
  }

  // --- What is due, and what comes of it ---

  nextTimeout(world: World): number | undefined {
    const { path, isAlive, handshake } = this.#standing;
    const next = Math.min(
      this.#search.nextTimeout(),
      this.#outbox.nextTimeout() ?? Infinity,
      handshake.nextTimeout() ?? Infinity,
      path !== undefined && isAlive ? path.nextTimeout(this.#standing.pathTimes(world)) : Infinity,
      this.#selection.warm.nextTimeout(),
    );
    return next === Infinity ? undefined : next;
  }

  handleTimeout(at: Moment): void {
    const { now, world } = at;
    this.#tendPath(at);
    const isKnown = (pair: CandidatePair) => this.#search.checklist.pairs.has(pair.key);
    for (const pair of this.#selection.warm.takeDue(now, isKnown)) this.#search.check(pair, now);
    const trials = this.#search.loops.handleTimeout(now, this.#pairInUse);
    for (const { pair, sizeBytes } of trials.checks) this.#search.check(pair, now, { sizeBytes });
    if (trials.hasEnded) this.#choose(at);
    if (this.#search.probing.end(now)) this.#probingEnded(at);
    this.#search.checkDue(at);
    const { publicKey: peer, remote, handshake } = this.#standing;
    const toTell = { seen: remote, evidence: () => this.#evidence() };
    const { message, isRetry } = this.#outbox.handleTimeout(now, world, toTell);
    if (message !== undefined) this.#effects.push({ type: 'send-message', to: peer, message });
    if (isRetry) this.#search.begin(at, retryBudgetMs(world));
    if (handshake.takeDue(now)) this.#effects.push({ type: 'initiate-handshake', peer, fresh: true });
  }

  /** What all that has happened since this was last asked wants done. */
  takeEffects(): EngineEffect[] {
    return this.#effects.splice(0);
  }

  view(world: World): PeerView {
    return peerView(this.#standing, this.#search, this.#told, world);
  }

  uses(baseId: string, sinceMs: number): boolean {
    return this.#pairInUse?.base.id === baseId || this.#search.checklist.wasHeardOn(baseId, sinceMs);
  }

  pairsView(): PairsView {
    return pairsView(this.#search, this.#pairInUse);
  }

  // --- Inside ---

  get #pairInUse(): CandidatePair | undefined {
    return this.#standing.path?.pair;
  }

  get #isImprovable(): boolean {
    return this.#standing.isImprovable(this.#search.checklist.pairs.values());
  }

  /** What this end has seen of the pairs, the best first. */
  #evidence(): PairEvidence[] {
    return this.#search.sortedPairs().map((pair) => evidenceOf(pair, this.#pairInUse));
  }

  #messageReceived(message: CallMessage, at: Moment): void {
    const { now, world } = at;
    const isFirst = this.#standing.remote === null;
    const { restarted, moved, isNews } = this.#standing.described(message);
    const { ufrag: remoteUfrag, password: remotePassword } = message;
    const { checklist, probing } = this.#search;
    probing.credentials = { remoteUfrag, remotePassword, localUfrag: this.#outbox.ufrag };
    this.#told.undeliverable = false;
    if (restarted) for (const pair of checklist.pairs.values()) pair.fail();
    if (moved && !isFirst) {
      checklist.remotes.forgetUnsignalled();
      this.#networkChanged(now);
    }
    checklist.setSignalled(message.candidates);
    this.#search.form(world);
    if (message.call || (isNews && (moved || this.#isImprovable))) {
      if (message.call) this.#standing.path?.demandAnswer();
      const budgetMs = moved ? world.settings.holePunchTimeoutMs : retryBudgetMs(world);
      this.#search.begin(at, budgetMs, { all: moved || message.call });
    }
    if (!sameDescription(message.seen, world.localId)) this.#outbox.tell(now);
    if (message.asksForEvidence) this.#outbox.tellEvidence(now);
    this.#choose(at);
    if (message.evidence !== null) {
      this.#told.peerEvidence = message.evidence;
      this.#changed();
    }
  }

  #candidateSuggested({ address, candidateType: type = 'host' }: EventOf<'candidate-suggested'>, at: Moment): void {
    const { remotes } = this.#search.checklist;
    remotes.addSuggested({ address, type, priority: candidatePriority(type, 0) });
    this.#search.form(at.world);
    this.#search.begin(at, at.world.settings.holePunchTimeoutMs);
  }

  #checkReceived(event: EventOf<'check'>, at: Moment): void {
    const { path, transactionId } = event;
    const { now, world } = at;
    if (!this.#search.loops.mayAnswer(path, world.local.bases, now)) return;
    this.#effects.push({ type: 'answer-check', peer: this.publicKey, path, transactionId });
    const pair = this.#search.pairFor(path, at, event);
    if (pair === undefined) return;
    pair.checksReceived += 1;
    this.#heard(pair, at);
    if (this.#pairInUse === pair) this.#standing.path?.kept(now);
    if (event.useCandidate && !this.#standing.controlling) this.#selection.nominate(pair);
    if (pair.state === 'succeeded') this.#choose(at);
    else if (this.#standing.remote !== null) this.#search.trigger(pair, at);
  }

  #responseReceived(event: EventOf<'check-response'>, at: Moment): void {
    const { now } = at;
    const { check } = event;
    const { pair } = check;
    const { checklist, loops, hardNat } = this.#search;
    if (check.checklist !== checklist) return;
    // RFC 8445 7.2.5.2.1: an answer from elsewhere proves nothing about this pair.
    if (pair.path.baseId !== event.path.baseId || !sameAddress(pair.path.remote, event.path.remote)) {
      pair.refusal = `answered from ${formatAddress(event.path.remote)}`;
      return;
    }
    if (check.guess === true) hardNat.guessedRight(pair, this.#pairInUse?.base.id);
    if (checklist.get(pair.path) !== pair) return;
    const first = pair.state !== 'succeeded';
    const rttMs = now - check.sentAt;
    pair.answered(now, rttMs);
    if (check.ping) this.#effects.push({ type: 'pong', peer: this.publicKey, path: pair.path, rttMs });
    pair.mappedAddress = event.mappedAddress;
    const trial = loops.answered(pair, check, event.overheads, now);
    if (trial.next !== undefined) this.#search.check(trial.next.pair, now, trial.next);
    if (trial.loops !== undefined) return this.#loopsFound(trial.loops, at);
    this.#doubtSilentPath(pair, event.overheads, now);
    this.#heard(pair, at, { isAnswer: true });
    const { path } = this.#standing;
    if (first && path !== undefined && this.#selection.hasMovedTo(pair, path, now)) this.#distrustPath(now);
    this.#choose(at);
    if (first) this.#changed();
  }

  #packetAuthenticated(path: EnginePath, at: Moment): void {
    const pair = this.#search.pairFor(path, at);
    if (pair === undefined) return;
    this.#heard(pair, at);
    const isNew = pair !== this.#pairInUse && pair.state !== 'succeeded';
    if (isNew && this.#standing.remote !== null) this.#search.trigger(pair, at);
  }

  #handshakeCompleted(): void {
    const news = this.#standing.handshake.needed;
    this.#standing.handshake.completed();
    this.#standing.enter({ type: 'session' });
    this.#settleCalls();
    if (news) this.#changed();
  }

  #tendPath(at: Moment): void {
    const { path, isAlive } = this.#standing;
    if (path === undefined || !isAlive) return;
    const { now, world } = at;
    const { isDoubtful } = path;
    const { ask, became } = path.handleTimeout(now, this.#standing.pathTimes(world));
    const isWorse = became !== undefined && this.#standing.enter({ type: became, now });
    if (ask) this.#search.check(path.pair, now);
    if (path.isDoubtful !== isDoubtful) this.#tellTransport();
    if (!isWorse) return;
    if (became === 'unanswered') {
      this.#search.loops.distrust(path.pair);
      this.#effects.push({ type: 'check-mapping' });
      this.#searchAgain(at);
    } else {
      path.pair.fail('went silent');
    }
    this.#choose(at);
    this.#changed();
  }

  #searchAgain(at: Moment): void {
    this.#search.begin(at, at.world.settings.holePunchTimeoutMs, { all: true });
    this.call(at);
  }

  #probingEnded({ now, world }: Moment): void {
    this.#search.form(world);
    this.#standing.enter({ type: 'budget-over' });
    this.#settleCalls();
    if (!this.#standing.isSettled && !this.#outbox.isRetrying && world.signalingUp) this.#outbox.retrySoon(now);
    this.#changed();
  }

  #settleCalls(): void {
    if (!this.#standing.isSettled) return;
    if (this.#pairInUse?.connection === 'direct') this.#outbox.settle();
    else this.#outbox.fadeOut();
  }

  /** Something authenticated came in on a pair. */
  #heard(pair: CandidatePair, at: Moment, { isAnswer = false } = {}): void {
    const { path, isSilent } = this.#standing;
    pair.heard(at.now);
    if (path?.pair !== pair) return;
    // What comes in on a path that went silent may have come through the tunnel, by way of its fallback.
    if (isSilent && this.#search.loops.isOnTrial(pair)) return;
    const { isDoubtful } = path;
    if (!path.heard(at.now, { isAnswer })) return;
    const isTrustedAgain = this.#standing.enter({ type: 'heard' });
    if (!isTrustedAgain && !isDoubtful) return;
    if (pair.state === 'failed') pair.state = 'succeeded';
    this.#choose(at);
    this.#changed();
  }

  /** A pair was answered: where it is not the one in use, and that one is silent, that may be on its way through our own tunnel. */
  #doubtSilentPath(answered: CandidatePair, overheads: readonly number[] | undefined, now: number): void {
    const { path, isSilent } = this.#standing;
    if (!isSilent || path === undefined || path.pair === answered) return;
    const check = this.#search.loops.answeredBeside(path.pair, overheads, now);
    if (check !== undefined) this.#search.check(check.pair, now, check);
  }

  /** Pairs lead through our own tunnel, and are no more. */
  #loopsFound(loops: readonly CandidatePair[], at: Moment): void {
    for (const pair of loops) this.#selection.warm.drop(pair);
    const wasInUse = loops.some((pair) => pair === this.#pairInUse);
    if (wasInUse) this.#standing.enter({ type: 'dropped' });
    this.#search.form(at.world);
    this.#choose(at);
    if (!wasInUse) return;
    this.#searchAgain(at);
    this.#changed();
  }

  /** At either end: nothing that was proven before counts. */
  #networkChanged(now: number): void {
    this.#selection.distrustOthers(this.#pairInUse);
    this.#distrustPath(now);
  }

  #distrustPath(now: number): void {
    this.#standing.distrustPath(now);
  }

  // --- Choice ---

  #choose(at: Moment): void {
    const { now } = at;
    const choice = this.#selection.choose(this.#standing.phase, now);
    if (choice !== undefined) this.#switchTo(choice, now);
    this.#tellTransport();
    this.#settleCalls();
    const { trustedPair: pair, handshake } = this.#standing;
    if (pair?.state === 'succeeded') handshake.pathReady(pair.key, pair.rttMs ?? 0, now);
  }

  #switchTo(pair: CandidatePair, now: number): void {
    const previous = this.#pairInUse;
    this.#standing.enter({ type: 'chosen', path: new ActivePath(pair, now) });
    this.#selection.switched(previous, pair, now);
    // Our choice is marked at once, so that the other side need not wait for a keepalive.
    if (this.#standing.controlling) this.#search.check(pair, now);
    this.#changed();
  }

  #tellTransport(): void {
    const paths = this.#selection.news(this.#standing.phase);
    if (paths !== undefined) this.#effects.push({ type: 'set-path', peer: this.publicKey, paths });
  }

  #changed(): void {
    this.#effects.push({ type: 'changed', peer: this.publicKey });
  }
}
