import type { DatagramSocket, PacketMemory } from '@wirepath/linux';
import type { TransportAddress } from '@wirepath/core/plugin';
import { Outbox } from './outbox.js';
import { UdpServerSocket } from './udp-server-socket.js';

export interface BoundDatagrams<Source> {
  readonly datagrams: DatagramSocket<Source>;
  readonly local: TransportAddress;
}

/** Binds UDP sockets that work on one memory; not started yet. */
export interface UdpNetwork {
  readonly memory: PacketMemory;
  /** Port 0: any. Rejects with what the system says (EADDRINUSE, EADDRNOTAVAIL, ...). */
  open<Source>(local: TransportAddress): Promise<BoundDatagrams<Source>>;
  /**
   * At one address of this machine, beside a socket at the wildcard address and with its port. Throws what the system says; an error
   * without `code` means that there can be none at all.
   */
  openBeside<Source>(wildcard: DatagramSocket<Source>, ip: string): BoundDatagrams<Source>;
}

/** The sockets of one server. */
export class UdpSockets {
  readonly outbox: Outbox;
  readonly #network: UdpNetwork;

  constructor(network: UdpNetwork) {
    this.#network = network;
    this.outbox = new Outbox(network.memory);
  }

  async open<Source>(local: TransportAddress): Promise<UdpServerSocket<Source>> {
    return this.#wrap(await this.#network.open<Source>(local));
  }

  openBeside<Source>({ datagrams }: UdpServerSocket<Source>, ip: string): UdpServerSocket<Source> {
    return this.#wrap(this.#network.openBeside(datagrams, ip));
  }

  #wrap<Source>({ datagrams, local }: BoundDatagrams<Source>): UdpServerSocket<Source> {
    return new UdpServerSocket(datagrams, local, this.outbox);
  }
}
