/** linux/rtnetlink.h: types of messages. */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
} as const;

/** Bits for `watchNetlink`: the groups that tell of changes (RTNLGRP_* minus one). */
export const RTNL_GROUPS = {
  LINK: 1 << 0,
  IPV4_ADDRESS: 1 << 4,
  IPV4_ROUTE: 1 << 6,
  IPV4_RULE: 1 << 7,
  IPV6_ADDRESS: 1 << 8,
  IPV6_ROUTE: 1 << 10,
  IPV6_INTERFACE: 1 << 11,
  IPV6_RULE: 1 << 18,
} as const;

export const MAIN_TABLE = 254;

export type IpFamily = 4 | 6;

/** A network, or an address where the length is all of it. */
export interface IpPrefix {
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

const AF_INET = 2;
const AF_INET6 = 10;

export function addressFamily(family: IpFamily): number {
  return family === 4 ? AF_INET : AF_INET6;
}

export function familyOf(bytes: Uint8Array): IpFamily {
  return bytes.length === 4 ? 4 : 6;
}

/** @returns undefined for what is neither IPv4 nor IPv6. */
export function ipFamily(code: number | undefined): IpFamily | undefined {
  if (code === AF_INET) return 4;
  return code === AF_INET6 ? 6 : undefined;
}

/** All zeros: what a prefix of length 0 stands for, which netlink does not spell out. */
export function unspecified(family: IpFamily): Uint8Array {
  return new Uint8Array(family === 4 ? 4 : 16);
}
