import {
  socketPath,
  type Base,
  type Datagrams,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';
import { formatAddress } from '@wirepath/stun-codec';
import type { ConnectionEvents, RelayConnection } from './connection.js';

/** Over a socket of the transport, shared with all else: only what comes from the server's address is looked at. */
export class UdpConnection implements RelayConnection {
  readonly server: TransportAddress;
  readonly tuple: string;
  readonly base: Base;
  readonly reliable = false;
  readonly #datagrams: Datagrams;
  readonly #path: TransportPath;
  #subscription: Disposable | undefined;

  constructor(options: { readonly datagrams: Datagrams; readonly base: Base; readonly server: TransportAddress }) {
    const { datagrams, base, server } = options;
    this.server = server;
    this.tuple = `${base.id}>${formatAddress(server)}`;
    this.base = base;
    this.#datagrams = datagrams;
    this.#path = socketPath(base, server);
  }

  listen(events: ConnectionEvents): void {
    this.#subscription = this.#datagrams.onDatagram(({ path, bytes }) => {
      if (path.kind !== 'socket' || path.base.id !== this.base.id) return false;
      if (path.remote.port !== this.server.port || path.remote.ip !== this.server.ip) return false;
      return events.received(bytes);
    });
  }

  send(message: Uint8Array): void {
    this.#datagrams.send(this.#path, message);
  }

  sendData(message: Uint8Array): void {
    this.#datagrams.send(this.#path, message);
  }

  close(): void {
    this.#subscription?.[Symbol.dispose]();
  }
}
