import { attribute, AttributeMap, concat } from '../netlink/attributes.js';
import { LITTLE_ENDIAN, NLM_F, viewOf } from '../netlink/message.js';
import type { NetlinkRequest } from '../netlink/netlink-socket.js';
import { addressFamily, familyOf, RTM, type IpPrefix } from './rtnetlink.js';

/** struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index of the link. */
const HEADER_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

export interface LinkAddress extends IpPrefix {
  readonly index: number;
}

/** Adds it, or renews it where it is. */
export function putAddress(address: LinkAddress): NetlinkRequest {
  return { type: RTM.NEWADDR, flags: NLM_F.CREATE | NLM_F.REPLACE, payload: payloadOf(address) };
}

export function removeAddress(address: LinkAddress): NetlinkRequest {
  return { type: RTM.DELADDR, payload: payloadOf(address) };
}

/** Those of one link; an older kernel lists those of all. */
export function listAddresses(index: number): { type: number; payload: Uint8Array } {
  const header = new Uint8Array(HEADER_BYTES);
  viewOf(header).setUint32(4, index, LITTLE_ENDIAN);
  return { type: RTM.GETADDR, payload: header };
}

/** @param payload of RTM_NEWADDR or RTM_DELADDR. */
export function decodeAddress(payload: Uint8Array): LinkAddress | undefined {
  if (payload.length < HEADER_BYTES) return undefined;
  const attributes = new AttributeMap(payload.subarray(HEADER_BYTES));
  // On a point-to-point link ADDRESS is the other end's.
  const bytes = attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS);
  if (bytes === undefined || (bytes.length !== 4 && bytes.length !== 16)) return undefined;
  return { index: addressLinkOf(payload), bytes, prefix: payload[1] ?? 0 };
}

/** The index of the link that a message of RTM_NEWADDR or RTM_DELADDR is about. */
export function addressLinkOf(payload: Uint8Array): number {
  return payload.length < HEADER_BYTES ? 0 : viewOf(payload).getUint32(4, LITTLE_ENDIAN);
}

function payloadOf({ index, bytes, prefix }: LinkAddress): Uint8Array {
  const header = Uint8Array.of(addressFamily(familyOf(bytes)), prefix, 0, 0, 0, 0, 0, 0);
  viewOf(header).setUint32(4, index, LITTLE_ENDIAN);
  return concat([header, attribute.bytes(IFA_LOCAL, bytes), attribute.bytes(IFA_ADDRESS, bytes)]);
}
