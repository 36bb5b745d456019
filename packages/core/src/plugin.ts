/**
 * The one entry that plugins import.
 *
 * ```ts
 * import { definePlugin, transportAddress } from '@wirepath/core/plugin';
 *
 * export default definePlugin({
 *   name: 'source-static',
 *   apiVersion: 1,
 *   options: (z) => z.strictObject({ ip: z.string(), port: z.number() }),
 *   needs: [],
 *   provides: ['candidateSource'],
 *   create: (_needs, { ip, port }) => ({
 *     candidateSource: {
 *       async *gather() {
 *         yield { type: 'host', address: transportAddress(ip, port) };
 *       },
 *     },
 *   }),
 * });
 * ```
 *
 * @packageDocumentation
 */
export {
  formatAddress,
  isChannelData,
  isStunMessage,
  parseTransportAddress,
  sameAddress,
  transportAddress,
  tryTransportAddress,
  type TransportAddress,
} from '@wirepath/stun-codec';
export { scopeOf, type AddressScope } from './addresses/address-scope.js';
export { embeddedIpv4 } from './addresses/embedded-ipv4.js';
export * from './contracts/candidate.js';
export * from './contracts/candidate-source.js';
export * from './contracts/clock.js';
export * from './contracts/datagrams.js';
export * from './contracts/egress.js';
export * from './contracts/guard.js';
export * from './contracts/identity.js';
export * from './contracts/logger.js';
export * from './contracts/nat-behavior.js';
export * from './contracts/packet-port.js';
export * from './contracts/path.js';
export * from './contracts/peer-discovery.js';
export * from './contracts/plugin.js';
export * from './contracts/relay.js';
export * from './contracts/service.js';
export * from './contracts/signaling.js';
export * from './contracts/transport.js';
export { trustedOwners, type Distrust, type TrustedOwners } from './config/file-trust.js';
export { CodedError, type ErrorCode } from './errors/coded-error.js';
export { EdgeGuard, type GuardOptions } from './guard/edge-guard.js';
export { Listeners } from './guard/listeners.js';
export { isSmallOrder } from './identity/small-order.js';
export { FairShares } from './limits/fair-shares.js';
export { KeyedShares, type Share } from './limits/keyed-shares.js';
export { sourceGroup, type SourceGroup } from './limits/source-group.js';
export { sourceLevels } from './limits/source-levels.js';
export { SourceShares } from './limits/source-shares.js';
export { deniedCapability, deniedPath, deniedPort, isDenied, type Capability, type Denial } from './rights/denial.js';
export { distrustOfPath } from './rights/path-trust.js';
export { stackOf } from './errors/stack-of.js';
export { escapeUnprintable, printable } from './text/printable.js';
export { sleep } from './time/sleep.js';
export { resolveServer, type NameService, type ResolveServerOptions } from './resolving/resolve-server.js';
