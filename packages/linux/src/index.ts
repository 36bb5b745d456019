/**
 * What Node has no API for: a few system calls, straight to libc, and what is made of them. Options and pins of sockets,
 * netlink, netlink, tables of nftables, TUN devices, capabilities, and the time since boot.
 *
 * Native code is loaded with the first call that needs it, never by an import. Every call that fails throws a
 * {@link SystemCallError}; where no call can be made, a {@link NativeCodeError}.
 *
 * ```ts
 * import { BatchedTun, linuxBoottime, PacketMemory, SystemCallError, TUN_BYTES, watchNetworkChanges } from '@wirepath/linux';
 *
 * const watch = watchNetworkChanges({
 *   onChange: () => console.log('links, addresses or routes changed'),
 *   onLost: (error) => console.log(error.message),
 * });
 * try {
 *   const device = BatchedTun.open('tun7', new PacketMemory(TUN_BYTES));
 *   device.start({
 *     packet: (offset, sizeBytes) => console.log(`${sizeBytes} bytes at ${offset}`),
 *     batchEnd: () => undefined,
 *     lost: (reason) => console.log(reason),
 *   });
 *   await device.close();
 * } catch (error) {
 *   if (!(error instanceof SystemCallError)) throw error;
 *   console.log(error.code, error.message); // EPERM cannot create the interface tun7: operation not permitted
 * }
 * watch[Symbol.dispose]();
 * console.log(linuxBoottime()?.read());
 * ```
 *
 * @packageDocumentation
 */
export { errnoName } from './libc/errno.js';
export type { Libc } from './libc/libc.js';
export { NativeCodeError } from './libc/native-code-error.js';
export { processFunctions, type CFunction, type CType } from './libc/process-functions.js';
export { SystemCallError } from './libc/system-call-error.js';
export type { ReadableWatch } from './loop/readable-watch.js';
export { watchReadable } from './loop/watch-readable.js';
export { PacketMemory } from './memory/packet-memory.js';
export type { WasmMemory } from './memory/wasm.js';
export type { NetlinkFailure } from './netlink/answer.js';
export { attribute, AttributeMap, concat, decodeAttributes, type Attribute } from './netlink/attributes.js';
export { decodeMessages, encodeMessage, NLM_F, NLMSG, type NetlinkMessage } from './netlink/message.js';
export {
  isFailure,
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NetlinkError,
  NetlinkSocket,
  type NetlinkDump,
  type NetlinkOutcome,
  type NetlinkRequest,
  type NetlinkRequests,
} from './netlink/netlink-socket.js';
export { watchNetlink, type NetlinkWatchEvents } from './netlink/netlink-watch.js';
export {
  bitwise,
  compare,
  compareRange,
  counter,
  hostU32,
  interfaceNameBytes,
  loadConntrack,
  loadMeta,
  loadPayload,
  lookup,
  setConntrack,
  setMeta,
  verdict,
  type Expression,
  type Verdict,
} from './nftables/expressions.js';
export { Nftables, type ChainFound, type RuleFound, type TableFound } from './nftables/nftables.js';
export type { Chain, Hook, Interval, IntervalSet, Rule, Table } from './nftables/table.js';
export { watchTable, type TableChange, type TableEvents } from './nftables/watch-table.js';
export { watchNetworkChanges, type NetworkChangeEvents } from './rtnetlink/network-changes.js';
export { interfaceIndex, RouteLookup } from './rtnetlink/route-lookup.js';
export {
  addressLinkOf,
  decodeAddress,
  listAddresses,
  putAddress,
  removeAddress,
  type LinkAddress,
} from './rtnetlink/addresses.js';
export { decodeLink, getLink, linkIndexOf, setLink, type Link, type LinkChange } from './rtnetlink/links.js';
export {
  addRoute,
  decodeRoute,
  findRoute,
  listRoutes,
  removeRoute,
  type LinkRoute,
  type Route,
  type RouteQuestion,
} from './rtnetlink/routes.js';
export { MAIN_TABLE, RTM, RTNL_GROUPS, type IpFamily, type IpPrefix } from './rtnetlink/rtnetlink.js';
export {
  addRule,
  decodeRule,
  listRules,
  removeRule,
  removeRuleAt,
  ruleKey,
  type RoutingRule,
} from './rtnetlink/rules.js';
export { capabilityNames, threadRights, type CapabilitySet, type ThreadRights } from './rights/capabilities.js';
export { dropRights, type DroppedRights } from './rights/drop-rights.js';
export { pinToInterface, type PinningSystem } from './sockets/pin-to-interface.js';
export { socketDescriptor } from './sockets/socket-descriptor.js';
export { bindToInterface, forceBufferSizes, letRoutersFragment, markSocket } from './sockets/socket-options.js';
export { openStreamSocket, type StreamSocketOptions } from './sockets/stream-socket.js';
export { openUdpBeside, type BoundUdpSocket, type UdpBesideOptions } from './sockets/udp-beside.js';
export { limitUnsent } from './sockets/unsent.js';
export { linuxBoottime, type Boottime } from './time/boottime.js';
export type { DatagramOffloads, DatagramReceiver, DatagramSocket } from './udp/datagram-socket.js';
export { DGRAM_SOCKET_BYTES, DgramSocket, type DgramLike } from './udp/dgram-socket.js';
export { UDP_BATCHES_BYTES } from './udp/message-vectors.js';
export { socketAddress, type SocketAddress } from './udp/socket-address.js';
export { UdpBatches } from './udp/udp-batches.js';
export { UDP_OFFLOADS, type UdpOffload } from './udp/udp-shared.js';
export {
  BatchedTun,
  TUN_BYTES,
  TUN_FILE,
  TUN_OFFLOADS,
  type BatchedTunEvents,
  type TunOffload,
} from './tun/batched-tun.js';
