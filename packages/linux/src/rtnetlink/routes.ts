import { attribute, AttributeMap, concat } from '../netlink/attributes.js';
import { LITTLE_ENDIAN, NLM_F, viewOf } from '../netlink/message.js';
import type { NetlinkRequest } from '../netlink/netlink-socket.js';
import { addressFamily, familyOf, ipFamily, RTM, unspecified, type IpFamily, type IpPrefix } from './rtnetlink.js';

/** struct rtmsg: u8 family, destination length, source length, tos, table, protocol, scope, type; u32 flags. */
const HEADER_BYTES = 12;
const RT_TABLE_COMPAT = 252;
const RTPROT_BOOT = 3;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTM_F_FIB_MATCH = 0x2000;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_TABLE = 15;
const RTA_MARK = 16;

/** A route without a gateway: to a link. */
export interface LinkRoute {
  readonly destination: IpPrefix;
  /** Index of the link. */
  readonly link: number;
  readonly table: number;
}

/** What is read of any route. */
export interface Route {
  readonly family: IpFamily;
  readonly destination: IpPrefix;
  /** undefined where there is none (unreachable), or several. */
  readonly link: number | undefined;
  readonly table: number;
  /** RTN_UNICAST and the like. */
  readonly isUnicast: boolean;
}

export interface RouteQuestion {
  /** 4 or 16 bytes, network byte order. */
  readonly source: Uint8Array;
  /** Of the same length. */
  readonly destination: Uint8Array;
  /** SO_MARK of the socket. */
  readonly mark: number;
}

/** Fails with EEXIST where a route to the same destination is in the same table. */
export function addRoute(route: LinkRoute): NetlinkRequest {
  const payload = payloadOf(route, RTPROT_BOOT, RT_SCOPE_LINK, RTN_UNICAST);
  return { type: RTM.NEWROUTE, flags: NLM_F.CREATE | NLM_F.EXCL, payload };
}

export function removeRoute(route: LinkRoute): NetlinkRequest {
  return { type: RTM.DELROUTE, payload: payloadOf(route, 0, RT_SCOPE_NOWHERE, 0) };
}

/** Those of one family that match; an older kernel lists all. */
export function listRoutes(
  family: IpFamily,
  { table, link }: { readonly table: number; readonly link?: number },
): { type: number; payload: Uint8Array } {
  const filter = [attribute.u32(RTA_TABLE, table), ...(link === undefined ? [] : [attribute.u32(RTA_OIF, link)])];
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = addressFamily(family);
  return { type: RTM.GETROUTE, payload: concat([header, ...filter]) };
}

/** The route in the tables that a packet to this address takes now. */
export function findRoute(address: Uint8Array): { type: number; payload: Uint8Array } {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = addressFamily(familyOf(address));
  header[1] = address.length * 8;
  viewOf(header).setUint32(8, RTM_F_FIB_MATCH, LITTLE_ENDIAN);
  return { type: RTM.GETROUTE, payload: concat([header, attribute.bytes(RTA_DST, address)]) };
}

/** As {@link findRoute}, for a datagram from this source. */
export function findWay({ source, destination, mark }: RouteQuestion): { type: number; payload: Uint8Array } {
  const header = new Uint8Array(HEADER_BYTES);
  header.set([addressFamily(familyOf(destination)), destination.length * 8, source.length * 8]);
  const attributes = [
    attribute.bytes(RTA_DST, destination),
    attribute.bytes(RTA_SRC, source),
    ...(mark === 0 ? [] : [attribute.u32(RTA_MARK, mark)]),
  ];
  return { type: RTM.GETROUTE, payload: concat([header, ...attributes]) };
}

/** Index of the link that an answer to {@link findWay} names. @param payload of RTM_NEWROUTE. */
export function wayOut(payload: Uint8Array): number | undefined {
  return new AttributeMap(payload.subarray(HEADER_BYTES)).u32(RTA_OIF);
}

/** @param payload of RTM_NEWROUTE or RTM_DELROUTE. */
export function decodeRoute(payload: Uint8Array): Route | undefined {
  const family = ipFamily(payload[0]);
  if (payload.length < HEADER_BYTES || family === undefined) return undefined;
  const attributes = new AttributeMap(payload.subarray(HEADER_BYTES));
  return {
    family,
    destination: { bytes: attributes.bytes(RTA_DST) ?? unspecified(family), prefix: payload[1] ?? 0 },
    link: attributes.u32(RTA_OIF),
    table: attributes.u32(RTA_TABLE) ?? payload[4] ?? 0,
    isUnicast: payload[7] === RTN_UNICAST,
  };
}

function payloadOf({ destination, link, table }: LinkRoute, protocol: number, scope: number, type: number): Uint8Array {
  const { bytes, prefix } = destination;
  const header = new Uint8Array(HEADER_BYTES);
  header.set([
    addressFamily(familyOf(bytes)),
    prefix,
    0,
    0,
    table < 256 ? table : RT_TABLE_COMPAT,
    protocol,
    scope,
    type,
  ]);
  return concat([
    header,
    ...(prefix === 0 ? [] : [attribute.bytes(RTA_DST, bytes)]),
    attribute.u32(RTA_OIF, link),
    attribute.u32(RTA_TABLE, table),
  ]);
}
