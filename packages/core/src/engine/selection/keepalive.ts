import type { NatBehavior } from '../../contracts/nat-behavior.js';
import { ASSUMED_LIFETIME_MS, EARLIER_KEEPALIVE, LIFETIME_MARGIN } from '../timings.js';

/**
 * How long a path may stay idle, ms; 0: for ever. The configured keepalive is an upper bound; both NATs must remember for
 * longer. One side is a little earlier, so that its check and the answer keep both sides' bindings.
 * @param theirs undefined before the peer has said anything.
 */
export function keepaliveIntervalMs(
  configuredMs: number,
  ours: NatBehavior,
  theirs: NatBehavior | undefined,
  controlling: boolean,
): number {
  const lifetimeMs = Math.min(
    ours.bindingLifetimeMs ?? ASSUMED_LIFETIME_MS,
    theirs?.bindingLifetimeMs ?? ASSUMED_LIFETIME_MS,
  );
  const intervalMs = Math.min(configuredMs, lifetimeMs * LIFETIME_MARGIN);
  return controlling ? intervalMs * EARLIER_KEEPALIVE : intervalMs;
}
