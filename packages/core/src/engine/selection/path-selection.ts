import type { ActivePath } from './active-path.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import type { Checklist } from '../pairs/checklist.js';
import type { EnginePath } from '../engine-path.js';
import { fallbacksFor } from './fallback-paths.js';
import { bestPair, mayFollow, type Incumbent } from './pair-ranking.js';
import { isAlive, pathOf, silenceOf, trustedPath, type Phase } from './phase.js';
import { MOVE_AFTER_MS } from '../timings.js';
import { WarmPaths } from './warm-paths.js';

export interface PathSelectionNeeds {
  readonly checklist: Checklist;
  readonly loops: {
    /** Whether it leads through our own tunnel is being found out. */
    isOnTrial(pair: CandidatePair): boolean;
  };
}

/** Which of the proven pairs is to carry the traffic to one peer (RFC 8445's selected pair), and what backs it up. */
export class PathSelection {
  /** Have lost the choice, and may win it back. */
  readonly warm = new WarmPaths();
  readonly #needs: PathSelectionNeeds;
  /** The pair that the controlling side has marked. */
  #nominated: string | undefined;
  /** As the transport was last told. */
  #told = '';

  constructor(needs: PathSelectionNeeds) {
    this.#needs = needs;
  }

  /** The controlling side uses it. */
  nominate(pair: CandidatePair): void {
    this.#nominated = pair.key;
  }

  /** The network changed at either end: nothing that was proven before counts, though what is in use may still be used. */
  distrustOthers(inUse: CandidatePair | undefined): void {
    this.#nominated = undefined;
    for (const pair of this.#needs.checklist.pairs.values()) if (pair !== inUse) pair.distrust();
  }

  /** @returns the pair that is to carry the traffic from now on; undefined: as before. */
  choose(phase: Phase, now: number): CandidatePair | undefined {
    const active = pathOf(phase);
    const silence = silenceOf(phase);
    const incumbent: Incumbent | undefined = active && {
      pair: active.pair,
      sinceMs: active.since,
      suspectForMs: silence && (silence.networkChanged ? Infinity : now - silence.sinceMs),
    };
    // A suspect path yields only to what was heard since; the rest may have died with it.
    const usable = [...this.#needs.checklist.pairs.values()].filter(
      (pair) =>
        pair.state === 'succeeded' &&
        !this.#isHeld(pair, phase) &&
        (pair.lastHeardAt ?? 0) >= (silence?.sinceMs ?? -Infinity),
    );
    let choice = bestPair(usable, incumbent, now);
    const nominated = usable.find((pair) => pair.key === this.#nominated);
    if (nominated !== undefined && choice !== undefined && mayFollow(nominated, choice)) choice = nominated;
    return choice === active?.pair ? undefined : choice;
  }

  /** One pair takes over from another. */
  switched(from: CandidatePair | undefined, to: CandidatePair, now: number): void {
    this.warm.drop(to);
    if (from?.state === 'succeeded') this.warm.keep(from, now);
  }

  /** @returns the path in use alone while it is trusted, else with its fallbacks; undefined where that is known already. */
  news(phase: Phase): readonly EnginePath[] | undefined {
    const active = pathOf(phase);
    const isSure = active === undefined || (active === trustedPath(phase) && !active.isDoubtful);
    const others = isSure ? [] : [...this.#needs.checklist.pairs.values()].filter((pair) => !this.#isHeld(pair, phase));
    const fallbacks = active === undefined ? [] : fallbacksFor(active.pair, others);
    const isInUse = active !== undefined && !this.#isPaused(active, phase, fallbacks);
    const pairs = isInUse ? [active.pair, ...fallbacks] : fallbacks;
    const text = pairs.map(({ key }) => key).join(' ');
    if (text === this.#told) return undefined;
    this.#told = text;
    return pairs.map(({ path }) => path);
  }

  /**
   * Whether a pair that has answered for the first time shows that the peer's NAT has given it another port: nothing more comes
   * from the old one since the new one was heard.
   */
  hasMovedTo(pair: CandidatePair, active: ActivePath, now: number): boolean {
    if (active.pair === pair || now - active.since < MOVE_AFTER_MS) return false;
    const { base, remote, lastHeardAt = 0 } = active.pair;
    const isSibling = base.id === pair.base.id && remote.address.ip === pair.remote.address.ip;
    return isSibling && pair.remote.type === 'peer-reflexive' && lastHeardAt < pair.firstHeardAt;
  }

  /** While there is a path, no other is taken that may turn out to lead through it. */
  #isHeld(pair: CandidatePair, phase: Phase): boolean {
    return isAlive(phase) && pathOf(phase)?.pair !== pair && this.#needs.loops.isOnTrial(pair);
  }

  /** Silent, and maybe a loop: what is sent on it would come back to be sent again, on the fallbacks too. */
  #isPaused({ pair }: ActivePath, phase: Phase, fallbacks: readonly CandidatePair[]): boolean {
    return silenceOf(phase) !== undefined && fallbacks.length > 0 && this.#needs.loops.isOnTrial(pair);
  }
}
