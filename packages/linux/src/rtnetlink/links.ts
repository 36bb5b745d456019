import { attribute, AttributeMap, concat } from '../netlink/attributes.js';
import { LITTLE_ENDIAN, viewOf } from '../netlink/message.js';
import type { NetlinkRequest } from '../netlink/netlink-socket.js';
import { addressFamily, RTM } from './rtnetlink.js';

/** struct ifinfomsg: u8 family, u8, u16 type, i32 index, u32 flags, u32 which flags to change. */
const HEADER_BYTES = 16;
const IFF_UP = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_AF_SPEC = 26;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_SKIP_STATS = 8;
/** Within IFLA_AF_SPEC, under AF_INET6 (linux/if_link.h, linux/ipv6.h). */
const IFLA_INET6_CONF = 2;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const DEVCONF_DISABLE_IPV6 = 26;
const ADDR_GEN_MODE_NONE = 1;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  readonly up: boolean;
  /** `off`: by sysctl (disable_ipv6). `absent`: the kernel has none, or none here, for the MTU is below 1280. */
  readonly ipv6: 'on' | 'off' | 'absent';
  /** Whether the kernel gives it no link-local address by itself. */
  readonly quiet: boolean;
}

export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly name?: string;
  /** No link-local address of the kernel's own making, so no router solicitations either (addrgenmode none). */
  readonly quiet?: true;
}

/** @param which its index, or its name. */
export function getLink(which: number | string): { type: number; payload: Uint8Array } {
  const header = headerOf(typeof which === 'number' ? which : 0);
  const name = typeof which === 'string' ? [attribute.string(IFLA_IFNAME, which)] : [];
  const mask = attribute.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return { type: RTM.GETLINK, payload: concat([header, ...name, mask]) };
}

export function setLink(index: number, { up, mtu, name, quiet }: LinkChange): NetlinkRequest {
  const header = headerOf(index);
  if (up !== undefined) {
    viewOf(header).setUint32(8, up ? IFF_UP : 0, LITTLE_ENDIAN);
    viewOf(header).setUint32(12, IFF_UP, LITTLE_ENDIAN);
  }
  const mode = attribute.u8(IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE);
  const attributes = [
    ...(mtu === undefined ? [] : [attribute.u32(IFLA_MTU, mtu)]),
    ...(name === undefined ? [] : [attribute.string(IFLA_IFNAME, name)]),
    ...(quiet ? [attribute.nested(IFLA_AF_SPEC, [attribute.nested(addressFamily(6), [mode])])] : []),
  ];
  return { type: RTM.SETLINK, payload: concat([header, ...attributes]) };
}

/** @param payload of RTM_NEWLINK or RTM_DELLINK. */
export function decodeLink(payload: Uint8Array): Link | undefined {
  if (payload.length < HEADER_BYTES) return undefined;
  const view = viewOf(payload);
  const attributes = new AttributeMap(payload.subarray(HEADER_BYTES));
  const name = attributes.string(IFLA_IFNAME);
  if (name === undefined) return undefined;
  const ipv6 = attributes.nested(IFLA_AF_SPEC)?.nested(addressFamily(6));
  const settings = ipv6?.bytes(IFLA_INET6_CONF);
  const at = DEVCONF_DISABLE_IPV6 * 4;
  const isOff = settings && settings.length >= at + 4 && viewOf(settings).getInt32(at, LITTLE_ENDIAN) !== 0;
  return {
    index: view.getInt32(4, LITTLE_ENDIAN),
    name,
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    up: (view.getUint32(8, LITTLE_ENDIAN) & IFF_UP) !== 0,
    ipv6: settings === undefined ? 'absent' : isOff ? 'off' : 'on',
    quiet: ipv6?.u8(IFLA_INET6_ADDR_GEN_MODE) === ADDR_GEN_MODE_NONE,
  };
}

/** The index of the link that a message of RTM_NEWLINK or RTM_DELLINK is about. */
export function linkIndexOf(payload: Uint8Array): number {
  return payload.length < HEADER_BYTES ? 0 : viewOf(payload).getInt32(4, LITTLE_ENDIAN);
}

function headerOf(index: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  viewOf(header).setInt32(4, index, LITTLE_ENDIAN);
  return header;
}
