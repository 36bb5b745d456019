import type { Counters } from '@wirepath/core/plugin';

/** Why the server dropped a datagram. */
export type ServerDropReason =
  | 'malformed'
  | 'bad-fingerprint'
  | 'unexpected-message'
  | 'unanswerable'
  | 'rate-limited'
  | 'too-many-failures'
  | 'no-allocation'
  | 'allocation-pending'
  | 'no-permission'
  | 'no-channel'
  | 'peer-refused'
  | 'oversized'
  | 'over-bandwidth'
  | 'backlog'
  | 'send-failed'
  | 'internal-error';

/** The system's full buffers, which a client's may be; anything else is a destination that cannot be reached. */
const FULL = new Set(['EAGAIN', 'ENOBUFS', 'queue-full']);

/** What a UDP socket has lost on its way out. @param count 0 for an error that came in. */
export function countFailed(drops: Counters<ServerDropReason>, code: string, count: number): void {
  const reason = FULL.has(code) ? 'backlog' : 'send-failed';
  for (let lost = 0; lost < count; lost++) drops.count(reason);
}
