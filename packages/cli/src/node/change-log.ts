import type { Node } from '@wirepath/core';
import type { Logger } from '@wirepath/core/plugin';

/** What the log of connections needs of a node. */
export type ObservedNode = Pick<Node, 'peerStatus' | 'onChange'>;

/** Logs how each peer is connected, as it changes, with the address that its datagrams go to. */
export function logConnectionChanges(node: ObservedNode, logger: Logger): Disposable {
  const connections = new Map<string, string>();
  /** Peers that have changed in this turn. There may be thousands of others, which are not looked at. */
  const changed = new Set<string>();
  let looking: NodeJS.Immediate | undefined;
  const look = (): void => {
    looking = undefined;
    for (const publicKey of changed) {
      const peer = node.peerStatus(publicKey);
      const previous = connections.get(publicKey) ?? null;
      if (peer === undefined) connections.delete(publicKey);
      if (peer === undefined || previous === peer.connection) continue;
      const { name, connection, endpoint, reason } = peer;
      connections.set(publicKey, connection);
      const to = endpoint === null ? '' : ` (${endpoint})`;
      const why = connection === 'unreachable' && reason !== null ? `: ${reason}` : '';
      logger.info(`peer ${name} is ${connection}${to}${why}`, { peer: name, connection, previous, endpoint });
    }
    changed.clear();
  };
  const subscription = node.onChange((publicKey) => {
    if (publicKey === undefined) return;
    changed.add(publicKey);
    looking ??= setImmediate(look);
  });
  return {
    [Symbol.dispose]: () => {
      clearImmediate(looking);
      subscription[Symbol.dispose]();
    },
  };
}
