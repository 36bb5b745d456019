/**
 * WireGuard as a wirepath transport: the embedded engine (userspace, TypeScript), or an existing device over UAPI.
 *
 * ```yaml
 * plugins:
 *   - ["@wirepath/transport-wg", { mode: embedded, listenPort: 51820 }]
 * ```
 *
 * In a program of your own, without a device and without any right:
 *
 * ```ts
 * import { EmbeddedTransport } from '@wirepath/transport-wg';
 *
 * const transport = new EmbeddedTransport({ logger, clock, guard, random, identity, node }, { tun: false });
 * await transport.listen({ signal });
 * transport.addPeer({ publicKey, allowedIps: ['10.77.0.2/32'], endpoint });
 * await transport.start({ signal });
 * transport.packets?.onPacket((packet) => console.log('from a peer', packet));
 * transport.packets?.send(ipPacket);
 * ```
 *
 * @packageDocumentation
 */
export { default } from './plugin.js';
export type { EmbeddedTransportNeeds, EmbeddedTransportOptions } from './embedded/embedded-options.js';
export { EmbeddedTransport } from './embedded/embedded-transport.js';
export type { OpenUdpSocket, UdpSocket } from './sockets/udp-socket.js';
export type { WireGuardOptions } from './options.js';
