import {
  formatAddress,
  transportAddress,
  type Base,
  type DatagramListener,
  type Datagrams,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';
import { encodeChannelData } from '@wirepath/stun-codec';
import type { OpenBeside, OpenServerSocket, UdpReceiver, ServerSocket } from '../src/server/server-socket.js';

export interface Datagram {
  readonly from: TransportAddress;
  readonly to: TransportAddress;
  readonly bytes: Buffer;
}

/** UDP in memory: sockets by address, delivery on the next microtask, nothing random. */
export class MemoryNetwork {
  /** All that was sent, in order. */
  readonly sent: Datagram[] = [];
  /** Returning false loses it. */
  deliver: (datagram: Datagram) => boolean = () => true;
  readonly #receivers = new Map<string, UdpReceiver>();

  get boundAddresses(): string[] {
    return [...this.#receivers.keys()];
  }

  readonly open: OpenServerSocket = (local, receive) => {
    const opened = this.#bind(local, receive);
    return opened instanceof Error ? Promise.reject(opened) : Promise.resolve(opened);
  };

  /** At one address, beside the socket at the wildcard address. */
  readonly openBeside: OpenBeside = (wildcard, ip, receive) => {
    const opened = this.#bind(transportAddress(ip, wildcard.local.port), receive);
    if (opened instanceof Error) throw opened;
    return opened;
  };

  #bind(local: TransportAddress, receive: UdpReceiver): ServerSocket | Error {
    const address = local.port === 0 ? transportAddress(local.ip, this.#freePort(local.ip)) : local;
    const key = formatAddress(address);
    if (this.#receivers.has(key)) return Object.assign(new Error(key), { code: 'EADDRINUSE' });
    this.#receivers.set(key, receive);
    let closed = false;
    const send = (bytes: Uint8Array, ip: string, port: number) => {
      if (closed || port === 0) return false;
      this.send({ from: address, to: transportAddress(ip, port), bytes: Buffer.from(bytes) });
      return true;
    };
    const socket: ServerSocket = {
      protocol: 'udp',
      local: address,
      send,
      sendRelayed: (parts, ip, port) => (send(Buffer.concat(parts), ip, port) ? undefined : 'send-failed'),
      close: () => {
        if (!closed) this.#receivers.delete(key);
        closed = true;
        return Promise.resolve();
      },
    };
    return socket;
  }

  send(datagram: Datagram): void {
    this.sent.push(datagram);
    if (!this.deliver(datagram)) return;
    const { from, to, bytes } = datagram;
    queueMicrotask(() => this.#receivers.get(formatAddress(to))?.(bytes, from.ip, from.port));
  }

  #freePort(ip: string): number {
    let port = 40_000;
    while (this.#receivers.has(formatAddress(transportAddress(ip, port)))) port++;
    return port;
  }
}

/** Lets everything that is on its way arrive, virtual time standing still. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The transport's shared socket on a {@link MemoryNetwork}. */
export class MemoryDatagrams implements Datagrams {
  readonly bases: readonly Base[];
  readonly received: { readonly path: TransportPath; readonly text: string }[] = [];
  readonly #network: MemoryNetwork;
  readonly #listeners = new Set<DatagramListener>();
  /** Datagrams that no listener took. */
  unclaimed = 0;
  #socket: ServerSocket | undefined;

  static async open(network: MemoryNetwork, address: TransportAddress): Promise<MemoryDatagrams> {
    const datagrams = new MemoryDatagrams(network, address);
    await datagrams.appearAs(address);
    return datagrams;
  }

  private constructor(network: MemoryNetwork, address: TransportAddress) {
    this.#network = network;
    this.bases = [{ id: `udp-${address.port}`, family: address.family, port: address.port, shared: true }];
  }

  get base(): Base {
    return this.bases[0]!;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** What the world sees this socket as: a NAT may change it. */
  async appearAs(address: TransportAddress): Promise<void> {
    await this.#socket?.close();
    this.#socket = await this.#network.open(address, (bytes, ip, port) =>
      this.inject({ kind: 'socket', base: this.base, remote: transportAddress(ip, port) }, bytes),
    );
  }

  inject(path: TransportPath, bytes: Uint8Array): void {
    if (![...this.#listeners].some((listener) => listener({ path, bytes }) === true)) this.unclaimed += 1;
  }

  openBase(): Promise<Base> {
    return Promise.reject(new Error('not part of this fake'));
  }

  closeBase(): void {}

  send(path: TransportPath, bytes: Uint8Array): void {
    if (path.kind === 'socket') return void this.#socket?.send(bytes, path.remote.ip, path.remote.port);
    const { framing } = path;
    if (framing.kind === 'stream') return framing.send(bytes);
    this.#socket?.send(encodeChannelData(framing.channel, bytes), framing.server.ip, framing.server.port);
  }

  onDatagram(listener: DatagramListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  receive(path: TransportPath, bytes: Uint8Array): void {
    this.received.push({ path, text: Buffer.from(bytes).toString() });
    this.inject(path, bytes);
  }
}
