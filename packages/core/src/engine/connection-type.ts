import type { CandidateType } from '../contracts/candidate.js';

/** Connection type of a path as this side sees it, best first. */
export const CONNECTION_TYPES = ['direct', 'hole-punched', 'relayed'] as const;
export type ConnectionType = (typeof CONNECTION_TYPES)[number];

/** Connection type of a peer's path, or why it has none. */
export type Connection = ConnectionType | 'connecting' | 'idle' | 'unreachable';

/** `relayed` if either candidate is relayed; else `direct` if the remote one is a host candidate; else `hole-punched`. */
export function connectionType(local: 'socket' | 'allocation', remote: CandidateType): ConnectionType {
  if (local === 'allocation' || remote === 'relayed') return 'relayed';
  return remote === 'host' ? 'direct' : 'hole-punched';
}

/** Lower is better. */
export function tierOf(type: ConnectionType): number {
  return CONNECTION_TYPES.indexOf(type);
}
