/**
 * Relayed candidates (TURN client, RFC 8656) and the embedded STUN and TURN server.
 *
 * As a plugin, in the rc file:
 * `["@wirepath/source-relay", { servers: [{ url: "turn:203.0.113.10:3478", username: "lab", credential: "secret" }] }]`;
 * the server: `server: { stun: { listen: "203.0.113.10:3478" }, turn: { listen: "203.0.113.10:3478", users: { lab: "secret" } } }`.
 * In a program:
 *
 * ```ts
 * import { StunTurnServer, TurnRelay } from '@wirepath/source-relay';
 *
 * const { signal } = new AbortController();
 * const server = new StunTurnServer(serverNeeds, { turn: { listen: '127.0.0.1:3478', users: { lab: 'secret' } } });
 * await server.start({ signal });
 *
 * const relay = new TurnRelay(nodeNeeds, {
 *   servers: [{ url: 'turn:127.0.0.1:3478', username: 'lab', credential: 'secret' }],
 * });
 * const allocation = await relay.allocate(relay.servers[0], { datagrams: transport.datagrams, signal });
 * console.log(allocation.relayedAddress);
 * ```
 *
 * @packageDocumentation
 */
export type { TurnServerOptions } from './client/configured-servers.js';
export { TurnRelay, type TurnRelayNeeds, type TurnRelayOptions } from './client/turn-relay.js';
export { parseTurnUrl, type TurnUrl } from './client/turn-url.js';
export { NodeTurnServer } from './node-turn-server.js';
export { default } from './plugin.js';
export { StunTurnServer, type StunTurnServerEdges } from './server/stun-turn-server.js';
export type { StunTurnServerOptions, StunOptions, TurnOptions } from './server/server-options.js';
