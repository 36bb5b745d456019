import type { Libc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';
import { LITTLE_ENDIAN } from './message.js';

// linux/socket.h, asm-generic
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** struct sockaddr_nl: u16 family, u16 padding, u32 port id (0: the kernel assigns one), u32 groups. */
const SOCKADDR_NL_BYTES = 12;

/**
 * A netlink socket that never waits.
 * @param groups bit n - 1 for multicast group n; those from 33 on are not for this.
 * @returns its descriptor. @throws SystemCallError where the system refuses one.
 */
export function bindNetlink(libc: Libc, protocol: number, groups: number): number {
  const descriptor = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (descriptor < 0) throw refusedNetlink(libc, 'socket');
  const address = new DataView(new ArrayBuffer(SOCKADDR_NL_BYTES));
  address.setUint16(0, AF_NETLINK, LITTLE_ENDIAN);
  address.setUint32(8, groups >>> 0, LITTLE_ENDIAN);
  if (libc.bind(descriptor, new Uint8Array(address.buffer), SOCKADDR_NL_BYTES) === 0) return descriptor;
  const error = refusedNetlink(libc, 'bind');
  libc.close(descriptor);
  throw error;
}

export function refusedNetlink(libc: Libc, call: string): SystemCallError {
  return new SystemCallError(`no netlink socket: ${call} failed`, call, libc.errno());
}
