import type { StatusDocument } from '@wirepath/core';

/** How a node is connected to a peer, in the words of `status`. */
export type Connection = StatusDocument['peers'][number]['connection'];

/** One line of a daemon's log about the path to a peer. */
export interface ConnectionChange {
  /** Unix ms. */
  readonly atMs: number;
  readonly peer: string;
  readonly connection: Connection;
  /** Where datagrams go from then on. */
  readonly endpoint: string | null;
}

/** Every change of connection that a daemon has logged, in order; a question to its control socket would cost a process each. */
export function connectionChanges(log: string): ConnectionChange[] {
  const changes: ConnectionChange[] = [];
  // The last line may not be whole yet.
  for (const line of log.slice(0, log.lastIndexOf('\n') + 1).split('\n')) {
    if (!line.includes('"connection":') || !line.includes('"previous":')) continue;
    const entry = JSON.parse(line) as Omit<ConnectionChange, 'atMs'> & { time: string };
    const { peer, connection, endpoint } = entry;
    changes.push({ atMs: Date.parse(entry.time), peer, connection, endpoint });
  }
  return changes;
}
