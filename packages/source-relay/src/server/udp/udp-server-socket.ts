import type { DatagramReceiver, DatagramSocket, SocketAddress } from '@wirepath/linux';
import type { TransportAddress } from '@wirepath/core/plugin';
import type { SendDrop, ServerSocket } from '../server-socket.js';
import type { Outbox } from './outbox.js';

/** A bound UDP socket. `Source`: what stands for an address that sends to it. */
export class UdpServerSocket<Source> implements ServerSocket {
  readonly protocol = 'udp';
  readonly local: TransportAddress;
  readonly datagrams: DatagramSocket<Source>;
  readonly #outbox: Outbox;
  #isWaiting = false;
  #closed: Promise<void> | undefined = undefined;

  constructor(datagrams: DatagramSocket<Source>, local: TransportAddress, outbox: Outbox) {
    this.datagrams = datagrams;
    this.local = local;
    this.#outbox = outbox;
  }

  /** Once. */
  start(receiver: DatagramReceiver<Source>): void {
    if (this.#closed === undefined) this.datagrams.start(receiver);
  }

  /** At once. */
  send(bytes: Uint8Array, to: SocketAddress): boolean {
    if (this.#closed !== undefined || to.port === 0) return false;
    this.datagrams.send(this.#outbox.place(bytes), bytes.length, to);
    this.datagrams.flush();
    return true;
  }

  /** With the outbox. */
  sendRelayed(offset: number, sizeBytes: number, to: SocketAddress): SendDrop | undefined {
    // Any source port on the network may be 0, and no destination is.
    if (this.#closed !== undefined || to.port === 0) return 'send-failed';
    this.datagrams.send(offset, sizeBytes, to);
    if (this.#isWaiting) return undefined;
    this.#isWaiting = true;
    this.#outbox.add(this);
    return undefined;
  }

  flush(): void {
    this.#isWaiting = false;
    this.datagrams.flush();
  }

  close(): Promise<void> {
    return (this.#closed ??= this.datagrams.close());
  }
}
