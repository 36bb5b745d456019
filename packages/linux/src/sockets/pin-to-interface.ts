import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket as StreamSocket } from 'node:net';
import { EBADF, ENODEV } from '../libc/errno.js';
import { libc as systemLibc, type Libc } from '../libc/libc.js';
import { NativeCodeError } from '../libc/native-code-error.js';
import { SystemCallError } from '../libc/system-call-error.js';
import { socketDescriptor } from './socket-descriptor.js';
import { SO_BINDTODEVICE, SOL_SOCKET } from './socket-options.js';

/** linux/if.h, with the closing NUL. The kernel cuts longer names short, and could so pick another interface. */
const IFNAMSIZ = 16;

// macOS: netinet/in.h, netinet6/in6.h
const IPPROTO_IP = 0;
const IP_BOUND_IF = 25;
const IPPROTO_IPV6 = 41;
const IPV6_BOUND_IF = 125;

/** What tests replace. */
export interface PinningSystem {
  readonly platform: NodeJS.Platform;
  /** @throws NativeCodeError */
  readonly libc: () => Libc;
}

/**
 * Pins a socket that is bound (or connecting) to an interface: SO_BINDTODEVICE on Linux, IP_BOUND_IF on macOS. Linux
 * permits the first pin of a socket to everybody since 5.7, and asks for CAP_NET_RAW before that and for every change.
 * @throws SystemCallError EBADF where the socket has no descriptor (yet), ENODEV, EPERM.
 * @throws NativeCodeError where the platform cannot pin, or its libc cannot be called.
 */
export function pinToInterface(
  socket: DatagramSocket | StreamSocket,
  interfaceName: string,
  { platform = process.platform, libc: load = systemLibc }: Partial<PinningSystem> = {},
): void {
  const failed = (errno: number) => new SystemCallError(`cannot pin a socket to ${interfaceName}`, 'setsockopt', errno);
  if (platform !== 'linux' && platform !== 'darwin') {
    throw new NativeCodeError('system', `sockets cannot be pinned to an interface on ${platform}`);
  }
  // An empty name would lift a pin.
  if (interfaceName === '' || interfaceName.includes('\0') || Buffer.byteLength(interfaceName) >= IFNAMSIZ) {
    throw failed(ENODEV);
  }
  const fd = socketDescriptor(socket);
  if (fd === undefined) throw failed(EBADF);
  const libc = load();
  const pin = platform === 'linux' ? pinOnLinux(interfaceName) : pinOnMac(libc, isIpv6(socket), interfaceName);
  if (pin === undefined) throw failed(ENODEV);
  if (libc.setsockopt(fd, pin.level, pin.option, pin.value, pin.value.length) !== 0) throw failed(libc.errno());
}

interface SocketOption {
  readonly level: number;
  readonly option: number;
  readonly value: Uint8Array;
}

function pinOnLinux(interfaceName: string): SocketOption {
  return { level: SOL_SOCKET, option: SO_BINDTODEVICE, value: Buffer.from(`${interfaceName}\0`) };
}

function pinOnMac(libc: Libc, ipv6: boolean, interfaceName: string): SocketOption | undefined {
  const index = libc.if_nametoindex(interfaceName);
  if (index === 0) return undefined;
  const value = new Uint8Array(Uint32Array.of(index).buffer);
  return ipv6
    ? { level: IPPROTO_IPV6, option: IPV6_BOUND_IF, value }
    : { level: IPPROTO_IP, option: IP_BOUND_IF, value };
}

function isIpv6(socket: DatagramSocket | StreamSocket): boolean {
  const { family } = socket.address() as { readonly family?: string };
  return family === 'IPv6';
}
