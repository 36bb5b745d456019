import { Socket } from 'node:net';
import { endianness } from 'node:os';
import { libc as systemLibc, type Libc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';

// linux/netlink.h, linux/rtnetlink.h, asm-generic
const AF_UNIX = 1;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_STREAM = 1;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** struct sockaddr_nl: u16 family, u16 padding, u32 port id (0: the kernel assigns one), u32 groups. */
const SOCKADDR_NL_BYTES = 12;
const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV4_ROUTE = 0x40;
const RTMGRP_IPV6_IFADDR = 0x100;
const RTMGRP_IPV6_ROUTE = 0x400;

export interface NetworkChangeEvents {
  /** The kernel reports a change of links, addresses or routes: look at them. */
  onChange(): void;
  /** The socket failed, as when messages came faster than they were read (ENOBUFS); it is closed. */
  onLost(error: Error): void;
}

/**
 * Tells of every change of links, addresses and routes, on Linux, to any user, until disposed of.
 *
 * Node reads no netlink sockets, but its event loop reads any stream: a Unix stream socket is wrapped, and before it is
 * first polled the netlink socket takes its descriptor's place. So no thread waits, nothing polls, and closing the
 * stream closes the netlink socket. The messages themselves do not matter: who is told looks at the whole state.
 * @param libc what tests replace.
 * @throws SystemCallError where the system refuses such a socket. @throws NativeCodeError
 */
export function watchNetworkChanges(events: NetworkChangeEvents, libc: Libc = systemLibc()): Disposable {
  const descriptor = openRouteSocket(libc);
  const carrier = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (carrier < 0) {
    const error = refused(libc, 'socket');
    libc.close(descriptor);
    throw error;
  }
  // manualStart: it must not be registered with the event loop before it is what it will be.
  const stream = new Socket({ fd: carrier, readable: true, writable: false, manualStart: true } as { fd: number });
  const failure = libc.dup2(descriptor, carrier) < 0 ? refused(libc, 'dup2') : undefined;
  libc.close(descriptor);
  if (failure !== undefined) {
    stream.destroy();
    throw failure;
  }
  const onChange = () => events.onChange();
  const onLost = (error: Error) => events.onLost(error);
  stream.on('data', onChange);
  stream.once('error', onLost);
  stream.unref();
  return {
    [Symbol.dispose]() {
      stream.off('data', onChange);
      stream.off('error', onLost);
      // A read that failed in the same moment is nobody's concern any more.
      stream.on('error', () => undefined);
      stream.destroy();
    },
  };
}

function openRouteSocket(libc: Libc): number {
  const descriptor = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (descriptor < 0) throw refused(libc, 'socket');
  if (libc.bind(descriptor, routeGroups(), SOCKADDR_NL_BYTES) === 0) return descriptor;
  const error = refused(libc, 'bind');
  libc.close(descriptor);
  throw error;
}

function routeGroups(): Uint8Array {
  const address = new DataView(new ArrayBuffer(SOCKADDR_NL_BYTES));
  const littleEndian = endianness() === 'LE';
  address.setUint16(0, AF_NETLINK, littleEndian);
  const groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;
  address.setUint32(8, groups, littleEndian);
  return new Uint8Array(address.buffer);
}

function refused(libc: Libc, call: string): SystemCallError {
  return new SystemCallError(`no netlink socket: ${call} failed`, call, libc.errno());
}
