import { CommandError } from '../wording/command-error.js';
import { livingSockets } from './living-sockets.js';

/**
 * Two nodes with one key take each other's signalling and handshakes away, and neither says why.
 * On one machine the control sockets tell: each names its node's public key.
 * @throws CommandError ALREADY_RUNNING with the other's pid.
 */
export async function refuseSameKey(folder: string, ownSocketPath: string, publicKey: string): Promise<void> {
  for (const { hello } of await livingSockets(folder, ownSocketPath)) {
    if (hello?.publicKey === publicKey) {
      throw new CommandError('ALREADY_RUNNING', `a node with this key already runs (pid ${String(hello.pid)})`, {
        advice: 'Give each node a key of its own (`genkey`), or stop the other one.',
      });
    }
  }
}
