import type { TransportAddress } from '@wirepath/stun-codec';
import type { EnginePath, LocalBase } from '../engine-path.js';
import type { LocalDescription } from '../events.js';
import { LoopMarks, type LoopEvidence } from '../loops/loop-marks.js';
import { LoopTrial } from '../loops/loop-trial.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import type { Checklist } from '../pairs/checklist.js';
import type { SentCheck } from '../pairs/outstanding-checks.js';
import type { PathSelection } from '../selection/path-selection.js';
import { LOOP_CHECK_MS, LOOP_CLEARED_MS, LOOP_TRIAL_MS } from '../timings.js';

export interface LoopGuardNeeds {
  readonly around: { readonly local: LocalDescription; random(length: number): Uint8Array };
  readonly checklist: Checklist;
  /** @param sizeBytes of the STUN message. */
  check(pair: CandidatePair, now: number, sizeBytes: number): void;
  readonly selection: PathSelection;
  /** Pairs have shown to be loops, and are used no more; they are to be formed anew. @param wasInUse the path in use was among them. */
  onDropped(wasInUse: boolean, now: number): void;
}

interface RunningTrial {
  readonly trial: LoopTrial;
  nextAt: number;
}

/**
 * Keeps paths to one peer out of our own tunnel. A pair is a loop where one of its checks was read from our own interface, in
 * whatever wrapping; and where wrapping hides that, where {@link LoopTrial} says so. A trial is held where a check was answered
 * after something that could have been it had come out of the interface, which hardly ever is so without a loop.
 */
export class LoopGuard {
  readonly #needs: LoopGuardNeeds;
  readonly #marks = new LoopMarks();
  readonly #trials = new Map<CandidatePair, RunningTrial>();
  /** Pairs that have shown to be no loop, and until when that counts. */
  #cleared = new WeakMap<CandidatePair, number>();

  constructor(needs: LoopGuardNeeds) {
    this.#needs = needs;
  }

  /** @param base undefined: any socket. @returns why nothing must be sent there; undefined where something may. */
  why(base: LocalBase | undefined, remote: TransportAddress): string | undefined {
    const mark = this.#marks.get(base, remote);
    return mark && `reached through our own tunnel: ${mark.why}`;
  }

  isLoop(path: EnginePath): boolean {
    return this.#markOf(path) !== undefined;
  }

  /**
   * Checks that came through a loop are not answered, so that none uses it; but where only sizes tell, a little longer, for the
   * peer needs answers to find out by itself.
   */
  mayAnswer(path: EnginePath, now: number): boolean {
    const mark = this.#markOf(path);
    return mark === undefined || now < mark.answersUntilMs;
  }

  /** Whether it is a loop is being found out. */
  isOnTrial(pair: CandidatePair): boolean {
    return this.#trials.has(pair);
  }

  /** A check on this path was read from our own interface. */
  found(path: EnginePath, now: number): void {
    const why = 'a check that was sent there came out of our own interface';
    this.#mark(this.#baseOf(path), path.remote, { why, answersUntilMs: now }, now);
  }

  /**
   * A check of a pair was answered.
   * @param overheads of the packets that came out of our interface meanwhile; undefined where nobody looked.
   * @returns whether the pair is a loop.
   */
  answered(pair: CandidatePair, check: SentCheck, overheads: readonly number[] | undefined, now: number): boolean {
    if (overheads === undefined) return false;
    const running = this.#trials.get(pair);
    if (running === undefined) {
      const isDue = overheads.length > 0 && now >= (this.#cleared.get(pair) ?? -Infinity);
      if (isDue) this.#begin(pair, now);
      return false;
    }
    if (check.sizeBytes === undefined) return false;
    switch (running.trial.answered(overheads)) {
      case 'clear':
        this.#end(pair, now);
        return false;
      case 'again':
        this.#checkNext(pair, running, now);
        return false;
      case 'loop':
        this.#mark(
          pair.base,
          pair.remote.address,
          { why: running.trial.evidence, answersUntilMs: now + LOOP_TRIAL_MS },
          now,
        );
        return true;
    }
  }

  /** The pair went silent: the way there may be another. */
  distrust(pair: CandidatePair): void {
    this.#cleared.delete(pair);
  }

  /** Our network is another: nothing that was learnt of it counts. */
  clear(): void {
    this.#marks.clear();
    this.#trials.clear();
    this.#cleared = new WeakMap();
  }

  nextTimeout(): number {
    let next = Infinity;
    for (const { nextAt } of this.#trials.values()) next = Math.min(next, nextAt);
    return next;
  }

  /** @returns whether a trial has ended, and its pair may be used. */
  handleTimeout(now: number): boolean {
    this.#marks.expire(now);
    let hasEnded = false;
    for (const [pair, running] of [...this.#trials]) {
      if (now < running.nextAt) continue;
      const isOver = now >= running.trial.since + LOOP_TRIAL_MS || this.#needs.checklist.get(pair.path) !== pair;
      if (!isOver && this.#checkNext(pair, running, now)) continue;
      this.#trials.delete(pair);
      // It has answered nothing since: the peer may know more.
      if (pair !== this.#needs.selection.active?.pair) pair.fail('fell silent when it was asked whether it is a loop');
      hasEnded = true;
    }
    return hasEnded;
  }

  #begin(pair: CandidatePair, now: number): void {
    const running = { trial: new LoopTrial(now, (length) => this.#needs.around.random(length)), nextAt: now };
    this.#trials.set(pair, running);
    this.#checkNext(pair, running, now);
  }

  #end(pair: CandidatePair, now: number): void {
    this.#trials.delete(pair);
    this.#cleared.set(pair, now + LOOP_CLEARED_MS);
  }

  /** @returns false where there is none left. */
  #checkNext(pair: CandidatePair, running: RunningTrial, now: number): boolean {
    const sizeBytes = running.trial.takeSize();
    if (sizeBytes === undefined) return false;
    running.nextAt = now + Math.max(LOOP_CHECK_MS, 2 * (pair.rttMs ?? 0));
    this.#needs.check(pair, now, sizeBytes);
    return true;
  }

  #mark(base: LocalBase | undefined, remote: TransportAddress, seen: LoopEvidence, now: number): void {
    this.#marks.add(base, remote, seen, now);
    const { checklist, selection } = this.#needs;
    const { active } = selection;
    const pairs = [...this.#trials.keys(), ...checklist.pairs.values()];
    for (const pair of pairs.filter((one) => this.#marks.get(one.base, one.remote.address) !== undefined)) {
      this.#trials.delete(pair);
      selection.drop(pair);
      if (checklist.pinned.has(pair.key)) checklist.unpin(pair);
    }
    this.#needs.onDropped(active !== undefined && selection.active === undefined, now);
  }

  #markOf(path: EnginePath): ReturnType<LoopMarks['get']> {
    return this.#marks.get(this.#baseOf(path), path.remote);
  }

  #baseOf(path: EnginePath): LocalBase | undefined {
    return this.#needs.around.local.bases.find(({ id }) => id === path.baseId);
  }
}
