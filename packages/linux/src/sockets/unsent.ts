import type { Socket } from 'node:net';
import { NativeCodeError } from '../libc/native-code-error.js';
import { socketDescriptor } from './socket-descriptor.js';
import { setOption } from './socket-options.js';

/** linux/in.h, linux/tcp.h */
const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;

/**
 * TCP_NOTSENT_LOWAT: beyond what the connection may have on its way now, the kernel takes no more than so much. What has to wait
 * waits with us then, where it can be dropped, and not in buffers of megabytes, which on a slow link are seconds.
 * @param socket connected; one of TLS, too. @returns false where the system has no such thing: then it is as it was.
 */
export function limitUnsent(socket: Socket, bytes: number): boolean {
  const fd = socketDescriptor(socket);
  if (fd === undefined) return false;
  try {
    return setOption(fd, TCP_NOTSENT_LOWAT, bytes, IPPROTO_TCP) === 0;
  } catch (error) {
    if (error instanceof NativeCodeError) return false;
    throw error;
  }
}
