import { sourceGroup } from '@wirepath/core/plugin';

/** How many times what is free one may hold. */
const FACTOR = 3;

/** What is counted of whom: a user, a source (IPv4 address or IPv6 /64), a site (/48). */
export interface Holder {
  readonly user: string;
  readonly source: string;
  readonly site: string | undefined;
}

export function holderOf(username: string, ip: string): Holder {
  const { key, site } = sourceGroup(ip);
  return { user: username, source: key, site };
}

/**
 * Whether one who holds so many may take another: as long as it is less than three times what is then free. So one alone
 * gets three quarters, two get three sevenths each, and for who holds nothing there is something as long as anything is
 * free: however many are greedy, newcomers find room.
 */
export function mayTake(held: number, free: number): boolean {
  return free > 0 && held < FACTOR * free;
}
