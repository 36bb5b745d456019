import { openUdpSocket } from '@wirepath/core/plugin';
import type { RemoteInfo } from 'node:dgram';

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

/** The system's. */
export const openSystemSocket: OpenUdpSocket = (family, port) =>
  openUdpSocket({ family, port, bufferSizeBytes: SOCKET_BUFFER_BYTES });
