import type { Libc } from '../libc/libc.js';
import { NETLINK_ROUTE } from '../netlink/netlink-socket.js';
import { watchNetlink } from '../netlink/netlink-watch.js';
import { RTNL_GROUPS } from './rtnetlink.js';

const { LINK, IPV4_ADDRESS, IPV4_ROUTE, IPV6_ADDRESS, IPV6_ROUTE } = RTNL_GROUPS;
const GROUPS = LINK | IPV4_ADDRESS | IPV4_ROUTE | IPV6_ADDRESS | IPV6_ROUTE;

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
