import type { PublicKey } from '../../base/identity/identity.js';
import type { NatBehavior } from '../../contracts/nat-behavior.js';
import { ActivePath } from './active-path.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';
import { pathKeyOf } from '../engine-path.js';
import type { Checklist } from '../pairs/checklist.js';
import type { EngineEffect } from '../effects.js';
import type { LocalDescription } from '../events.js';
import { choosePath, fallbacksFor, mayFollow } from './path-ranking.js';
import { ASSUMED_LIFETIME_MS, EARLIER_KEEPALIVE, LIFETIME_MARGIN } from '../timings.js';
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

  choose(now: number): void {
    const proven = [...this.#needs.checklist.pairs.values()].filter((pair) => pair.state === 'succeeded');
    const { active } = this;
    const incumbent = active && { pair: active.pair, sinceMs: active.since, suspectForMs: active.suspectForMs(now) };
    const suspectSince = active?.suspectSince ?? -Infinity;
    // A suspect path yields only to what was heard since; the rest may have died with it.
    const usable = proven.filter((pair) => (pair.lastHeardAt ?? 0) >= suspectSince);
    let choice = choosePath(usable, incumbent, now);
    const nominated = usable.find((pair) => pair.key === this.#nominated);
    if (nominated !== undefined && choice !== undefined && mayFollow(nominated, choice)) choice = nominated;
    if (choice !== undefined && choice !== active?.pair) this.#switchTo(choice, now);
    this.tellTransport();
  }

  /** The active path alone while it is trusted, else with its fallbacks. */
  tellTransport(): void {
    const { active } = this;
    if (active === undefined) return;
    const { peer, around, checklist } = this.#needs;
    const paths = [active.pair.path];
    if (active.trust !== 'trusted' || active.isDoubtful)
      paths.push(...fallbacksFor(active.pair, checklist.pairs.values()).map(({ path }) => path));
    const text = paths.map(pathKeyOf).join(' ');
    if (text === this.#paths) return;
    this.#paths = text;
    around.emit({ type: 'set-path', peer, paths });
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
