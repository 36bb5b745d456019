import type { Base, Counters, Guard, TransportAddress, TransportPath } from '@wirepath/core/plugin';
import { PathCache } from './path-cache.js';
import type { Source, SourceAddress } from './path-source.js';
import type { UdpSocket } from './udp-socket.js';

/** Datagrams that libuv keeps while the kernel's buffer is full: beyond this they are dropped, as a NIC would. */
const SEND_QUEUE_MAX_BYTES = 4 << 20;

export interface SocketEndOptions {
  readonly base: Base;
  readonly socket: UdpSocket;
  /** The address that it is bound to; undefined for the wildcard. */
  readonly address: SourceAddress | undefined;
  readonly counters: Counters;
  readonly guard: Guard;
  readonly onDatagram: (path: TransportPath, bytes: Uint8Array) => void;
  /** The system did not take a datagram. @param code its reason. */
  readonly onSendFailed?: ((code: string | undefined) => void) | undefined;
}

/** One socket of the system: at the wildcard address of its base's family, or at one of this machine's. */
export class SocketEnd implements Source {
  readonly address: SourceAddress | undefined;
  readonly socket: UdpSocket;
  readonly #family: 4 | 6;
  readonly #counters: Counters;
  readonly #onSendFailed: SocketEndOptions['onSendFailed'];
  isOpen = true;

  constructor({ base, socket, address, counters, guard, onDatagram, onSendFailed }: SocketEndOptions) {
    this.address = address;
    this.socket = socket;
    this.#family = base.family;
    this.#counters = counters;
    this.#onSendFailed = onSendFailed;
    const paths = new PathCache(base, address === undefined ? undefined : this, counters);
    // Written out, not by way of `wrap`: it is on the way of every packet.
    socket.on('message', (bytes, info) => {
      try {
        const path = paths.from(info);
        if (path !== undefined) onDatagram(path, bytes);
      } catch (error) {
        guard.failed('datagram', error);
      }
    });
    // ICMP errors and the like: what was lost is lost, the socket lives on.
    socket.on('error', (error: NodeJS.ErrnoException) => counters.count(`socket-error.${error.code ?? error.name}`));
  }

  /** Never throws. The bytes must not change afterwards: a full kernel buffer keeps them waiting. */
  send(bytes: Uint8Array, to: TransportAddress): void {
    if (!this.isOpen) return this.#counters.count('send.closed');
    if (to.family !== this.#family) return this.#counters.count('send.family');
    if (this.socket.getSendQueueSize() > SEND_QUEUE_MAX_BYTES) return this.#counters.count('send.queue-full');
    try {
      this.socket.send(bytes, to.port, to.ip, this.#onSent);
    } catch (error) {
      // Port 0 and the like, from an address that somebody signalled.
      this.#sendFailed((error as NodeJS.ErrnoException).code);
    }
  }

  close(): Promise<void> {
    if (!this.isOpen) return Promise.resolve();
    this.isOpen = false;
    this.socket.removeAllListeners('message');
    return new Promise((resolve) => {
      this.socket.close(() => resolve());
    });
  }

  readonly #onSent = (error: NodeJS.ErrnoException | null): void => {
    if (error) this.#sendFailed(error.code);
  };

  #sendFailed(code: string | undefined): void {
    this.#counters.count(`send.${code ?? 'failed'}`);
    this.#onSendFailed?.(code);
  }
}
