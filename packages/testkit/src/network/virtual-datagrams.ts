import type { Base, DatagramListener, Datagrams, ReceivedDatagram, TransportPath } from '@wirepath/core';
import { Listeners } from '@wirepath/core/plugin';
import { encodeChannelData } from './virtual-relay-wire.js';
import type { VirtualHost, VirtualSocket } from './virtual-host.js';

export interface VirtualDatagramsOptions {
  /** Of the shared sockets. @default 51820 */
  readonly port?: number;
  /** @default those that the host has addresses of */
  readonly families?: readonly (4 | 6)[];
}

/** A transport's sockets on a virtual host: open from construction on, until `close`. */
export class VirtualDatagrams implements Datagrams {
  readonly #open = new Map<string, { readonly base: Base; readonly socket: VirtualSocket }>();
  readonly #listeners = new Listeners<ReceivedDatagram>();
  #opened = 0;
  /** The transport looks first: it takes what is its own. */
  claims: (datagram: ReceivedDatagram) => boolean = () => false;
  /** Datagrams that nobody took. */
  unclaimed = 0;

  constructor(
    readonly host: VirtualHost,
    options: VirtualDatagramsOptions = {},
  ) {
    const families = options.families ?? [...new Set(host.ips.map((ip) => (ip.includes(':') ? 6 : 4)))];
    for (const family of families) this.#openSocket(`udp${family}`, family, options.port ?? 51_820, true);
  }

  get bases(): readonly Base[] {
    return [...this.#open.values()].map(({ base }) => base);
  }

  base(id: string): Base | undefined {
    return this.#open.get(id)?.base;
  }

  async openBase(family: 4 | 6, { signal }: { signal: AbortSignal }): Promise<Base> {
    signal.throwIfAborted();
    return this.open(family);
  }

  /** As {@link openBase}, at once. */
  open(family: 4 | 6): Base {
    this.#opened += 1;
    return this.#openSocket(`udp${family}-${this.#opened}`, family, 0, false);
  }

  closeBase({ id, shared }: Base): void {
    if (shared) return;
    this.#open.get(id)?.socket.close();
    this.#open.delete(id);
  }

  send(path: TransportPath, bytes: Uint8Array): void {
    if (path.kind === 'socket') this.#open.get(path.base.id)?.socket.send(path.remote, bytes);
    else if (path.framing.kind === 'stream') path.framing.send(bytes);
    else {
      const { base, server, channel } = path.framing;
      this.#open.get(base.id)?.socket.send(server, encodeChannelData(channel, bytes));
    }
  }

  onDatagram(listener: DatagramListener): Disposable {
    return this.#listeners.add(listener);
  }

  receive(path: TransportPath, bytes: Uint8Array): void {
    const datagram = { path, bytes };
    if (!this.claims(datagram) && !this.#listeners.offer(datagram)) this.unclaimed += 1;
  }

  close(): void {
    for (const { socket } of this.#open.values()) socket.close();
    this.#open.clear();
  }

  #openSocket(id: string, family: 4 | 6, port: number, shared: boolean): Base {
    const socket = this.host.bind(family, port, ({ source, bytes }) =>
      this.receive({ kind: 'socket', base, remote: source }, bytes),
    );
    const base: Base = { id, family, port: socket.port, shared };
    this.#open.set(id, { base, socket });
    return base;
  }
}
