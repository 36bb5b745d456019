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
import { socketAddress, type DatagramSocket } from '@wirepath/linux';
import type { BoundDatagrams, UdpNetwork } from '../src/server/udp/udp-network.js';
import { MemorySlot, MemoryUdpSocket } from './memory-udp.js';

type UdpReceiver = (bytes: Buffer, ip: string, port: number) => void;

interface MemorySocket {
  readonly local: TransportAddress;
  send(bytes: Uint8Array, ip: string, port: number): void;
  close(): Promise<void>;
}

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

  open(local: TransportAddress, receive: UdpReceiver): Promise<MemorySocket> {
    const bound = this.#bind(local, receive);
    if (bound instanceof Error) return Promise.reject(bound);
    return Promise.resolve({
      local: bound,
      send: (bytes, ip, port) => this.send({ from: bound, to: transportAddress(ip, port), bytes: Buffer.from(bytes) }),
      close: () => {
        this.#receivers.delete(formatAddress(bound));
        return Promise.resolve();
      },
    });
  }

  /** As a server opens its sockets. */
  readonly udp = (): UdpNetwork => {
    const slot = new MemorySlot();
    const open = <Source>(local: TransportAddress): BoundDatagrams<Source> | Error => {
      const opened: { socket?: MemoryUdpSocket<Source> } = {};
      const bound = this.#bind(local, (bytes, ip, port) => opened.socket?.receive(bytes, socketAddress(ip, port)));
      if (bound instanceof Error) return bound;
      const transmit = (bytes: Buffer, { ip, port }: TransportAddress) =>
        this.send({ from: bound, to: transportAddress(ip, port), bytes });
      const onClose = () => void this.#receivers.delete(formatAddress(bound));
      opened.socket = new MemoryUdpSocket<Source>(bound, slot, transmit, onClose);
      return { datagrams: opened.socket, local: bound };
    };
    return {
      memory: slot.memory,
      open: <Source>(local: TransportAddress) => {
        const opened = open<Source>(local);
        return opened instanceof Error ? Promise.reject(opened) : Promise.resolve(opened);
      },
      openBeside: <Source>(wildcard: DatagramSocket<Source>, ip: string) => {
        const opened = open<Source>(transportAddress(ip, wildcard.port));
        if (opened instanceof Error) throw opened;
        return opened;
      },
    };
  };

  #bind(local: TransportAddress, receive: UdpReceiver): TransportAddress | Error {
    const address = local.port === 0 ? transportAddress(local.ip, this.#freePort(local.ip)) : local;
    const key = formatAddress(address);
    if (this.#receivers.has(key)) return Object.assign(new Error(key), { code: 'EADDRINUSE' });
    this.#receivers.set(key, receive);
    return address;
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
  #socket: MemorySocket | undefined;

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
