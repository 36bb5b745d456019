import { bestOf, type Machine, type ServerStanding } from './machine.js';

/** UDP of a machine that is held over a stream: it may come back, and is cheaper. */
const UDP_AGAIN_MS = 5000;
/** Servers that might take the place of others. */
const REMEASURE_MS = 60_000;
/** One in doubt that has not answered. */
const DOUBT_AGAIN_MS = 1000;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 60_000;

/** Before the next try of a server that has failed so often. */
export function retryMs(attempts: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.max(0, attempts - 1));
}

/** When a server of a machine is to be probed next; Infinity: a probe is under way, or none is of use. */
export function probeDueAt(machine: Machine, standing: ServerStanding, now: number): number {
  const { servers } = machine;
  const { isAsked, askedAtMs, endedAtMs, allocation, doubtedSinceMs, attempts } = standing;
  if (isAsked || allocation === 'asked') return Infinity;
  if (allocation === 'up')
    return doubtedSinceMs === undefined ? Infinity : Math.max(doubtedSinceMs, endedAtMs + DOUBT_AGAIN_MS);
  const best = bestOf(machine, now);
  if (best === undefined) return endedAtMs + retryMs(attempts);
  if (servers.indexOf(standing) > servers.indexOf(best)) return Infinity;
  const isUdpBesideStream = standing !== best && standing.server.transport === 'udp' && best.allocation !== 'none';
  return isUdpBesideStream ? Math.max(endedAtMs, askedAtMs + UDP_AGAIN_MS) : endedAtMs + REMEASURE_MS;
}
