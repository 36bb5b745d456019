import { candidatePriority } from '../../contracts/candidate.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { TokenBucket } from '../../base/limits/token-bucket.js';
import type { EngineEffect } from '../effects.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import type { Checklist } from '../pairs/checklist.js';
import type { SentCheck } from '../pairs/outstanding-checks.js';
import { RelayPermissions } from '../pairs/relay-permissions.js';
import type { ActivePath } from '../selection/active-path.js';
import { RETRY_PROBING_MS } from '../timings.js';

/** Short-term credentials of checks to a peer (RFC 8445 7.1.1). */
export interface CheckCredentials {
  readonly remoteUfrag: string;
  readonly localUfrag: string;
  readonly remotePassword: string;
}

export interface ProbingNeeds {
  readonly peer: PublicKey;
  readonly controlling: boolean;
  readonly around: {
    readonly holePunchTimeoutMs: number;
    readonly tieBreaker: bigint;
    /** Of all peers together. */
    readonly pacer: TokenBucket;
    random(length: number): Uint8Array;
    emit(effect: EngineEffect): void;
  };
  readonly checklist: Checklist;
  readonly permissions: RelayPermissions;
  /** Undefined before the peer has told its own: no check can be sent, however due. */
  credentials(): CheckCredentials | undefined;
  active(): ActivePath | undefined;
  onSent(transactionId: Uint8Array, check: SentCheck): void;
  /** Ordinary checks begin. */
  onBegin(now: number): void;
}

/** The checks to one peer: in rounds on all pairs, triggered by one of the peer's, or single. */
export class Probing {
  readonly #needs: ProbingNeeds;
  /** The round goes on until then; undefined when it is over. */
  #until: number | undefined;

  constructor(needs: ProbingNeeds) {
    this.#needs = needs;
  }

  get isUnderWay(): boolean {
    return this.#until !== undefined;
  }

  /** Of a round that nothing new has asked for. */
  get retryBudgetMs(): number {
    return Math.min(RETRY_PROBING_MS, this.#needs.around.holePunchTimeoutMs);
  }

  /** Checks every pair that wants it, until `budgetMs` from now at least. @param options.all those that are proven too. */
  begin(now: number, budgetMs: number, { all = false } = {}): void {
    const { checklist, permissions } = this.#needs;
    this.#until = Math.max(this.#until ?? 0, now + budgetMs);
    this.#needs.onBegin(now);
    const active = this.#needs.active();
    for (const pair of checklist.pairs.values()) {
      const isActive = pair === active?.pair && active.trust === 'trusted';
      // What is proven and fresh needs no new proof; a check for one that waits for its relay's permission comes later.
      if (pair.state === 'permitting' || (!all && (isActive || pair.state === 'succeeded'))) continue;
      if (RelayPermissions.isNeededFor(pair)) permissions.want(pair);
      else if (pair.schedule.nextAt === undefined) pair.probe(now);
    }
  }

  /** The round ends, if its time is over. @returns whether it did. */
  end(now: number): boolean {
    if (this.#until === undefined || now < this.#until) return false;
    this.#until = undefined;
    this.#needs.checklist.endProbing();
    return true;
  }

  nextTimeout(): number {
    const { checklist } = this.#needs;
    const check = this.#needs.credentials() === undefined ? undefined : checklist.pacing.nextTimeout();
    return Math.min(check ?? Infinity, this.#until ?? Infinity);
  }

  /** Sends what is due. */
  checkDue(now: number): void {
    const { checklist, around } = this.#needs;
    if (this.#needs.credentials() === undefined) return;
    for (;;) {
      const pair = checklist.pacing.takeDue(now, around.pacer);
      if (pair === undefined) return;
      this.check(pair, now);
    }
  }

  /** RFC 8445 7.3.1.4: check at once, out of turn. */
  trigger(pair: CandidatePair, now: number): void {
    const { checklist, permissions } = this.#needs;
    if (pair.state === 'permitting') return;
    if (RelayPermissions.isNeededFor(pair)) return permissions.request(pair, now);
    this.#until ??= now + this.retryBudgetMs;
    if (pair.state === 'failed') pair.probe(now);
    if (pair.schedule.mayTrigger(now) && checklist.pacing.takeTriggered(now)) this.check(pair, now);
  }

  /** @param options.sizeBytes as in {@link SentCheck}. */
  check(
    pair: CandidatePair,
    now: number,
    { ping = false, guess = false, sizeBytes }: Pick<SentCheck, 'ping' | 'guess' | 'sizeBytes'> = {},
  ): void {
    const { peer, controlling, around } = this.#needs;
    const credentials = this.#needs.credentials();
    if (credentials === undefined) return;
    const active = this.#needs.active();
    const transactionId = around.random(12);
    this.#needs.onSent(transactionId, { pair, sentAt: now, ping, guess, sizeBytes });
    const scheduled = pair.schedule.nextAt;
    pair.checkSent(now);
    // Outside of probing a check (keepalive, warm path) is one of its own, and starts no series.
    if (this.#until === undefined || (scheduled === undefined && pair.state === 'succeeded')) pair.schedule.stop();
    if (pair === active?.pair) active.probed(now);
    around.emit({
      type: 'send-check',
      peer,
      path: pair.path,
      transactionId,
      ...credentials,
      priority: candidatePriority('peer-reflexive', pair.base.family === 6 ? 65535 : 65534),
      candidateType: pair.base.kind === 'allocation' ? 'relayed' : 'host',
      controlling,
      tieBreaker: around.tieBreaker,
      useCandidate: controlling && pair === active?.pair,
      sizeBytes,
    });
  }
}
