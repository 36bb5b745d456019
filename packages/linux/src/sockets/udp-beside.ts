import { createSocket, Socket } from 'node:dgram';
import { EBADF } from '../libc/errno.js';
import { linuxLibc, type LinuxLibc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';
import { socketDescriptor } from './socket-descriptor.js';
import { setOption, SO_REUSEADDR, SO_REUSEPORT } from './socket-options.js';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** A bound UDP socket that is not dgram's. */
export interface BoundUdpSocket {
  readonly descriptor: number;
  /** Local. */
  readonly port: number;
}

export interface UdpBesideOptions {
  /** For each direction; the kernel cuts it to its own limit. @default the system's */
  readonly bufferSizeBytes?: number | undefined;
}

/**
 * Opens a UDP socket at one address of this machine, on the port of a bound socket that keeps the wildcard address. The kernel
 * gives it what arrives for that address, and what it sends leaves from there; all else stays the wildcard socket's. The two
 * permit each other to be bound (SO_REUSEPORT) only during this call: nobody else can share the port, before or after.
 * As with `openUdpSocket` of dgram's users, destinations must be IP literals. No listener is on it. Linux only.
 * @param address 4 or 16 bytes, network byte order, of the wildcard socket's family. Not link-local: those need a scope.
 * @throws SystemCallError EADDRNOTAVAIL while no interface has the address (IPv6: or only tentatively), EACCES for a port below
 * 1024, EMFILE, EBADF where the wildcard socket is not bound. @throws NativeCodeError
 */
export function openUdpBeside(
  wildcard: Socket | BoundUdpSocket,
  address: Uint8Array,
  { bufferSizeBytes }: UdpBesideOptions = {},
): Socket {
  const libc = linuxLibc();
  const beside = wildcard instanceof Socket ? socketDescriptor(wildcard) : wildcard.descriptor;
  if (beside === undefined) throw new SystemCallError('cannot open a UDP socket', 'socket', EBADF);
  const port = wildcard instanceof Socket ? wildcard.address().port : wildcard.port;
  const family = address.length === 4 ? 4 : 6;
  const descriptor = bindBeside(libc, beside, socketAddress(address, port), family);
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ...(bufferSizeBytes !== undefined && { recvBufferSize: bufferSizeBytes, sendBufferSize: bufferSizeBytes }),
    // Node's own look-up would put every datagram off to a later tick.
    lookup: (literal, _options, callback) => callback(null, literal, family),
  });
  try {
    socket.bind({ fd: descriptor });
  } catch (error) {
    libc.close(descriptor);
    throw error;
  }
  // libuv sets it on what it adopts, and two sockets of any users that both have it can share a port.
  setOption(descriptor, SO_REUSEADDR, 0);
  return socket;
}

function bindBeside(libc: LinuxLibc, beside: number, address: Uint8Array, family: 4 | 6): number {
  const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const descriptor = libc.socket(family === 4 ? AF_INET : AF_INET6, type, 0);
  if (descriptor < 0) throw new SystemCallError('cannot open a UDP socket', 'socket', libc.errno());
  setOption(beside, SO_REUSEPORT, 1);
  setOption(descriptor, SO_REUSEPORT, 1);
  const errno = libc.bind(descriptor, address, address.length) < 0 ? libc.errno() : 0;
  setOption(beside, SO_REUSEPORT, 0);
  setOption(descriptor, SO_REUSEPORT, 0);
  if (errno === 0) return descriptor;
  libc.close(descriptor);
  throw new SystemCallError('cannot bind a UDP socket', 'bind', errno);
}

/** struct sockaddr_in, or sockaddr_in6 without flow and scope. Both architectures that there is a libc for are little-endian. */
function socketAddress(address: Uint8Array, port: number): Uint8Array {
  const v4 = address.length === 4;
  const bytes = new Uint8Array(v4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(address, v4 ? 4 : 8);
  return bytes;
}
