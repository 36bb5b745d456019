import { CodedError, deniedCapability } from '@wirepath/core/plugin';
import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket as StreamSocket } from 'node:net';
import { constants } from 'node:os';
import type { Libc } from './libc.js';
import { socketDescriptor } from './socket-descriptor.js';

// Linux: asm-generic/socket.h
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
/** linux/if.h, with the closing NUL. The kernel cuts longer names short, and could so pick another interface. */
const IFNAMSIZ = 16;

// macOS: netinet/in.h, netinet6/in6.h
const IPPROTO_IP = 0;
const IP_BOUND_IF = 25;
const IPPROTO_IPV6 = 41;
const IPV6_BOUND_IF = 125;

export interface BindToDeviceSystem {
  readonly platform: NodeJS.Platform;
  libc(): Libc;
}

/**
 * Pins a socket that is bound (or connecting) to an interface. Linux permits the first pin of a socket to everybody
 * since 5.7, and asks for CAP_NET_RAW before that and for every change.
 * @throws CodedError PERMISSION_DENIED, INTERFACE_NOT_FOUND, or NETWORK_CONFIG where the platform cannot pin or the
 * socket has no descriptor yet.
 */
export function bindToDevice(
  system: BindToDeviceSystem,
  socket: DatagramSocket | StreamSocket,
  interfaceName: string,
): void {
  const { platform } = system;
  if (platform !== 'linux' && platform !== 'darwin') {
    throw new CodedError('NETWORK_CONFIG', `sockets cannot be pinned to an interface on ${platform}`, {
      subject: interfaceName,
      advice: 'Go on unpinned, or run on Linux or macOS.',
    });
  }
  // An empty name would lift a pin.
  if (interfaceName === '' || interfaceName.includes('\0') || Buffer.byteLength(interfaceName) >= IFNAMSIZ) {
    throw notFound(interfaceName);
  }
  const fd = socketDescriptor(socket);
  if (fd === undefined) {
    throw new CodedError('NETWORK_CONFIG', 'only a socket that is open and bound can be pinned to an interface', {
      subject: interfaceName,
      advice: 'Bind the socket first.',
    });
  }
  const libc = loadLibcOf(system, interfaceName);
  const failed =
    platform === 'linux' ? pinOnLinux(libc, fd, interfaceName) : pinOnMac(libc, fd, isIpv6(socket), interfaceName);
  if (failed) throw errorOf(libc.errno(), interfaceName);
}

function pinOnLinux(libc: Libc, fd: number, interfaceName: string): boolean {
  const name = Buffer.from(`${interfaceName}\0`);
  return libc.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) !== 0;
}

function pinOnMac(libc: Libc, fd: number, ipv6: boolean, interfaceName: string): boolean {
  const index = libc.if_nametoindex(interfaceName);
  if (index === 0) throw notFound(interfaceName);
  const value = new Uint8Array(Uint32Array.of(index).buffer);
  const [level, option] = ipv6 ? [IPPROTO_IPV6, IPV6_BOUND_IF] : [IPPROTO_IP, IP_BOUND_IF];
  return libc.setsockopt(fd, level, option, value, value.length) !== 0;
}

function isIpv6(socket: DatagramSocket | StreamSocket): boolean {
  const { family } = socket.address() as { readonly family?: string };
  return family === 'IPv6';
}

function loadLibcOf(system: BindToDeviceSystem, interfaceName: string): Libc {
  try {
    return system.libc();
  } catch (cause) {
    throw new CodedError('NETWORK_CONFIG', 'the native library that pins sockets cannot be loaded', {
      subject: interfaceName,
      cause,
    });
  }
}

function notFound(interfaceName: string): CodedError {
  return new CodedError('INTERFACE_NOT_FOUND', `there is no interface ${JSON.stringify(interfaceName)}`, {
    subject: interfaceName,
  });
}

function errorOf(errno: number, interfaceName: string): CodedError {
  const { EPERM, EACCES, ENODEV, ENXIO } = constants.errno;
  if (errno === EPERM || errno === EACCES) {
    const { reason, advice } = deniedCapability('CAP_NET_RAW', errno === EPERM ? 'EPERM' : 'EACCES');
    return new CodedError('PERMISSION_DENIED', `not permitted to pin a socket to ${interfaceName}: ${reason}`, {
      subject: interfaceName,
      advice,
    });
  }
  if (errno === ENODEV || errno === ENXIO) return notFound(interfaceName);
  const name = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  return new CodedError('NETWORK_CONFIG', `a socket could not be pinned to ${interfaceName}: ${name}`, {
    subject: interfaceName,
  });
}
