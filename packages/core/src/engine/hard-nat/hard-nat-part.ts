import { mapsPerDestination, type NatBehavior } from '../../contracts/nat-behavior.js';

/**
 * Which part a node plays where one NAT maps per destination and the other does not, and ordinary checks come to nothing: if
 * the other filters by address and port, neither can say which port the other will see. `many-bases`: our mapping is the
 * unknown one, so we open many of them toward the peer; `many-guesses`: the peer's is, so we check many of its ports, until
 * one of ours meets one of its.
 */
export type HardNatPart = 'many-bases' | 'many-guesses';

/** @returns undefined where ordinary checks do, or nothing can: both mappings depend on the destination. */
export function hardNatPart(local: NatBehavior, remote: NatBehavior): HardNatPart | undefined {
  const [ours, theirs] = [mapsPerDestination(local), mapsPerDestination(remote)];
  if (ours === undefined || theirs === undefined || ours === theirs) return undefined;
  return ours ? 'many-bases' : 'many-guesses';
}

/** Why there will be no direct path; undefined where there may be one. */
export function hardNatObstacle(local: NatBehavior, remote: NatBehavior): string | undefined {
  return mapsPerDestination(local) === true && mapsPerDestination(remote) === true
    ? 'both NATs map per destination (symmetric), so neither side can know the port that the other will see'
    : undefined;
}
