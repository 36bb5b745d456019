import type { PublicKey } from '../../base/identity/identity.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import { ActivePath } from './active-path.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import type { Checklist } from '../pairs/checklist.js';
import type { EngineEffect } from '../effects.js';
import type { LocalDescription } from '../events.js';
import { fallbacksFor } from './fallback-paths.js';
import { bestPair, mayFollow } from './pair-ranking.js';
import { ASSUMED_LIFETIME_MS, EARLIER_KEEPALIVE, LIFETIME_MARGIN, MOVE_AFTER_MS } from '../timings.js';
import { WarmPaths } from './warm-paths.js';

export interface PathSelectionNeeds {
  readonly peer: PublicKey;
  readonly controlling: boolean;
  readonly checklist: Checklist;
  readonly around: { local: LocalDescription; emit(effect: EngineEffect): void };
  /** As configured, an upper bound. */
  keepaliveMs(): number;
  /** Undefined before the peer has said anything. */
  remoteBehavior(): NatBehavior | undefined;
  /** Whether it leads through our own tunnel is being found out. */
  isOnTrial(pair: CandidatePair): boolean;
  onSwitched(to: CandidatePair, now: number): void;
}

/** Which of the proven pairs carries the traffic to one peer (RFC 8445's selected pair), what backs it up, and how the transport is told. */
export class PathSelection {
  active: ActivePath | undefined;
  /** Have lost the choice, and may win it back. */
  readonly warm = new WarmPaths();
  readonly #needs: PathSelectionNeeds;
  /** The pair that the controlling side has marked. */
  #nominated: string | undefined;
  /** As the transport was last told. */
  #paths = '';

  constructor(needs: PathSelectionNeeds) {
    this.#needs = needs;
  }

  /** The controlling side uses it. */
  nominate(pair: CandidatePair): void {
    this.#nominated = pair.key;
  }

  /** The network changed at either end: nothing that was proven before counts, though it may still be used. */
  distrustAll(now: number): void {
    this.#nominated = undefined;
    this.active?.distrust(now);
    for (const pair of this.#needs.checklist.pairs.values()) if (pair !== this.active?.pair) pair.distrust();
  }

  /** A pair has answered for the first time. Where it shows that the peer's NAT has moved the peer, the path in use is suspect. */
  proven(pair: CandidatePair, now: number): void {
    if (this.#hasMovedTo(pair, now)) this.active?.distrust(now);
  }

  choose(now: number): void {
    const { active } = this;
    const proven = [...this.#needs.checklist.pairs.values()].filter(
      (pair) => pair.state === 'succeeded' && !this.#isHeld(pair),
    );
    const incumbent = active && { pair: active.pair, sinceMs: active.since, suspectForMs: active.suspectForMs(now) };
    const suspectSince = active?.suspectSince ?? -Infinity;
    // A suspect path yields only to what was heard since; the rest may have died with it.
    const usable = proven.filter((pair) => (pair.lastHeardAt ?? 0) >= suspectSince);
    let choice = bestPair(usable, incumbent, now);
    const nominated = usable.find((pair) => pair.key === this.#nominated);
    if (nominated !== undefined && choice !== undefined && mayFollow(nominated, choice)) choice = nominated;
    if (choice !== undefined && choice !== active?.pair) this.#switchTo(choice, now);
    this.tellTransport();
  }

  /** Nothing goes on it from now on, even if there is no other. To be followed by {@link choose}. */
  drop(pair: CandidatePair): void {
    this.warm.drop(pair);
    if (this.active?.pair === pair) this.active = undefined;
  }

  /** The active path alone while it is trusted, else with its fallbacks. */
  tellTransport(): void {
    const { active } = this;
    const { peer, around, checklist } = this.#needs;
    const isUnsure = active !== undefined && (active.trust !== 'trusted' || active.isDoubtful);
    const others = isUnsure ? [...checklist.pairs.values()].filter((pair) => !this.#isHeld(pair)) : [];
    const fallbacks = active === undefined ? [] : fallbacksFor(active.pair, others);
    const pairs = active === undefined || this.#isPaused(active, fallbacks) ? fallbacks : [active.pair, ...fallbacks];
    const text = pairs.map(({ key }) => key).join(' ');
    if (text === this.#paths) return;
    this.#paths = text;
    around.emit({ type: 'set-path', peer, paths: pairs.map(({ path }) => path) });
  }

  /** While there is a path, no other is taken that may turn out to lead through it. */
  #isHeld(pair: CandidatePair): boolean {
    const { active } = this;
    return active !== undefined && active.trust !== 'lost' && active.pair !== pair && this.#needs.isOnTrial(pair);
  }

  /** Silent, and maybe a loop: what is sent on it would come back to be sent again, on the fallbacks too. */
  #isPaused({ pair, trust }: ActivePath, fallbacks: readonly CandidatePair[]): boolean {
    return trust !== 'trusted' && fallbacks.length > 0 && this.#needs.isOnTrial(pair);
  }

  /** The peer's NAT has given it another port: nothing more comes from the old one since the new one was heard. */
  #hasMovedTo(pair: CandidatePair, now: number): boolean {
    const { active } = this;
    if (active === undefined || active.pair === pair || now - active.since < MOVE_AFTER_MS) return false;
    const { base, remote, lastHeardAt = 0 } = active.pair;
    const isSibling = base.id === pair.base.id && remote.address.ip === pair.remote.address.ip;
    return isSibling && pair.remote.type === 'peer-reflexive' && lastHeardAt < pair.firstHeardAt;
  }

  #switchTo(pair: CandidatePair, now: number): void {
    const previous = this.active;
    this.active = new ActivePath(pair, () => this.#keepaliveIntervalMs, now);
    this.warm.drop(pair);
    if (previous?.pair.state === 'succeeded') this.warm.keep(previous.pair, now);
    this.#needs.onSwitched(pair, now);
  }

  /**
   * The configured keepalive is an upper bound; both NATs must remember for longer. One side is a little earlier, so that its
   * check and the answer keep both sides' bindings.
   */
  get #keepaliveIntervalMs(): number {
    const { around, controlling } = this.#needs;
    const { bindingLifetimeMs: ours = ASSUMED_LIFETIME_MS } = around.local.natBehavior;
    const { bindingLifetimeMs: theirs = ASSUMED_LIFETIME_MS } = this.#needs.remoteBehavior() ?? {};
    const intervalMs = Math.min(this.#needs.keepaliveMs(), Math.min(ours, theirs) * LIFETIME_MARGIN);
    return controlling ? intervalMs * EARLIER_KEEPALIVE : intervalMs;
  }
}
