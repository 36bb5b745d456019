import type { SocketAddress } from '@wirepath/linux';
import { tryTransportAddress, type TransportAddress } from '@wirepath/core/plugin';
import { endpointKey } from './endpoint-key.js';
import type { FiveTuple } from './five-tuple.js';
import type { ServerAllocation } from './server-allocation.js';
import type { ServerSocket } from './server-socket.js';

/**
 * Who sends to one of the server's sockets, known or not. A socket remembers it as long as it hears of
 * it, and so what it has here is not looked up for each packet.
 */
export class Client implements FiveTuple {
  readonly family: 4 | 6;
  readonly ip: string;
  readonly port: number;
  readonly socket: ServerSocket;
  readonly to: SocketAddress;
  readonly key: string;
  /** The last that was found; one that has ended is expired. */
  allocation: ServerAllocation | undefined = undefined;

  /** @returns undefined for what is no address to answer to. */
  static at(socket: ServerSocket, from: SocketAddress): Client | undefined {
    const address = tryTransportAddress(from.ip, from.port);
    return address === undefined ? undefined : new Client(socket, address, from);
  }

  constructor(socket: ServerSocket, { family, ip, port }: TransportAddress, to: SocketAddress) {
    this.family = family;
    this.ip = ip;
    this.port = port;
    this.socket = socket;
    this.to = to;
    this.key = endpointKey(ip, port);
  }
}
