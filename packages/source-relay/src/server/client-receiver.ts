import type { Counters } from '@wirepath/core/plugin';
import type { DatagramReceiver, SocketAddress } from '@wirepath/linux';
import { Client } from './client.js';
import { countFailed, type ServerDropReason } from './drop-reason.js';
import type { ServerSocket } from './server-socket.js';
import type { Outbox } from './udp/outbox.js';

export interface ClientReceiverOptions {
  readonly outbox: Outbox;
  readonly drops: Counters<ServerDropReason>;
  /** A datagram at an offset into the packet memory. Must not throw. */
  readonly receive: (client: Client, offset: number, sizeBytes: number) => void;
}

/** What the world sends to a listening UDP socket. */
export class ClientReceiver implements DatagramReceiver<Client> {
  readonly #socket: ServerSocket;
  readonly #options: ClientReceiverOptions;

  constructor(socket: ServerSocket, options: ClientReceiverOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  source(address: SocketAddress): Client | undefined {
    return Client.at(this.#socket, address);
  }

  datagram(offset: number, sizeBytes: number, client: Client): void {
    this.#options.receive(client, offset, sizeBytes);
  }

  batchEnd(): void {
    this.#options.outbox.flush();
  }

  failed(code: string, count: number): void {
    countFailed(this.#options.drops, code, count);
  }
}
