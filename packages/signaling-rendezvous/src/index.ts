/**
 * Signalling through a small WebSocket server that carries sealed bytes between nodes, by WireGuard public key.
 *
 * As a plugin, in the rc file: `["@wirepath/signaling-rendezvous", { url: "ws://203.0.113.10:7000" }]`; the server:
 * `server: { rendezvous: { listen: "203.0.113.10:7000" } }`. In a program:
 *
 * ```ts
 * import { RendezvousClient, RendezvousServer } from '@wirepath/signaling-rendezvous';
 *
 * const { signal } = new AbortController();
 * const server = new RendezvousServer(serverNeeds, { listen: '127.0.0.1:7000' });
 * await server.start({ signal });
 *
 * const client = new RendezvousClient(nodeNeeds, { urls: ['ws://127.0.0.1:7000'] });
 * client.onMessage(({ from, sealed }) => console.log(from, sealed.length));
 * await client.start({ signal });
 * client.publish(peersPublicKey, sealedBytes);
 * ```
 *
 * The protocol is specified in docs/rendezvous-protocol.md.
 *
 * @packageDocumentation
 */
export {
  RendezvousClient,
  type RendezvousClientNeeds,
  type RendezvousClientOptions,
} from './client/rendezvous-client.js';
export { default } from './plugin.js';
export { SUBPROTOCOL } from './protocol/rendezvous-v1.js';
export { DEFAULT_SERVER_LIMITS, type ServerLimits } from './protocol/server-limits.js';
export { RendezvousServer } from './server/rendezvous-server.js';
export type { RendezvousServerOptions } from './server/rendezvous-server-options.js';
