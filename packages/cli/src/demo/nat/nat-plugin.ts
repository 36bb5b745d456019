import { definePlugin, transportAddress, type PluginDefinition } from '@wirepath/core/plugin';
import type { NatBox } from './nat-box.js';

/**
 * Puts a node behind a simulated NAT: WireGuard on the sockets of the machine inside, and that machine's own address as
 * the only host candidate, which nobody outside can reach. All else in the node is as it always is.
 */
export function natPlugin(name: string, box: NatBox): PluginDefinition {
  return definePlugin({
    name,
    apiVersion: 1,
    needs: ['logger', 'clock', 'guard', 'random', 'identity', 'node'],
    provides: ['transport', 'candidateSource'],
    async create(needs) {
      const { EmbeddedTransport } = await import('@wirepath/transport-wg');
      return {
        transport: new EmbeddedTransport(needs, { tun: false, openSocket: box.openSocket }),
        candidateSource: {
          async *gather({ listenPort }) {
            if (listenPort !== undefined) yield { type: 'host', address: transportAddress(box.insideIp, listenPort) };
          },
        },
      };
    },
  });
}
