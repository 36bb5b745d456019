import { Socket } from 'node:net';
import { linuxLibc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';
import { markSocket } from './socket-options.js';

/** linux/socket.h, asm-generic/fcntl.h: the same on both architectures that there is a libc for. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

export interface StreamSocketOptions {
  readonly family: 4 | 6;
  /** SO_MARK. @default none */
  readonly mark?: number;
}

/**
 * A TCP socket that is not connected yet, with its options set before there is anything to be sent: Node makes a socket only
 * while it connects, and by then the SYN is on its way. Call `connect({ host, port })` on it, with an IP literal of the family.
 * Whoever gets it listens for 'error'. Linux only.
 * @throws SystemCallError EPERM for a mark without CAP_NET_ADMIN, EMFILE, EAFNOSUPPORT; then nothing is left open.
 * @throws NativeCodeError
 */
export function openStreamSocket({ family, mark }: StreamSocketOptions): Socket {
  const libc = linuxLibc();
  const fd = libc.socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError('cannot open a TCP socket', 'socket', libc.errno());
  try {
    if (mark !== undefined) markSocket(fd, mark);
    // Read from the start, a socket that is not connected would fail at once: connecting starts the reading.
    return new Socket({ fd, readable: true, writable: true, manualStart: true } as ConstructorParameters<
      typeof Socket
    >[0]);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}
