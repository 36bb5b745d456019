import { createSocket, type Socket } from 'node:dgram';
import {
  transportAddress,
  type Base,
  type Datagrams,
  type ReceivedDatagram,
  type TransportAddress,
  type TransportPath,
} from '@wirepath/core/plugin';
import { encodeChannelData } from '@wirepath/stun-codec';

/** The transport's sockets in small: one UDP socket on loopback, framing as a transport does it. */
export class DgramDatagrams implements Datagrams {
  readonly bases: readonly Base[];
  /** What a relay handed in. */
  readonly received: { readonly path: TransportPath; readonly text: string }[] = [];
  /** Every datagram sent, before it is. Returning false loses it. */
  onSend: (bytes: Uint8Array, to: TransportAddress) => boolean = () => true;
  readonly address: TransportAddress;
  readonly #socket: Socket;
  readonly #listeners = new Set<(datagram: ReceivedDatagram) => void>();

  static async open(ip = '127.0.0.1', port = 0): Promise<DgramDatagrams> {
    const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, ip, resolve);
    });
    return new DgramDatagrams(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.address = transportAddress(address, port);
    const base: Base = { id: `udp-${port}`, family: this.address.family, port, shared: true };
    this.bases = [base];
    socket.on('message', (bytes, from) =>
      this.inject({ kind: 'socket', base, remote: transportAddress(from.address, from.port) }, bytes),
    );
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** As if it had come in on the socket. */
  inject(path: TransportPath, bytes: Uint8Array): void {
    for (const listener of [...this.#listeners]) listener({ path, bytes });
  }

  openBase(): Promise<Base> {
    return Promise.reject(new Error('not part of this fake'));
  }

  closeBase(): void {}

  send(path: TransportPath, bytes: Uint8Array): void {
    if (path.kind === 'socket') return this.#transmit(bytes, path.remote);
    const { framing } = path;
    if (framing.kind === 'stream') framing.send(bytes);
    else this.#transmit(encodeChannelData(framing.channel, bytes), framing.server);
  }

  onDatagram(listener: (datagram: ReceivedDatagram) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  receive(path: TransportPath, bytes: Uint8Array): void {
    this.received.push({ path, text: Buffer.from(bytes).toString() });
    this.inject(path, bytes);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #transmit(bytes: Uint8Array, to: TransportAddress): void {
    if (this.onSend(bytes, to)) this.#socket.send(bytes, to.port, to.ip);
  }
}
