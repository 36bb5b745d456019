import { Socket } from 'node:net';
import { libc as systemLibc, type Libc } from '../libc/libc.js';
import { decodeMessages, type NetlinkMessage } from './message.js';
import { bindNetlink, refusedNetlink } from './netlink-address.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
/** Room for what comes while we are busy: about a thousand messages. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

export interface NetlinkWatchEvents {
  /** What the kernel said, in its order; payloads are valid only during the call. */
  onMessages(messages: readonly NetlinkMessage[]): void;
  /** The socket failed, as when messages came faster than they were read (ENOBUFS); it is closed. */
  onLost(error: Error): void;
}

/**
 * Tells of what the kernel multicasts, on Linux, to any user that the groups are open to, until disposed of.
 *
 * Node reads no netlink sockets, but its event loop reads any stream: a Unix stream socket is wrapped, and before it is
 * first polled the netlink socket takes its descriptor's place. So no thread waits, nothing polls, and closing the
 * stream closes the netlink socket.
 * @param options.groups bit n - 1 for group n.
 * @param libc what tests replace.
 * @throws SystemCallError where the system refuses such a socket. @throws NativeCodeError
 */
export function watchNetlink(
  { protocol, groups }: { readonly protocol: number; readonly groups: number },
  events: NetlinkWatchEvents,
  libc: Libc = systemLibc(),
): Disposable {
  const descriptor = bindNetlink(libc, protocol, groups);
  const buffer = new Uint8Array(new Uint32Array([RECEIVE_BUFFER_BYTES]).buffer);
  libc.setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, buffer, 4);
  const carrier = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (carrier < 0) {
    const error = refusedNetlink(libc, 'socket');
    libc.close(descriptor);
    throw error;
  }
  // manualStart: it must not be registered with the event loop before it is what it will be.
  const stream = new Socket({ fd: carrier, readable: true, writable: false, manualStart: true } as { fd: number });
  const failure = libc.dup2(descriptor, carrier) < 0 ? refusedNetlink(libc, 'dup2') : undefined;
  libc.close(descriptor);
  if (failure !== undefined) {
    stream.destroy();
    throw failure;
  }
  const onData = (datagram: Uint8Array) => events.onMessages(decodeMessages(datagram));
  const onLost = (error: Error) => events.onLost(error);
  stream.on('data', onData);
  stream.once('error', onLost);
  stream.unref();
  return {
    [Symbol.dispose]() {
      stream.off('data', onData);
      stream.off('error', onLost);
      // A read that failed in the same moment is nobody's concern any more.
      stream.on('error', () => undefined);
      stream.destroy();
    },
  };
}
