import { createSocket, type Socket } from 'node:dgram';

/** Where to bind, and how much the kernel keeps. */
export interface UdpSocketOptions {
  readonly family: 4 | 6;
  /** An IP literal. @default the wildcard address of the family */
  readonly address?: string | undefined;
  /** @default 0: any that is free */
  readonly port?: number | undefined;
  /** For each direction; the kernel cuts it to its own limit. @default the system's */
  readonly bufferSizeBytes?: number | undefined;
}

/**
 * Opens and binds a UDP socket that nobody shares: one of IPv6 takes no IPv4, and in a cluster it is this process's own.
 * Destinations must be IP literals, and each datagram is handed to the system during `send`: Node's own look-up would put
 * every one off to a later tick.
 * Whoever gets it listens for 'error' at once: no listener is left on it.
 * @throws the system's error (EADDRINUSE, EADDRNOTAVAIL, EACCES, EAFNOSUPPORT, ...); then nothing is left open.
 */
export async function openUdpSocket(options: UdpSocketOptions): Promise<Socket> {
  const { family, address = family === 4 ? '0.0.0.0' : '::', port = 0, bufferSizeBytes } = options;
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    ...(bufferSizeBytes !== undefined && { recvBufferSize: bufferSizeBytes, sendBufferSize: bufferSizeBytes }),
    lookup: (literal, _options, callback) => callback(null, literal, family),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}
