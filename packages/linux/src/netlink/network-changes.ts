import type { Libc } from '../libc/libc.js';
import { NETLINK_ROUTE } from './netlink-socket.js';
import { watchNetlink } from './netlink-watch.js';

// linux/rtnetlink.h
const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV4_ROUTE = 0x40;
const RTMGRP_IPV6_IFADDR = 0x100;
const RTMGRP_IPV6_ROUTE = 0x400;
const GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;

export interface NetworkChangeEvents {
  /** The kernel reports a change of links, addresses or routes: look at them. */
  onChange(): void;
  /** The socket failed, as when messages came faster than they were read (ENOBUFS); it is closed. */
  onLost(error: Error): void;
}

/**
 * Tells of every change of links, addresses and routes, on Linux, to any user, until disposed of. The messages themselves do
 * not matter here: who is told looks at the whole state.
 * @param libc what tests replace.
 * @throws SystemCallError where the system refuses such a socket. @throws NativeCodeError
 */
export function watchNetworkChanges(events: NetworkChangeEvents, libc?: Libc): Disposable {
  return watchNetlink(
    { protocol: NETLINK_ROUTE, groups: GROUPS },
    { onMessages: () => events.onChange(), onLost: (error) => events.onLost(error) },
    libc,
  );
}
