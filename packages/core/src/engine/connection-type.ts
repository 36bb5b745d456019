import type { CandidateType } from '../contracts/candidate.js';
import { CONNECTION_TYPES, type ConnectionType } from '../contracts/status/connection.js';

export { CONNECTION_TYPES, type Connection, type ConnectionType } from '../contracts/status/connection.js';

/** `relayed` if either candidate is relayed; else `direct` if the remote one is a host candidate; else `hole-punched`. */
export function connectionType(local: 'socket' | 'allocation', remote: CandidateType): ConnectionType {
  if (local === 'allocation' || remote === 'relayed') return 'relayed';
  return remote === 'host' ? 'direct' : 'hole-punched';
}

/** Lower is better. */
export function tierOf(type: ConnectionType): number {
  return CONNECTION_TYPES.indexOf(type);
}
