import { libc } from '../libc/libc.js';
import { NETLINK_ROUTE, NetlinkError, NetlinkSocket, type NetlinkRequests } from '../netlink/netlink-socket.js';
import { findWay, wayOut, type RouteQuestion } from './routes.js';

/** Undefined where there is no such interface. @throws NativeCodeError */
export function interfaceIndex(name: string): number | undefined {
  const index = libc().if_nametoindex(name);
  return index === 0 ? undefined : index;
}

/** Asks the kernel which way a datagram would go, as `ip route get` does: about 20 microseconds. Linux only. */
export class RouteLookup implements Disposable {
  readonly #socket: NetlinkRequests & Partial<Disposable>;

  /**
   * @param socket what tests replace.
   * @throws SystemCallError where the system refuses a netlink socket. @throws NativeCodeError
   */
  constructor(socket: NetlinkRequests & Partial<Disposable> = NetlinkSocket.open(NETLINK_ROUTE)) {
    this.#socket = socket;
  }

  /** The index of the interface that it leaves by; undefined where there is no route. @throws SystemCallError */
  interfaceTo(question: RouteQuestion): number | undefined {
    try {
      const route = this.#socket.get(findWay(question));
      return route && wayOut(route.payload);
    } catch (error) {
      // ENETUNREACH, EHOSTUNREACH, EINVAL where the source is no address of ours (any more).
      if (error instanceof NetlinkError) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]?.();
  }
}
