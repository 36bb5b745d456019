import type { AllocateRequest, StunError } from './allocate-request.js';
import { mayTake, type Holder } from './fair-share.js';

export interface AllocationLimits {
  readonly maxAllocations: number;
  readonly quotaPerUser: number;
}

export interface Occupancy {
  /** Living allocations, and how many of them the user, the source and the site have that ask. */
  readonly size: number;
  readonly held: Readonly<Record<keyof Holder, number>>;
  /** Whose ports are kept, or on their way to being opened: they count as allocations. */
  readonly kept: readonly Holder[];
  /** Relay ports of one address family. */
  readonly ports: number;
  /** How many may relay at present: one alone shares with nobody. */
  readonly users: number;
}

const USER_HAS_ENOUGH: StunError = { code: 486, reason: 'Allocation Quota Reached' };
const NO_ROOM: StunError = { code: 508, reason: 'Insufficient Capacity' };

/** Why nobody like this gets another allocation now; undefined where he does. */
export function whyFull(
  { reserveNext }: Pick<AllocateRequest, 'reserveNext'>,
  holder: Holder,
  { maxAllocations, quotaPerUser }: AllocationLimits,
  { size, held, kept, ports, users }: Occupancy,
): StunError | undefined {
  const countOf = (what: keyof Holder) =>
    held[what] + kept.filter((other) => other[what] !== undefined && other[what] === holder[what]).length;
  const extra = reserveNext ? 1 : 0;
  const ofUser = countOf('user') + extra;
  const ofSource = Math.max(countOf('source'), countOf('site')) + extra;
  const free = Math.min(maxAllocations, ports) - size - kept.length - extra;
  if (ofUser >= quotaPerUser) return USER_HAS_ENOUGH;
  if (free <= 0) return NO_ROOM;
  if (users > 1 && !mayTake(ofUser, free)) return USER_HAS_ENOUGH;
  return mayTake(ofSource, free) ? undefined : NO_ROOM;
}
