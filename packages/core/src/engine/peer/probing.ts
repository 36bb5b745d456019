import { candidatePriority } from '../../contracts/candidate.js';
import type { PublicKey } from '../../base/identity/identity.js';
import type { EngineEffect } from '../effects.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import type { Checklist } from '../pairs/checklist.js';
import type { SentCheck } from '../pairs/outstanding-checks.js';
import { RelayPermissions } from '../pairs/relay-permissions.js';
import type { ActivePath } from '../selection/active-path.js';
import type { EngineParts } from '../world.js';

/** Short-term credentials of checks to a peer (RFC 8445 7.1.1). */
export interface CheckCredentials {
  readonly remoteUfrag: string;
  readonly localUfrag: string;
  readonly remotePassword: string;
}

export interface ProbingNeeds {
  readonly peer: PublicKey;
  readonly controlling: boolean;
  readonly checklist: Checklist;
  readonly permissions: RelayPermissions;
  readonly parts: Pick<EngineParts, 'tieBreaker' | 'pacer' | 'random'>;
}

export type CheckOptions = Pick<SentCheck, 'ping' | 'guess' | 'sizeBytes'>;

/** A check to be sent now, and what is to be remembered of it until it is answered. */
export interface Check {
  readonly effect: Extract<EngineEffect, { type: 'send-check' }>;
  readonly sent: SentCheck;
}

/** The checks to one peer: in rounds on all pairs, triggered by one of the peer's, or single. */
export class Probing {
  readonly #needs: ProbingNeeds;
  /** The round goes on until then; undefined when it is over. */
  #until: number | undefined;
  /** Undefined before the peer has told its own: no check can be sent, however due. */
  #credentials: CheckCredentials | undefined;

  constructor(needs: ProbingNeeds) {
    this.#needs = needs;
  }

  get isUnderWay(): boolean {
    return this.#until !== undefined;
  }

  /** With these checks are sent from now on. */
  set credentials(credentials: CheckCredentials) {
    this.#credentials = credentials;
  }

  /**
   * Checks every pair that wants it, until `budgetMs` from now at least.
   * @param trusted in use, and nothing speaks against it.
   * @param options.all those that are proven too.
   */
  begin(now: number, budgetMs: number, trusted: CandidatePair | undefined, { all = false } = {}): void {
    const { checklist, permissions } = this.#needs;
    this.#until = Math.max(this.#until ?? 0, now + budgetMs);
    for (const pair of checklist.pairs.values()) {
      // What is proven and fresh needs no new proof; a check for one that waits for its relay's permission comes later.
      if (pair.state === 'permitting' || (!all && (pair === trusted || pair.state === 'succeeded'))) continue;
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
    const check = this.#credentials === undefined ? undefined : this.#needs.checklist.pacing.nextTimeout();
    return Math.min(check ?? Infinity, this.#until ?? Infinity);
  }

  /** The pair whose check is due, if the pace allows it; to be asked for until there is none. */
  takeDue(now: number): CandidatePair | undefined {
    if (this.#credentials === undefined) return undefined;
    return this.#needs.checklist.pacing.takeDue(now, this.#needs.parts.pacer);
  }

  /**
   * RFC 8445 7.3.1.4: check at once, out of turn.
   * @param budgetMs of the round that begins with it, where none is under way.
   * @returns whether a check is to be sent now.
   */
  trigger(pair: CandidatePair, now: number, budgetMs: number): boolean {
    this.#until ??= now + budgetMs;
    if (pair.state === 'failed') pair.probe(now);
    return pair.schedule.mayTrigger(now) && this.#needs.checklist.pacing.takeTriggered(now);
  }

  /**
   * @param inUse carries the traffic.
   * @param options.sizeBytes as in {@link SentCheck}.
   * @returns undefined before the peer has told its credentials.
   */
  check(
    pair: CandidatePair,
    now: number,
    inUse: ActivePath | undefined,
    { ping = false, guess = false, sizeBytes }: CheckOptions = {},
  ): Check | undefined {
    const { peer, controlling, parts } = this.#needs;
    if (this.#credentials === undefined) return undefined;
    const transactionId = parts.random(12);
    const scheduled = pair.schedule.nextAt;
    pair.checkSent(now);
    // Outside of probing a check (keepalive, warm path) is one of its own, and starts no series.
    if (this.#until === undefined || (scheduled === undefined && pair.state === 'succeeded')) pair.schedule.stop();
    if (pair === inUse?.pair) inUse.probed(now);
    const effect: Check['effect'] = {
      type: 'send-check',
      peer,
      path: pair.path,
      transactionId,
      ...this.#credentials,
      priority: candidatePriority('peer-reflexive', pair.base.family === 6 ? 65535 : 65534),
      candidateType: pair.base.kind === 'allocation' ? 'relayed' : 'host',
      controlling,
      tieBreaker: parts.tieBreaker,
      useCandidate: controlling && pair === inUse?.pair,
      sizeBytes,
    };
    return { effect, sent: { pair, sentAt: now, ping, guess, sizeBytes } };
  }
}
