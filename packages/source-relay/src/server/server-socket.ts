import type { SocketAddress } from '@wirepath/linux';
import type { TransportAddress } from '@wirepath/core/plugin';
import type { ServerDropReason } from './drop-reason.js';

/** What clients or peers send to, as the server uses it: a bound UDP socket, or a client's connection. */
export interface ServerSocket {
  /** Of the 5-tuple. */
  readonly protocol: 'udp' | 'tcp' | 'tls';
  readonly local: TransportAddress;
  /** Never throws: what cannot be sent is dropped, as on any network. @returns false where that is known at once. */
  send(bytes: Uint8Array, to: SocketAddress): boolean;
  /**
   * As `send`, what is relayed: bytes of the packet memory, which may be overwritten once the outbox is flushed. Where a client does
   * not keep up, these are dropped.
   * @returns why it was dropped, where that is known at once.
   */
  sendRelayed(offset: number, sizeBytes: number, to: SocketAddress): SendDrop | undefined;
  /** Told when there is an allocation for what comes to it, and when there is none any more; by connections, which end with it. */
  allocated?(isAllocated: boolean): void;
  close(): Promise<void>;
}

/** `backlog`: too much waits to be sent already. */
export type SendDrop = Extract<ServerDropReason, 'backlog' | 'send-failed'>;
