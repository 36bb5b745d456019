import { libc } from '../libc/libc.js';
import { attribute, AttributeMap, concat } from './attributes.js';
import { NETLINK_ROUTE, NetlinkError, NetlinkSocket, type NetlinkRequests } from './netlink-socket.js';

// linux/rtnetlink.h
const RTM_GETROUTE = 26;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_MARK = 16;
/** struct rtmsg: u8 family, destination's and source's prefix length, tos, table, protocol, scope, type; u32 flags. */
const RTMSG_BYTES = 12;
const AF_INET = 2;
const AF_INET6 = 10;

export interface RouteQuestion {
  /** 4 or 16 bytes, network byte order. */
  readonly source: Uint8Array;
  /** Of the same length. */
  readonly destination: Uint8Array;
  /** SO_MARK of the socket. */
  readonly mark: number;
}

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
  interfaceTo({ source, destination, mark }: RouteQuestion): number | undefined {
    const header = new Uint8Array(RTMSG_BYTES);
    const bits = destination.length * 8;
    header.set([destination.length === 4 ? AF_INET : AF_INET6, bits, bits]);
    const attributes = [
      attribute.bytes(RTA_DST, destination),
      attribute.bytes(RTA_SRC, source),
      ...(mark === 0 ? [] : [attribute.u32(RTA_MARK, mark)]),
    ];
    try {
      const route = this.#socket.get({ type: RTM_GETROUTE, payload: concat([header, ...attributes]) });
      return route && new AttributeMap(route.payload.subarray(RTMSG_BYTES)).u32(RTA_OIF);
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
