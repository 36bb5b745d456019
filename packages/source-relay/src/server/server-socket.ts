import type { Socket } from 'node:dgram';
import { openUdpBeside } from '@wirepath/linux';
import { openUdpSocket, parseCidr, transportAddress, type TransportAddress } from '@wirepath/core/plugin';
import type { ServerDropReason } from './drop-reason.js';
import { SendBacklog } from './send-backlog.js';

/**
 * What clients or peers send to, as the server uses it: a bound UDP socket, or a client's connection. Addresses stay text,
 * because a value object per packet would cost.
 */
export interface ServerSocket {
  /** Of the 5-tuple. */
  readonly protocol: 'udp' | 'tcp' | 'tls';
  readonly local: TransportAddress;
  /** Never throws: what cannot be sent is dropped, as on any network. @returns false where that is known at once. */
  send(bytes: Uint8Array, ip: string, port: number): boolean;
  /**
   * As `send`, what a peer has sent: in parts, and no copy of any. Where a client does not keep up, these are dropped.
   * @returns why it was dropped, where that is known at once.
   */
  sendRelayed(parts: readonly Uint8Array[], ip: string, port: number): SendDrop | undefined;
  /** Told when there is an allocation for what comes to it, and when there is none any more; by connections, which end with it. */
  allocated?(isAllocated: boolean): void;
  close(): Promise<void>;
}

/** `backlog`: too much waits to be sent already. */
export type SendDrop = Extract<ServerDropReason, 'backlog' | 'send-failed'>;

/** Called for every datagram; the bytes are the receiver's to keep. `ip` is canonical text. */
export type UdpReceiver = (bytes: Buffer, ip: string, port: number) => void;

/** Binds a UDP socket; port 0: any. Rejects with what the system says (EADDRINUSE, EADDRNOTAVAIL, ...). */
export type OpenServerSocket = (local: TransportAddress, receive: UdpReceiver) => Promise<ServerSocket>;

/**
 * Inwards, bursts wait here while the process is busy; outwards it is more than the kernel keeps for one neighbour that does
 * not answer (`unres_qlen_bytes`), which counts against it. The kernel cuts both to its limit.
 */
const BUFFER_BYTES = 4 * 1024 * 1024;

/** What libuv keeps while the kernel's buffer is full; beyond it datagrams are dropped, as a NIC would. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
const MAX_QUEUED_BYTES_EACH = 256 * 1024;

/** The real network. */
export const openServerSocket: OpenServerSocket = async ({ family, ip, port }, receive) =>
  serve(await openUdpSocket({ family, address: ip, port, bufferSizeBytes: BUFFER_BYTES }), receive);

/**
 * Opens a socket at one address of this machine, beside one at the wildcard address and with its port. Throws what the system
 * says; an error without `code` means that there can be none at all.
 */
export type OpenBeside = (wildcard: ServerSocket, ip: string, receive: UdpReceiver) => ServerSocket;

/** The real network's. */
export const openServerSocketBeside: OpenBeside = (wildcard, ip, receive) => {
  const address = parseCidr(ip)?.bytes;
  if (!(wildcard instanceof DgramSocket) || address === undefined)
    throw new Error(`no socket of the system beside ${ip}`);
  return serve(openUdpBeside(wildcard.socket, address, { bufferSizeBytes: BUFFER_BYTES }), receive);
};

function serve(socket: Socket, receive: UdpReceiver): ServerSocket {
  // An error of one datagram (EACCES for a broadcast address, ENETUNREACH) says nothing about the socket.
  socket.on('error', () => undefined);
  socket.on('message', (bytes, from) => receive(bytes, from.address, from.port));
  return new DgramSocket(socket);
}

class DgramSocket implements ServerSocket {
  readonly protocol = 'udp';
  readonly local: TransportAddress;
  readonly socket: Socket;
  readonly #backlog = new SendBacklog({ maxBytes: MAX_QUEUED_BYTES, maxBytesEach: MAX_QUEUED_BYTES_EACH });
  #closed: Promise<void> | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    const { address, port } = socket.address();
    this.local = transportAddress(address, port);
  }

  send(bytes: Uint8Array, ip: string, port: number): boolean {
    return this.#send(bytes, bytes.length, ip, port) === undefined;
  }

  sendRelayed(parts: readonly Uint8Array[], ip: string, port: number): SendDrop | undefined {
    const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0);
    return this.#send(parts, sizeBytes, ip, port);
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.socket.close(() => resolve()));
    return this.#closed;
  }

  #send(bytes: Uint8Array | readonly Uint8Array[], sizeBytes: number, ip: string, port: number): SendDrop | undefined {
    // Node throws on port 0, which any source port on the network may be.
    if (this.#closed !== undefined || port === 0) return 'send-failed';
    let sent: (() => void) | undefined;
    // As a rule the kernel takes it during the call, and there is nothing to keep account of.
    if (!this.#backlog.isEmpty || this.socket.getSendQueueCount() > 0) {
      sent = this.#backlog.add(`${ip}|${port}`, sizeBytes);
      if (sent === undefined) return 'backlog';
    }
    try {
      this.socket.send(bytes, port, ip, sent);
      return undefined;
    } catch {
      // Only arguments make it throw; an odd address from the network must not end the process.
      sent?.();
      return 'send-failed';
    }
  }
}
