/**
 * The one entry that plugins import.
 *
 * ```ts
 * import { definePlugin, transportAddress } from '@wirepath/core/plugin';
 *
 * export default definePlugin({
 *   name: 'source-static',
 *   apiVersion: 2,
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
export { isLoopback, scopeOf, type AddressScope } from './base/addresses/address-scope.js';
export { cidrContains, ipText, parseCidr, type Cidr, type ParseCidrOptions } from './base/addresses/cidr.js';
export { isInterfaceName } from './base/addresses/interface-name.js';
export { embeddedIpv4 } from './base/addresses/embedded-ipv4.js';
export * from './contracts/candidate-base.js';
export * from './contracts/candidate.js';
export * from './contracts/candidate-source.js';
export * from './base/time/clock.js';
export * from './contracts/status/connection.js';
export * from './contracts/datagrams.js';
export * from './contracts/egress.js';
export * from './base/guard/guard.js';
export * from './base/identity/identity.js';
export * from './base/logging/logger.js';
export * from './contracts/nat-behavior.js';
export * from './contracts/plugin/node-view.js';
export * from './contracts/plugin/outside.js';
export * from './contracts/path.js';
export * from './contracts/peer-discovery.js';
export * from './contracts/plugin/needs.js';
export * from './contracts/plugin/plugin.js';
export * from './contracts/plugin/schema.js';
export * from './contracts/plugin/server-part.js';
export * from './contracts/plugin/tls-listeners.js';
export * from './contracts/relay.js';
export * from './contracts/service.js';
export * from './contracts/signaling.js';
export * from './contracts/status/status-document.js';
export * from './contracts/transport.js';
export { isHttpProxyUrl } from './shell/outside/http-proxy.js';
export { trustedOwners, type Distrust, type TrustedOwners } from './base/rights/file-trust.js';
export { CodedError, type ErrorCode } from './base/errors/coded-error.js';
export { Counters } from './base/counting/counters.js';
export { Sightings } from './base/counting/sightings.js';
export { EdgeGuard, type GuardOptions } from './base/guard/edge-guard.js';
export { Listeners } from './base/guard/listeners.js';
export { isSmallOrder } from './base/identity/small-order.js';
export { ConnectionGate, type GateLimits, type GateRefusal } from './base/limits/connection-gate.js';
export { FairShares } from './base/limits/fair-shares.js';
export { KeyedShares, type Share } from './base/limits/keyed-shares.js';
export { openFilesLimit, roomForConnections } from './base/limits/open-files.js';
export { OpeningConnections, type OpeningLimits } from './base/limits/opening-connections.js';
export { sourceGroup, type SourceGroup } from './base/limits/source-group.js';
export { sourceLevels } from './base/limits/source-levels.js';
export { SourceShares } from './base/limits/source-shares.js';
export { TokenBucket } from './base/limits/token-bucket.js';
export {
  deniedCapability,
  deniedPath,
  deniedPort,
  isDenied,
  type Capability,
  type Denial,
} from './base/rights/denial.js';
export { distrustOfPath } from './base/rights/path-trust.js';
export { AddressSockets, MAX_ADDRESS_SOCKETS, type AddressSocketsOptions } from './base/sockets/address-sockets.js';
export {
  pollingTrigger,
  systemTrigger,
  type ChangeTrigger,
  type TriggerSystem,
} from './base/sockets/change-trigger.js';
export { localAddresses, type LocalAddress } from './base/sockets/local-addresses.js';
export { openUdpSocket } from './base/sockets/open-udp-socket.js';
export { connectionFailure } from './base/errors/connection-failure.js';
export { tlsProblems } from './shell/listening/tls-files.js';
export { reasonOf } from './base/errors/reason-of.js';
export { stackOf } from './base/errors/stack-of.js';
export { escapeUnprintable, printable } from './base/text/printable.js';
export { sleep } from './base/time/sleep.js';
