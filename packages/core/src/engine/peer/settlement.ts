import type { ActivePath } from '../selection/active-path.js';
import type { CandidatePair } from '../pairs/candidate-pair.js';

/** Of a peer, what tells whether more is to be hoped for. */
export interface Standing {
  readonly hasSession: boolean;
  readonly active: ActivePath | undefined;
  readonly checklist: { readonly pairs: ReadonlyMap<string, CandidatePair> };
}

/** Connected without a relay: there is nothing to call for. */
export function isSettled({ hasSession, active }: Standing): boolean {
  return hasSession && active?.trust === 'trusted' && active.pair.connection !== 'relayed';
}

/** Not settled, or there is a pair that nobody has tried yet and that would be better. */
export function isImprovable(standing: Standing): boolean {
  const { active, checklist } = standing;
  if (active === undefined || !isSettled(standing)) return true;
  return [...checklist.pairs.values()].some((pair) => pair.state === 'waiting' && pair.tier < active.pair.tier);
}
