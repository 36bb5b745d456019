import { createSocket, type Socket } from 'node:dgram';
import {
  transportAddress,
  type Base,
  type Datagrams,
  type ReceivedDatagram,
  type TransportPath,
} from '@wirepath/core/plugin';

/** The transport's sockets in small: real ones, each on the wildcard address of its family. */
export class DgramDatagrams implements Datagrams, AsyncDisposable {
  readonly #sockets = new Map<string, { readonly base: Base; readonly socket: Socket }>();
  readonly #listeners = new Set<(datagram: ReceivedDatagram) => void>();
  #nextId = 1;

  /** With one shared base per family. */
  static async open(families: readonly (4 | 6)[] = [4]): Promise<DgramDatagrams> {
    const datagrams = new DgramDatagrams();
    for (const family of families) await datagrams.#bind(family, true);
    return datagrams;
  }

  get bases(): readonly Base[] {
    return [...this.#sockets.values()].map(({ base }) => base);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  openBase(family: 4 | 6): Promise<Base> {
    return this.#bind(family, false);
  }

  closeBase({ id }: Base): void {
    this.#sockets.get(id)?.socket.close();
    this.#sockets.delete(id);
  }

  send(path: TransportPath, bytes: Uint8Array): void {
    if (path.kind !== 'socket') return;
    this.#sockets.get(path.base.id)?.socket.send(bytes, path.remote.port, path.remote.ip);
  }

  onDatagram(listener: (datagram: ReceivedDatagram) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  receive(path: TransportPath, bytes: Uint8Array): void {
    for (const listener of [...this.#listeners]) listener({ path, bytes });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const base of this.bases) this.closeBase(base);
  }

  async #bind(family: 4 | 6, shared: boolean): Promise<Base> {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, resolve);
    });
    const base: Base = { id: `udp${family}-${this.#nextId++}`, family, port: socket.address().port, shared };
    socket.on('message', (bytes, { address, port }) =>
      this.receive({ kind: 'socket', base, remote: transportAddress(address, port) }, bytes),
    );
    this.#sockets.set(base.id, { base, socket });
    return base;
  }
}
