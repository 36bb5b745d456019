import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  decodeRule,
  findRoute,
  getLink,
  listAddresses,
  listRoutes,
  listRules,
  NETLINK_ROUTE,
  NetlinkError,
  NetlinkSocket,
  RTNL_GROUPS,
  watchNetlink,
  type IpFamily,
  type IpPrefix,
  type Link,
  type NetlinkMessage,
  type NetlinkRequests,
  type NetlinkWatchEvents,
  type Route,
  type RoutingRule,
} from '@wirepath/linux';
import { deniedCapability } from '@wirepath/core/plugin';
import { refusedCall } from './refused-call.js';

const GROUPS = Object.values(RTNL_GROUPS).reduce((all, group) => all | group, 0);
/** A dump that something changed under is made again; a network that never rests is read as it is. */
const DUMP_ATTEMPTS = 5;

/** How the kernel is asked and heard; tests hand in one of theirs. */
export interface Netlink extends NetlinkRequests, Disposable {
  watch(events: NetlinkWatchEvents): Disposable;
}

/** @throws CodedError PERMISSION_DENIED, NETWORK_CONFIG where there is no netlink. */
export function systemNetlink(): Netlink {
  try {
    const socket = NetlinkSocket.open(NETLINK_ROUTE);
    return {
      exchange: (requests) => socket.exchange(requests),
      dump: (request) => socket.dump(request),
      get: (request) => socket.get(request),
      get portId() {
        return socket.portId;
      },
      watch: (events) => watchNetlink({ protocol: NETLINK_ROUTE, groups: GROUPS }, events),
      [Symbol.dispose]: () => socket[Symbol.dispose](),
    };
  } catch (error) {
    throw refusedCall(error, 'netlink', (code) => ({
      ...deniedCapability('CAP_NET_ADMIN', code),
      advice:
        'Addresses and routes are set by netlink, which this sandbox forbids: allow it (systemd: `RestrictAddressFamilies=` with AF_NETLINK; containers: another seccomp profile or runtime), or set `tun: false`.',
    }));
  }
}

/** What the kernel has, read by netlink. Each throws SystemCallError or NetlinkError where it does not say. */
export class KernelState {
  readonly #netlink: NetlinkRequests;

  constructor(netlink: NetlinkRequests) {
    this.#netlink = netlink;
  }

  /** @param which its index, or its name. */
  link(which: number | string): Link | undefined {
    const message = this.#netlink.get(getLink(which));
    return message && decodeLink(message.payload);
  }

  addresses(link: number): IpPrefix[] {
    return this.#list(listAddresses(link), decodeAddress).filter(({ index }) => index === link);
  }

  /** Those of one table, of one interface where it is named. */
  routes(family: IpFamily, filter: { readonly table: number; readonly link?: number }): Route[] {
    const matches = (route: Route) =>
      route.family === family &&
      route.table === filter.table &&
      (filter.link === undefined || route.link === filter.link);
    return this.#list(listRoutes(family, filter), decodeRoute).filter(matches);
  }

  rules(family: IpFamily): RoutingRule[] {
    return this.#list(listRules(family), decodeRule).filter((rule) => rule.family === family);
  }

  /** The interface that has a route to exactly this network, where packets to it would take it. */
  holderOf({ bytes, prefix }: IpPrefix): string | undefined {
    try {
      const message = this.#netlink.get(findRoute(bytes));
      const route = message && decodeRoute(message.payload);
      return route?.link === undefined || route.destination.prefix !== prefix ? undefined : this.link(route.link)?.name;
    } catch {
      // It is for a sentence only.
      return undefined;
    }
  }

  #list<Value>(
    request: { type: number; payload: Uint8Array },
    decode: (payload: Uint8Array) => Value | undefined,
  ): Value[] {
    let messages: readonly NetlinkMessage[] = [];
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      try {
        const dump = this.#netlink.dump(request);
        messages = dump.messages;
        if (!dump.interrupted) break;
      } catch (error) {
        // A table that nobody has put a route into is none, and so is all of IPv6 where the kernel has none.
        if (error instanceof NetlinkError && NOTHING_THERE.has(error.failure.code)) return [];
        throw error;
      }
    }
    return messages.flatMap(({ payload }) => decode(payload) ?? []);
  }
}

const NOTHING_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ENODEV', 'EAFNOSUPPORT', 'EOPNOTSUPP']);
