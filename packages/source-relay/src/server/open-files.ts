import { roomForConnections } from '@wirepath/core/plugin';

export interface RelayRoom {
  /** Each takes a socket for its relayed address. */
  readonly allocations: number;
  /** Of clients over TCP and TLS. */
  readonly connections: number;
  readonly handshakes: number;
}

/**
 * What a process with so many files has room for, so that it is never out of them: the kernel's answer would be the same for
 * everybody. Allocations go before connections, of which some are still in their handshake with TLS.
 * @param openFiles undefined where the system does not say.
 */
export function relayRoom(openFiles: number | undefined, maxAllocations: number): RelayRoom {
  if (openFiles === undefined) return { allocations: maxAllocations, connections: Infinity, handshakes: Infinity };
  const room = roomForConnections(openFiles);
  const handshakes = Math.ceil(room / 8);
  const allocations = Math.min(maxAllocations, Math.floor((room * 3) / 4));
  return { allocations, connections: Math.max(1, room - handshakes - allocations), handshakes };
}
