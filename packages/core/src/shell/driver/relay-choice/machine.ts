import { RELAY_TRANSPORTS, type RelayServer, type RelayTransport } from '../../../contracts/relay.js';

/** How a relay server stands, as far as the choice goes. Times are ms of the driver's. */
export interface ServerStanding {
  readonly server: RelayServer;
  readonly allocation: 'none' | 'asked' | 'up';
  /** Since when the allocation is what it is. */
  readonly sinceMs: number;
  /** Round trip; undefined while it has not answered, and after it did not. */
  readonly rttMs: number | undefined;
  /** A probe is under way. */
  readonly isAsked: boolean;
  /** The newest probe began then. */
  readonly askedAtMs: number;
  /** The newest probe was answered or given up then; -Infinity: there was none, or another is wanted at once. */
  readonly endedAtMs: number;
  /** Probes and allocations that failed, one after another. */
  readonly attempts: number;
  /** A path through its allocation went silent then, and the server has not answered since. */
  readonly doubtedSinceMs: number | undefined;
}

/** One machine: the servers of a group, the cheapest transport first. */
export interface Machine {
  readonly servers: readonly ServerStanding[];
}

/** A server that is silent for so long when asked is in doubt: others are asked. */
export const DOUBT_AFTER_MS = 250;
/** An allocation that takes longer is no reason to wait for it. */
export const ALLOCATING_MS = 2000;
/** After an answer over a stream, a cheaper transport of the same machine has so long to answer, too. */
const GRACE_MS = 50;
/** What a stream costs beside its round trip: what is lost holds up all that comes behind. */
const STREAM_COST_MS: Record<RelayTransport, number> = { udp: 0, tcp: 30, tls: 40 };

export function machinesOf(standings: readonly ServerStanding[]): Machine[] {
  const groups = new Map<string | RelayServer, ServerStanding[]>();
  for (const standing of standings) {
    const key = standing.server.group ?? standing.server;
    groups.set(key, [...(groups.get(key) ?? []), standing]);
  }
  const cost = ({ server }: ServerStanding) => RELAY_TRANSPORTS.indexOf(server.transport);
  return [...groups.values()].map((servers) => ({ servers: servers.sort((a, b) => cost(a) - cost(b)) }));
}

export function isInDoubt({ doubtedSinceMs = Infinity }: ServerStanding, now: number): boolean {
  return now >= doubtedSinceMs + DOUBT_AFTER_MS;
}

export function works(standing: ServerStanding, now: number): boolean {
  const { allocation, sinceMs, rttMs } = standing;
  if (allocation === 'up') return !isInDoubt(standing, now);
  return allocation === 'asked' ? now < sinceMs + ALLOCATING_MS : rttMs !== undefined;
}

/** The cheapest that works. */
export function bestOf({ servers }: Machine, now: number): ServerStanding | undefined {
  return servers.find((standing) => works(standing, now));
}

/** There is an allocation on it that can be relied on, or soon will be. */
export function isHeld({ servers }: Machine, now: number): boolean {
  return servers.some((standing) => standing.allocation !== 'none' && works(standing, now));
}

/** Smaller is nearer, ms; Infinity where nothing works. */
export function distanceOf(machine: Machine, now: number): number {
  const best = bestOf(machine, now);
  return best === undefined ? Infinity : (best.rttMs ?? 0) + STREAM_COST_MS[best.server.transport];
}

/** When its best server may be allocated on: a cheaper one that is being asked may still answer. Infinity: nothing works. */
export function readyAt(machine: Machine, now: number): number {
  const best = bestOf(machine, now);
  if (best === undefined) return Infinity;
  const cheaper = machine.servers.slice(0, machine.servers.indexOf(best));
  return cheaper.some(({ isAsked }) => isAsked) ? best.endedAtMs + GRACE_MS : -Infinity;
}
