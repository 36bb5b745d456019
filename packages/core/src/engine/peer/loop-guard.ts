import type { TransportAddress } from '@wirepath/stun-codec';
import type { EnginePath, LocalBase } from '../engine-path.js';
import { LoopMarks, type LoopEvidence } from '../loops/loop-marks.js';
import { LoopTrial } from '../loops/loop-trial.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import type { Checklist } from '../pairs/checklist.js';
import type { SentCheck } from '../pairs/outstanding-checks.js';
import { LOOP_CHECK_MS, LOOP_CLEARED_MS, LOOP_TRIAL_MS } from '../timings.js';

export interface LoopGuardNeeds {
  readonly checklist: Checklist;
  readonly random: (length: number) => Uint8Array;
}

/** A check that a trial wants sent: the size is that of its STUN message. */
export interface SizedCheck {
  readonly pair: CandidatePair;
  readonly sizeBytes: number;
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

  /** @param bases of ours. */
  isLoop(path: EnginePath, bases: readonly LocalBase[]): boolean {
    return this.#markOf(path, bases) !== undefined;
  }

  /**
   * Checks that came through a loop are not answered, so that none uses it; but where only sizes tell, a little longer, for the
   * peer needs answers to find out by itself.
   */
  mayAnswer(path: EnginePath, bases: readonly LocalBase[], now: number): boolean {
    const mark = this.#markOf(path, bases);
    return mark === undefined || now < mark.answersUntilMs;
  }

  /** Whether it is a loop is being found out. */
  isOnTrial(pair: CandidatePair): boolean {
    return this.#trials.has(pair);
  }

  /** A check on this path was read from our own interface. @returns the pairs that are no more. */
  found(path: EnginePath, bases: readonly LocalBase[], now: number): CandidatePair[] {
    const why = 'a check that was sent there came out of our own interface';
    return this.#mark(baseOf(path, bases), path.remote, { why, answersUntilMs: now }, now);
  }

  /**
   * A check of a pair was answered.
   * @param overheads of the packets that came out of our interface meanwhile; undefined where nobody looked.
   * @returns the pairs that have shown to be loops and are no more, if any, and the check that the trial wants next.
   */
  answered(
    pair: CandidatePair,
    check: SentCheck,
    overheads: readonly number[] | undefined,
    now: number,
  ): { readonly loops?: readonly CandidatePair[]; readonly next?: SizedCheck | undefined } {
    if (overheads === undefined) return {};
    const running = this.#trials.get(pair);
    if (running === undefined) {
      const isDue = overheads.length > 0 && now >= (this.#cleared.get(pair) ?? -Infinity);
      return isDue ? { next: this.#begin(pair, now) } : {};
    }
    if (check.sizeBytes === undefined) return {};
    switch (running.trial.answered(overheads)) {
      case 'clear':
        this.#end(pair, now);
        return {};
      case 'again':
        return { next: this.#next(pair, running, now) };
      case 'loop': {
        const seen = { why: running.trial.evidence, answersUntilMs: now + LOOP_TRIAL_MS };
        return { loops: this.#mark(pair.base, pair.remote.address, seen, now) };
      }
    }
  }

  /**
   * Another pair was answered while this one, which carries the traffic, is silent.
   * @param overheads as of {@link answered}: where there are any, the silent one's traffic may be what comes out again and again, more of
   * it each time, so that nothing of it is answered.
   * @returns the check that its trial wants; undefined where none begins.
   */
  answeredBeside(silent: CandidatePair, overheads: readonly number[] | undefined, now: number): SizedCheck | undefined {
    if (overheads === undefined || overheads.length === 0 || this.#trials.has(silent)) return undefined;
    return this.#begin(silent, now);
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

  /**
   * @param inUse carries the traffic.
   * @returns the checks that trials want now, and whether one has ended: its pair may be used.
   */
  handleTimeout(
    now: number,
    inUse: CandidatePair | undefined,
  ): { readonly checks: readonly SizedCheck[]; readonly hasEnded: boolean } {
    this.#marks.expire(now);
    const checks: SizedCheck[] = [];
    let hasEnded = false;
    for (const [pair, running] of [...this.#trials]) {
      if (now < running.nextAt) continue;
      const isOver = now >= running.trial.since + LOOP_TRIAL_MS || this.#needs.checklist.get(pair.path) !== pair;
      const next = isOver ? undefined : this.#next(pair, running, now);
      if (next !== undefined) {
        checks.push(next);
        continue;
      }
      this.#trials.delete(pair);
      // It has answered nothing since: the peer may know more.
      if (pair !== inUse) pair.fail('fell silent when it was asked whether it is a loop');
      hasEnded = true;
    }
    return { checks, hasEnded };
  }

  #begin(pair: CandidatePair, now: number): SizedCheck | undefined {
    const running = { trial: new LoopTrial(now, this.#needs.random), nextAt: now };
    this.#trials.set(pair, running);
    return this.#next(pair, running, now);
  }

  #end(pair: CandidatePair, now: number): void {
    this.#trials.delete(pair);
    this.#cleared.set(pair, now + LOOP_CLEARED_MS);
  }

  /** @returns undefined where there is none left. */
  #next(pair: CandidatePair, running: RunningTrial, now: number): SizedCheck | undefined {
    const sizeBytes = running.trial.takeSize();
    if (sizeBytes === undefined) return undefined;
    running.nextAt = now + Math.max(LOOP_CHECK_MS, 2 * (pair.rttMs ?? 0));
    return { pair, sizeBytes };
  }

  /** @returns the pairs there, which are on trial and on hard-NAT lists no more. */
  #mark(base: LocalBase | undefined, remote: TransportAddress, seen: LoopEvidence, now: number): CandidatePair[] {
    this.#marks.add(base, remote, seen, now);
    const { checklist } = this.#needs;
    const all = new Set([...this.#trials.keys(), ...checklist.pairs.values()]);
    const loops = [...all].filter((one) => this.#marks.get(one.base, one.remote.address) !== undefined);
    for (const pair of loops) {
      this.#trials.delete(pair);
      if (checklist.pinned.has(pair.key)) checklist.unpin(pair);
    }
    return loops;
  }

  #markOf(path: EnginePath, bases: readonly LocalBase[]): ReturnType<LoopMarks['get']> {
    return this.#marks.get(baseOf(path, bases), path.remote);
  }
}

function baseOf(path: EnginePath, bases: readonly LocalBase[]): LocalBase | undefined {
  return bases.find(({ id }) => id === path.baseId);
}
