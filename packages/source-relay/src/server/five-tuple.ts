import type { SocketAddress } from '@wirepath/linux';
import type { TransportAddress } from '@wirepath/core/plugin';
import type { ServerSocket } from './server-socket.js';

/** A client's address, and which of the server's sockets it sends to. */
export interface FiveTuple extends TransportAddress {
  readonly socket: ServerSocket;
  /** Where answers go: the address, as the system takes it. */
  readonly to: SocketAddress;
  /** Map key of the address. */
  readonly key: string;
}
