import type { RemoteInfo } from 'node:dgram';
import {
  tryTransportAddress,
  type Base,
  type Counters,
  type Guard,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';
import type { OpenUdpSocket, UdpSocket } from './udp-socket.js';

/** Datagrams that libuv keeps while the kernel's buffer is full: beyond this they are dropped, as a NIC would. */
const SEND_QUEUE_MAX_BYTES = 4 << 20;
/** Sources whose path is remembered for one socket: those of the last so many, and as many of before. */
const PATH_CACHE_MAX = 2048;

export interface BaseSocketEvents {
  onDatagram(path: TransportPath, bytes: Uint8Array, base: Base): void;
  /** The system did not take a datagram. @param code its reason. */
  onSendFailed?: ((code: string | undefined) => void) | undefined;
}

/** One UDP socket on the wildcard address of its family. */
export class BaseSocket {
  readonly base: Base;
  readonly socket: UdpSocket;
  readonly #counters: Counters;
  readonly #onSendFailed: BaseSocketEvents['onSendFailed'];
  #paths = new Map<string, TransportPath>();
  #olderPaths = new Map<string, TransportPath>();
  #lastAddress = '';
  #lastPort = -1;
  #lastPath: TransportPath | undefined;
  #open = true;

  private constructor(base: Base, socket: UdpSocket, counters: Counters, guard: Guard, events: BaseSocketEvents) {
    this.base = base;
    this.socket = socket;
    this.#counters = counters;
    this.#onSendFailed = events.onSendFailed;
    // Written out, not by way of `wrap`: it is on the way of every packet.
    socket.on('message', (bytes, info) => {
      try {
        const path = this.#pathFrom(info);
        if (path !== undefined) events.onDatagram(path, bytes, base);
      } catch (error) {
        guard.failed('datagram', error);
      }
    });
    // ICMP errors and the like: what was lost is lost, the socket lives on.
    socket.on('error', (error: NodeJS.ErrnoException) => counters.count(`socket-error.${error.code ?? error.name}`));
  }

  /** @throws what `open` throws. */
  static async bind(options: {
    id: string;
    family: 4 | 6;
    port: number;
    shared: boolean;
    open: OpenUdpSocket;
    counters: Counters;
    guard: Guard;
    events: BaseSocketEvents;
  }): Promise<BaseSocket> {
    const { id, family, port, shared, open, counters, guard, events } = options;
    const socket = await open(family, port);
    const base: Base = Object.freeze({ id, family, port: socket.address().port, shared });
    return new BaseSocket(base, socket, counters, guard, events);
  }

  /** Never throws. The bytes must not change afterwards: a full kernel buffer keeps them waiting. */
  send(bytes: Uint8Array, to: TransportAddress): void {
    if (!this.#open) return this.#counters.count('send.closed');
    if (to.family !== this.base.family) return this.#counters.count('send.family');
    if (this.socket.getSendQueueSize() > SEND_QUEUE_MAX_BYTES) return this.#counters.count('send.queue-full');
    try {
      this.socket.send(bytes, to.port, to.ip, this.#onSent);
    } catch (error) {
      // Port 0 and the like, from an address that somebody signalled.
      this.#sendFailed((error as NodeJS.ErrnoException).code);
    }
  }

  close(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#open = false;
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

  /** The same path object for the same source: parsed once, and compared by identity in the common case. */
  #pathFrom({ address, port }: Pick<RemoteInfo, 'address' | 'port'>): TransportPath | undefined {
    if (port === this.#lastPort && address === this.#lastAddress) return this.#lastPath;
    const key = `${port} ${address}`;
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = this.#olderPaths.get(key);
      if (path !== undefined) this.#remember(key, path);
    }
    if (path === undefined) {
      // A source port of 0 is legal on the wire and cannot be answered.
      if (port === 0) {
        this.#counters.count('receive.port-0');
        return undefined;
      }
      const remote = tryTransportAddress(address, port);
      // Whatever the system says of the source: a datagram without one cannot be answered.
      if (remote === undefined) {
        this.#counters.count('receive.no-address');
        return undefined;
      }
      path = Object.freeze({ kind: 'socket', base: this.base, remote });
      this.#remember(key, path);
    }
    this.#lastAddress = address;
    this.#lastPort = port;
    this.#lastPath = path;
    return path;
  }

  /** Spoofed sources neither grow this nor drive out those that are heard between them. */
  #remember(key: string, path: TransportPath): void {
    if (this.#paths.size >= PATH_CACHE_MAX) {
      this.#olderPaths = this.#paths;
      this.#paths = new Map();
    }
    this.#paths.set(key, path);
  }
}
