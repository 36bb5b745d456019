import { createSocket, type RemoteInfo } from 'node:dgram';
import { isIP } from 'node:net';

/** Bursts of a fast path are tens of megabits in a millisecond; the system may grant less. */
export const SOCKET_BUFFER_BYTES = 4 << 20;

/** What the transport needs of a bound UDP socket: `node:dgram`'s has it, and so may one of a simulated network. */
export interface UdpSocket {
  address(): { readonly port: number };
  on(event: 'message', listener: (bytes: Buffer, from: Pick<RemoteInfo, 'address' | 'port'>) => void): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  removeAllListeners(event: 'message'): unknown;
  /** The bytes must not change until the callback. */
  send(bytes: Uint8Array, port: number, ip: string, callback: (error: NodeJS.ErrnoException | null) => void): void;
  /** Bytes that wait for the system to take them. */
  getSendQueueSize(): number;
  close(callback: () => void): unknown;
}

/**
 * Opens a socket on the wildcard address of the family. A family that the network does not have is an error of code
 * EAFNOSUPPORT or EADDRNOTAVAIL, and the transport does without.
 * @param port 0: any that is free.
 * @throws the system's error (EADDRINUSE, EACCES, EAFNOSUPPORT, ...).
 */
export type OpenUdpSocket = (family: 4 | 6, port: number) => Promise<UdpSocket>;

type Lookup = (
  hostname: string,
  options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
) => void;

/** We send to IP addresses only, and answer at once: the default goes through dns.lookup for each datagram. */
const lookupLiteral: Lookup = (hostname, _options, callback) => callback(null, hostname, isIP(hostname));

export const openUdpSocket: OpenUdpSocket = async (family, port) => {
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
    lookup: lookupLiteral,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, address: family === 4 ? '0.0.0.0' : '::', exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  return socket;
};
