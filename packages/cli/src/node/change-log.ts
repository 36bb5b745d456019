import type { Node } from '@wirepath/core';
import type { Logger } from '@wirepath/core/plugin';

/** What the log of connections needs of a node. */
export type ObservedNode = Pick<Node, 'status' | 'onChange'>;

/** Logs how each peer is connected, as it changes, with the address that its datagrams go to. */
export function logConnectionChanges(node: ObservedNode, logger: Logger): Disposable {
  const connections = new Map<string, string>();
  let looking: NodeJS.Immediate | undefined;
  const look = (): void => {
    looking = undefined;
    const { peers } = node.status();
    for (const { name, publicKey, connection, endpoint, reason } of peers) {
      const previous = connections.get(publicKey) ?? null;
      if (previous === connection) continue;
      connections.set(publicKey, connection);
      const to = endpoint === null ? '' : ` (${endpoint})`;
      const why = connection === 'unreachable' && reason !== null ? `: ${reason}` : '';
      logger.info(`peer ${name} is ${connection}${to}${why}`, { peer: name, connection, previous, endpoint });
    }
    const living = new Set(peers.map(({ publicKey }) => publicKey));
    for (const publicKey of connections.keys()) if (!living.has(publicKey)) connections.delete(publicKey);
  };
  // One look at the status for all that changed in one turn: there may be thousands of peers.
  const subscription = node.onChange(() => (looking ??= setImmediate(look)));
  return {
    [Symbol.dispose]: () => {
      clearImmediate(looking);
      subscription[Symbol.dispose]();
    },
  };
}
